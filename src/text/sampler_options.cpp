// Ranges of the sampler's options. Contract: validate() in text/sampler.h.
#include <algorithm>
#include <cstdio>
#include <limits>

#include "text/sampler.h"
#include "text/sampler_stages.h"
#include "text/sequence_breakers.h"

namespace hearth::text {

namespace {

constexpr float kMaxTemperature = 100.0f;
constexpr float kMaxRepetitionPenalty = 100.0f;
constexpr float kMaxAdditivePenalty = 100.0f;
constexpr float kMaxBias = 1000.0f;
constexpr float kMaxDry = 1000.0f;
constexpr int32_t kMaxLogprobs = 20;

Error out_of_range(const std::string& field, const std::string& value, const std::string& range) {
  return {ErrorCode::kInvalidArgument, field + " is " + value + "; it must be " + range};
}

std::string text_of(float value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%g", static_cast<double>(value));
  return buffer;
}

Result<void> check_range(const char* field, float value, float low, float high, const char* meaning = "") {
  // Written so that NaN fails.
  if (value >= low && value <= high) return {};
  return out_of_range(field, text_of(value), "between " + text_of(low) + " and " + text_of(high) + meaning);
}

Result<void> check_count(const char* field, int32_t value, int32_t low, const char* range) {
  if (value >= low) return {};
  return out_of_range(field, std::to_string(value), range);
}

Result<void> check_bias(const SamplerOptions& options, int32_t vocabulary) {
  std::vector<int32_t> banned;
  for (const auto& [id, bias] : options.logit_bias) {
    if (id < 0 || id >= vocabulary) {
      return out_of_range("logit_bias token id", std::to_string(id), "between 0 and " + std::to_string(vocabulary - 1));
    }
    if (bias == -std::numeric_limits<float>::infinity()) {
      banned.push_back(id);
    } else {
      TRY(check_range("logit_bias value", bias, -kMaxBias, kMaxBias, ", or -inf to ban the token"));
    }
  }
  std::sort(banned.begin(), banned.end());
  banned.erase(std::unique(banned.begin(), banned.end()), banned.end());
  if (static_cast<int64_t>(banned.size()) == vocabulary) {
    return Error{ErrorCode::kInvalidArgument, "logit_bias bans every token; leave at least one"};
  }
  return {};
}

Result<void> check_order(const SamplerOptions& options) {
  std::string known;
  for (const StageName& entry : kStages) known += std::string(known.empty() ? "" : ", ") + entry.name;
  for (size_t i = 0; i < options.order.size(); ++i) {
    const std::string& name = options.order[i];
    if (find_stage(name) == nullptr) {
      return Error{ErrorCode::kInvalidArgument, "order names the unknown stage '" + name + "'; there are " + known};
    }
    if (std::find(options.order.begin(), options.order.begin() + static_cast<int64_t>(i), name) !=
        options.order.begin() + static_cast<int64_t>(i)) {
      return Error{ErrorCode::kInvalidArgument, "order names '" + name + "' twice; each stage may run once"};
    }
  }
  return {};
}

Result<void> check_penalties(const SamplerOptions& options) {
  TRY(check_range("repetition_penalty", options.repetition_penalty, 0.01f, kMaxRepetitionPenalty, " (1: off)"));
  TRY(check_range("presence_penalty", options.presence_penalty, -kMaxAdditivePenalty, kMaxAdditivePenalty, " (0: off)"));
  TRY(check_range("frequency_penalty", options.frequency_penalty, -kMaxAdditivePenalty, kMaxAdditivePenalty, " (0: off)"));
  TRY(check_count("penalty_window", options.penalty_window, -1, "0 or more, or -1 for all tokens"));
  TRY(check_range("dry_multiplier", options.dry_multiplier, 0.0f, kMaxDry, " (0: off)"));
  TRY(check_range("dry_base", options.dry_base, 1.0f, kMaxDry));
  TRY(check_count("dry_allowed_length", options.dry_allowed_length, 0, "0 or more"));
  TRY(check_count("dry_penalty_last_n", options.dry_window, -1, "0 or more, or -1 for all tokens"));
  return SequenceBreakers::validate(options.dry_breakers);
}

}  // namespace

Result<void> validate(const SamplerOptions& options, int32_t vocabulary) {
  if (vocabulary <= 0) return out_of_range("vocabulary", std::to_string(vocabulary), "at least 1");
  TRY(check_range("temperature", options.temperature, 0.0f, kMaxTemperature, " (0: always the best token)"));
  TRY(check_range("dynatemp_range", options.dynamic_range, 0.0f, kMaxTemperature, " (0: off)"));
  TRY(check_range("dynatemp_exponent", options.dynamic_exponent, 0.0f, 100.0f));
  TRY(check_count("top_k", options.top_k, 0, "0 (off) or more"));
  TRY(check_range("top_p", options.top_p, 0.0f, 1.0f, " (1: off)"));
  TRY(check_range("min_p", options.min_p, 0.0f, 1.0f, " (0: off)"));
  TRY(check_range("typical_p", options.typical_p, 0.0f, 1.0f, " (1: off)"));
  TRY(check_range("top_n_sigma", options.top_n_sigma, -1.0f, 1000.0f, " (0 or less: off)"));
  TRY(check_range("xtc_probability", options.xtc_probability, 0.0f, 1.0f, " (0: off)"));
  TRY(check_range("xtc_threshold", options.xtc_threshold, 0.0f, 1.0f, " (above 0.5: off)"));
  TRY(check_count("min_keep", options.min_keep, 0, "0 (off) or more"));
  TRY(check_penalties(options));
  if (options.mirostat < 0 || options.mirostat > 2) {
    return out_of_range("mirostat", std::to_string(options.mirostat), "0 (off), 1 or 2");
  }
  TRY(check_range("mirostat_tau", options.mirostat_tau, 0.0f, 100.0f));
  TRY(check_range("mirostat_eta", options.mirostat_eta, 0.0f, 1.0f));
  if (options.logprobs < -1 || options.logprobs > kMaxLogprobs) {
    return out_of_range("logprobs", std::to_string(options.logprobs),
                        "between 0 and " + std::to_string(kMaxLogprobs) + ", or -1 for none");
  }
  TRY(check_bias(options, vocabulary));
  return check_order(options);
}

}  // namespace hearth::text
