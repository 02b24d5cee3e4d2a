// Running means of step times; contract and exclusions: step_costs.h.
#include "engine/speculation/step_costs.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr int kWindow = 16;       // samples that a mean remembers
constexpr int kOutlierAfter = 4;  // samples from which a mean knows what is unusual
constexpr double kOutlier = 2.0;  // a longer time than this many means counts as this many
constexpr int kLineWeight = 2;    // samples that the line stands for beside a size's own

}  // namespace

void StepCosts::Mean::add(double sample, int window) {
  if (count >= kOutlierAfter) sample = std::min(sample, value * kOutlier);
  if (count < window) ++count;
  value += (sample - value) / count;
}

void StepCosts::measured(int tokens, double seconds) {
  if (tokens < 1 || tokens > kMaxTokens || !(seconds > 0)) return;
  if (tokens == 1) return single_.add(seconds, kWindow);
  if (!known()) return;
  const double ratio = std::max(1.0, seconds / single_.value);
  ratios_[tokens].add(ratio, kWindow);
  const double slope = (std::min(ratio, kOutlier * line(tokens)) - 1) / (tokens - 1);
  slope_samples_ = std::min(slope_samples_ + 1, kWindow);
  slope_ += (slope - slope_) / (slope_samples_ + 1);  // the first guess counts as one sample
}

double StepCosts::ratio(int tokens) const {
  if (tokens <= 1) return 1;
  double most = 1;
  for (int n = 2; n <= std::min(tokens, kMaxTokens); ++n) {
    const Mean& mean = ratios_[n];
    const double estimate = (mean.count * mean.value + kLineWeight * line(n)) / (mean.count + kLineWeight);
    most = std::max(most, estimate);
  }
  return tokens <= kMaxTokens ? most : std::max(most, line(tokens));
}

}  // namespace hearth
