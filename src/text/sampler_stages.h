// The stages of the sampler chain by their names.
//
// Contract: the names are llama-server's; every stage has one.
// Not here: what a stage does (text/sampler.cpp).
#pragma once

#include <string_view>

namespace hearth::text {

enum class Stage { kPenalties, kDry, kTopNSigma, kTopK, kTypicalP, kTopP, kMinP, kXtc, kTemperature };

inline constexpr struct StageName {
  const char* name;
  Stage stage;
} kStages[] = {{"penalties", Stage::kPenalties}, {"dry", Stage::kDry},     {"top_n_sigma", Stage::kTopNSigma},
               {"top_k", Stage::kTopK},          {"typ_p", Stage::kTypicalP}, {"top_p", Stage::kTopP},
               {"min_p", Stage::kMinP},          {"xtc", Stage::kXtc},     {"temperature", Stage::kTemperature}};

inline const Stage* find_stage(std::string_view name) {
  for (const StageName& entry : kStages) {
    if (name == entry.name) return &entry.stage;
  }
  return nullptr;
}

}  // namespace hearth::text
