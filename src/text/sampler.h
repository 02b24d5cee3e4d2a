// Logits -> token: bias, penalties and filters in a settable order, with counter-based randomness.
//
// Contract (docs/numerics.md, rule 8): order is logit descending, then id ascending; a shortcut selects exactly what a full
// sort would; Philox4x64-10 keyed by (seed, choice) with counter (position, draw). sample() allocates nothing, but for "dry"
// when the history outgrows what it has seen. Bias comes first, then the stages in `order`; a stage that `order` does not name
// is off. Of one answer every token is sampled once, in order: mirostat learns from them. One Sampler serves one thread.
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

class SequenceBreakers;

struct SamplerOptions {
  float temperature = 0.8f;         // 0: greedy, lowest id on ties; bias and penalties still act
  int32_t top_k = 40;               // 0: off
  float top_p = 0.95f;              // 1: off
  float min_p = 0.0f;               // 0: off
  float repetition_penalty = 1.0f;  // 1: off
  float presence_penalty = 0.0f;
  float frequency_penalty = 0.0f;
  int32_t penalty_window = 64;      // last tokens looked at; -1: all
  float typical_p = 1.0f;           // 1: off
  float top_n_sigma = -1.0f;        // keeps logits within so many standard deviations of the best; 0 or less: off
  float xtc_probability = 0.0f;     // how often the likeliest tokens are taken out; 0: off
  float xtc_threshold = 0.1f;       // of those at least so likely, all but the last; above 0.5: off
  float dynamic_range = 0.0f;       // temperature +- this, by the entropy of what is left; 0: off
  float dynamic_exponent = 1.0f;
  int32_t min_keep = 0;             // tokens that typ_p, top_p, min_p and xtc leave at least
  float dry_multiplier = 0.0f;      // 0: off
  float dry_base = 1.75f;
  int32_t dry_allowed_length = 2;   // repeats up to so many tokens go free
  int32_t dry_window = 64;          // last tokens looked at; -1: all
  std::vector<std::string> dry_breakers = {"\n", ":", "\"", "*"};  // texts that no repeat reaches across
  std::shared_ptr<const SequenceBreakers> dry_found;              // these in the vocabulary; none: nothing breaks a repeat
  int32_t mirostat = 0;             // 1 or 2: takes the place of every stage but penalties, dry and temperature
  float mirostat_tau = 5.0f;        // the surprise it aims at, in bits
  float mirostat_eta = 0.1f;        // how fast it learns
  std::vector<std::pair<int32_t, float>> logit_bias;  // -inf bans
  std::vector<std::string> order = {"penalties", "dry", "top_n_sigma", "top_k", "typ_p", "top_p", "min_p", "xtc", "temperature"};
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
  // `history`: the timeline so far, prompt included. position = history.size(). `banned`: not to be drawn this time, unless
  // nothing else is left; ids of the vocabulary.
  // `allowed`, if given, bit t of word t / 64: only such tokens, whatever else would remain.
  Sampled sample(std::span<const float> logits, std::span<const int32_t> history, std::span<const int32_t> banned = {},
                 std::span<const uint64_t> allowed = {});
  // A token that is not drawn but known, with its log-probabilities.
  Sampled taken(std::span<const float> logits, int32_t id);
  // What sample() draws from at this position, in id order: the tokens that pass every stage, with their probabilities.
  std::vector<TokenProbability> distribution(std::span<const float> logits, std::span<const int32_t> history);

 private:
  struct Impl;
  explicit Sampler(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::text
