// Contract and exclusions: text/mirostat.h.
#include "text/mirostat.h"

#include <algorithm>

#include "kernels/ref/math.h"

namespace hearth::text {

namespace {

constexpr double kLog2 = 0x1.62e42fefa39efp-1;
constexpr int64_t kSlopeTokens = 100;
constexpr int64_t kFirstHead = 64;

}  // namespace

int64_t Mirostat::keep(CandidateSet& candidates, float inverse_temperature) const {
  return version_ == 1 ? keep_by_slope(candidates, inverse_temperature) : keep_by_surprise(candidates, inverse_temperature);
}

// Zipf's exponent by least squares over neighbours in rank, and from it how many tokens have the surprise mu together.
int64_t Mirostat::keep_by_slope(CandidateSet& candidates, float inverse_temperature) const {
  using kernels::ref::log64, kernels::ref::pow64;
  candidates.weigh(inverse_temperature);
  const auto head = candidates.head(kSlopeTokens);
  double products = 0, squares = 0;
  for (size_t i = 0; i + 1 < head.size() && candidates.weight(head[i + 1].index) > 0; ++i) {
    const double rank = log64(static_cast<double>(i + 2) / static_cast<double>(i + 1));
    const double fall = (static_cast<double>(head[i].value) - static_cast<double>(head[i + 1].value)) *
                        static_cast<double>(inverse_temperature);
    products += rank * fall;
    squares += rank * rank;
  }
  if (squares == 0) return 1;                // one token has all of it
  const double slope = products / squares;
  if (slope <= 0) return candidates.size();  // all alike
  const double excess = slope - 1;
  const double scale = excess == 0 ? 1 / log64(vocabulary_) : excess / (1 - pow64(vocabulary_, -excess));
  const double most = pow64(scale * pow64(2, mu_), 1 / slope);
  if (!(most < static_cast<double>(candidates.size()))) return candidates.size();
  return std::max<int64_t>(1, static_cast<int64_t>(most));
}

int64_t Mirostat::keep_by_surprise(CandidateSet& candidates, float inverse_temperature) const {
  const double log_sum = kernels::ref::log64(static_cast<double>(candidates.weigh(inverse_temperature)));
  const double maximum = candidates.maximum();
  int64_t kept = 0;
  for (int64_t count = kFirstHead; kept < candidates.size(); count *= 8) {
    const auto head = candidates.head(count);
    for (; kept < static_cast<int64_t>(head.size()); ++kept) {
      const double value = head[static_cast<size_t>(kept)].value;
      const double surprise = (log_sum - (value - maximum) * static_cast<double>(inverse_temperature)) / kLog2;
      if (surprise > mu_) return std::max<int64_t>(1, kept);
    }
  }
  return std::max<int64_t>(1, kept);
}

void Mirostat::observe(double probability) {
  const double surprise = -kernels::ref::log64(probability) / kLog2;
  mu_ -= eta_ * (surprise - tau_);
}

}  // namespace hearth::text
