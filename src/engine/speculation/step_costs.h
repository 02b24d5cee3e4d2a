// StepCosts: what a step of n tokens costs beside a step of one, from measured times.
//
// Contract: sizes that were not measured are estimated from the others; before the first measurement a cautious guess
// stands. Late measurements count most, outliers little. Shared by all sessions of an engine, if there are several: n is
// the whole batch. Not thread-safe.
// Not here: what a step brings (speculation/speculator.h).
#pragma once

#include <array>
#include <cstdint>

namespace hearth {

class StepCosts {
 public:
  static constexpr int kMaxTokens = 64;

  // A step of `tokens` took `seconds`. Steps beyond kMaxTokens are not looked at.
  void measured(int tokens, double seconds);
  bool known() const { return single_.count > 0; }
  double single_seconds() const { return single_.value; }  // of a step of one token
  // Cost of a step of `tokens` in steps of one token; at least 1, never less for more tokens.
  double ratio(int tokens) const;

 private:
  struct Mean {
    double value = 0;
    int count = 0;
    void add(double sample, int window);
  };
  double line(int tokens) const { return 1 + slope_ * (tokens - 1); }

  Mean single_;
  std::array<Mean, kMaxTokens + 1> ratios_;  // [tokens]
  double slope_ = 0.15;  // of the line through (1, 1): what one more token costs
  int slope_samples_ = 0;
};

}  // namespace hearth
