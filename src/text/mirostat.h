// Mirostat (Basu et al., 2020): keeps as many of the likeliest tokens as make answers of a wanted surprise, and learns from
// what was drawn.
//
// Contract: version 1 estimates the slope of the distribution from its best 100 tokens, version 2 keeps what is no more
// surprising than `mu`; mu starts at 2 * tau. observe() is called once per token that is drawn, in order.
// Not here: the draw (text/sampler.cpp).
#pragma once

#include <cstdint>

#include "text/candidates.h"
#include "text/sampler.h"

namespace hearth::text {

class Mirostat {
 public:
  Mirostat(const SamplerOptions& options, int32_t vocabulary)
      : version_(options.mirostat), tau_(options.mirostat_tau), eta_(options.mirostat_eta), vocabulary_(vocabulary), mu_(2 * tau_) {}
  bool active() const { return version_ != 0; }
  // How many of the best tokens stay: at least one.
  int64_t keep(CandidateSet& candidates, float inverse_temperature) const;
  // The probability, among those that stayed, of the token that was drawn.
  void observe(double probability);

 private:
  int64_t keep_by_slope(CandidateSet& candidates, float inverse_temperature) const;
  int64_t keep_by_surprise(CandidateSet& candidates, float inverse_temperature) const;

  const int version_;
  const double tau_, eta_;
  const int32_t vocabulary_;
  double mu_;
};

}  // namespace hearth::text
