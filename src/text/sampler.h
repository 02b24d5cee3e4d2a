// Logits -> token: penalties, bias, temperature, top-k, top-p, min-p in a settable order, with counter-based randomness.
//
// Contract (docs/numerics.md, rule 8): order is logit descending, then id ascending; a shortcut selects exactly what a full
// sort would; Philox4x64-10 keyed by (seed, choice) with counter (position, draw). sample() never allocates. Bias comes
// first, then the stages in `order`; a stage that `order` does not name is off. One Sampler serves one thread.
// Not here: stop strings (text/stop_strings.h), grammars.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "hearth/error.h"
#include "kernels/table.h"

namespace hearth::text {

struct SamplerOptions {
  float temperature = 0.8f;         // 0: greedy, lowest id on ties; bias and penalties still act
  int32_t top_k = 40;               // 0: off
  float top_p = 0.95f;              // 1: off
  float min_p = 0.0f;               // 0: off
  float repetition_penalty = 1.0f;  // 1: off
  float presence_penalty = 0.0f;
  float frequency_penalty = 0.0f;
  int32_t penalty_window = 64;      // last tokens looked at; -1: all
  std::vector<std::pair<int32_t, float>> logit_bias;  // -inf bans
  std::vector<std::string> order = {"penalties", "top_k", "top_p", "min_p", "temperature"};
  uint64_t seed = 0;
  uint32_t choice = 0;              // index of the answer among n
  int32_t logprobs = -1;            // -1: none; n: with n alternatives (0..20)
};

// Checks ranges; the error names the field and its range.
Result<void> validate(const SamplerOptions& options, int32_t vocabulary);

struct TokenLogprob {
  int32_t id;
  float logprob;  // of the model's distribution at temperature 1, before any filter
};

struct TokenProbability {
  int32_t id;
  double probability;
};

struct Sampled {
  int32_t id;
  float logprob = 0;
  std::span<const TokenLogprob> alternatives;  // valid until the next call
};

class Sampler {
 public:
  static Result<std::unique_ptr<Sampler>> create(const SamplerOptions& options, int32_t vocabulary,
                                                 const kernels::KernelTable& table);
  ~Sampler();
  // `history`: the timeline so far, prompt included. position = history.size().
  Sampled sample(std::span<const float> logits, std::span<const int32_t> history);
  // What sample() draws from at this position, in id order: the tokens that pass every stage, with their probabilities.
  std::vector<TokenProbability> distribution(std::span<const float> logits, std::span<const int32_t> history);

 private:
  struct Impl;
  explicit Sampler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::text
