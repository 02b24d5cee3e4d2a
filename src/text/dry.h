// "Don't repeat yourself": lowers tokens that would go on repeating a sequence, the more the longer it is by now.
//
// Contract: if emitting a token would lengthen a repeat of n tokens within the window, n at least the allowed length, its value
// loses multiplier * base^(n - allowed). A repeat does not reach back across a breaker; a token that breaks by itself is let
// be. Linear in the window. Not here: where in the chain it runs (text/sampler.cpp).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "text/candidates.h"
#include "text/sampler.h"

namespace hearth::text {

class DryPenalty {
 public:
  // Off, it takes no memory and does nothing.
  DryPenalty(const SamplerOptions& options, int32_t vocabulary);
  bool active() const { return multiplier_ > 0 && window_ != 0; }
  void apply(std::span<const int32_t> history, CandidateSet& candidates);

 private:
  // Tokens at the end of `recent` that no breaker cuts off.
  int64_t unbroken(std::span<const int32_t> recent) const;
  void find_repeats(std::span<const int32_t> recent, int64_t limit);
  float penalty(int64_t repeat) const;

  const float multiplier_;
  const double base_;
  const int64_t allowed_, window_;
  const std::shared_ptr<const SequenceBreakers> breakers_;
  int64_t most_exponent_ = 0;        // 0: any
  std::vector<int32_t> matches_;     // [i]: how far the text up to i tokens before the end equals the text up to the end
  std::vector<int32_t> repeats_;     // of each token, 1 + the longest repeat that it would go on with; 0: none
  std::vector<int32_t> seen_;        // tokens with one
};

}  // namespace hearth::text
