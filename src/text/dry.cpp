// Contract and exclusions: text/dry.h.
#include "text/dry.h"

#include <algorithm>

#include "kernels/ref/math.h"
#include "text/sequence_breakers.h"

namespace hearth::text {

namespace {

constexpr double kMaxLog = 88.7;        // of a power that is a finite float
constexpr double kMaxPenalty = 1e30;
constexpr int64_t kUsualHistory = 4096;

}  // namespace

DryPenalty::DryPenalty(const SamplerOptions& options, int32_t vocabulary)
    : multiplier_(options.dry_multiplier), base_(options.dry_base), allowed_(options.dry_allowed_length),
      window_(options.dry_window), breakers_(options.dry_found) {
  if (!active()) return;
  if (base_ > 1.000001) most_exponent_ = static_cast<int64_t>(kMaxLog / kernels::ref::log64(base_));
  matches_.reserve(static_cast<size_t>(window_ > 0 ? std::min(window_, kUsualHistory) : kUsualHistory));
  repeats_.resize(static_cast<size_t>(vocabulary));
  seen_.reserve(static_cast<size_t>(vocabulary));
}

int64_t DryPenalty::unbroken(std::span<const int32_t> recent) const {
  const auto size = static_cast<int64_t>(recent.size());
  if (breakers_ == nullptr) return size;
  for (int64_t i = 0; i < size; ++i) {
    const int64_t follow = breakers_->match(recent.last(static_cast<size_t>(i + 1)));
    if (follow >= 0) return i - follow;
  }
  return size;
}

// The Z function of the reversed history: matches_[i] is found from those before, as every text is compared only once.
void DryPenalty::find_repeats(std::span<const int32_t> recent, int64_t limit) {
  const auto size = static_cast<int64_t>(recent.size());
  const auto from_end = [&](int64_t i) { return recent[static_cast<size_t>(size - 1 - i)]; };
  if (static_cast<int64_t>(matches_.size()) < size) matches_.resize(static_cast<size_t>(size));
  int64_t begin = 0, end = 0;  // the stretch of what is known to match that reaches furthest
  for (int64_t i = 1; i < size; ++i) {
    int64_t length = i < end ? std::min<int64_t>(matches_[static_cast<size_t>(i - begin)], end - i) : 0;
    while (i + length < size && from_end(length) == from_end(i + length)) ++length;
    matches_[static_cast<size_t>(i)] = static_cast<int32_t>(length);
    if (i + length > end) begin = i, end = i + length;
    const int64_t repeat = std::min(length, limit);
    const int32_t next = from_end(i - 1);
    if (repeat < allowed_ || next < 0 || static_cast<size_t>(next) >= repeats_.size()) continue;
    int32_t& longest = repeats_[static_cast<size_t>(next)];
    if (longest == 0) seen_.push_back(next);
    longest = std::max(longest, static_cast<int32_t>(repeat + 1));
  }
}

float DryPenalty::penalty(int64_t repeat) const {
  int64_t exponent = repeat - allowed_;
  if (most_exponent_ > 0) exponent = std::min(exponent, most_exponent_);
  double power = 1, factor = base_;
  for (; exponent > 0; exponent >>= 1, factor *= factor) {
    if (exponent & 1) power *= factor;
  }
  return static_cast<float>(std::min(static_cast<double>(multiplier_) * power, kMaxPenalty));
}

void DryPenalty::apply(std::span<const int32_t> history, CandidateSet& candidates) {
  if (!active()) return;
  if (window_ > 0 && static_cast<int64_t>(history.size()) > window_) history = history.last(static_cast<size_t>(window_));
  if (static_cast<int64_t>(history.size()) <= allowed_) return;
  const int64_t limit = unbroken(history);
  if (limit < allowed_) return;
  find_repeats(history, limit);
  const std::span<float> values = candidates.writable();
  for (const int32_t token : seen_) {
    const int64_t repeat = repeats_[static_cast<size_t>(token)] - 1;
    repeats_[static_cast<size_t>(token)] = 0;
    const int32_t index = candidates.find(token);
    if (index < 0 || (breakers_ != nullptr && breakers_->breaks_alone(token))) continue;
    values[static_cast<size_t>(index)] -= penalty(repeat);
  }
  seen_.clear();
}

}  // namespace hearth::text
