// Contract and exclusions: step_times.h.
#include "engine/serving/step_times.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr double kSlow = 1.0 / 8;       // share of a new sample that was better than expected
constexpr int64_t kTellingTokens = 2;   // fewer say little about the price of one
constexpr double kLeastShare = 1.0 / 3; // of the time of the answers: where many are made, a prompt must get on, too
constexpr int64_t kGrain = 8;           // pieces are multiples of it where they are larger than twice that

}  // namespace

// More answers cost more, though less than in proportion; an estimate from above errs on the side of short steps.
double StepTimes::answers_seconds(int64_t answers) const {
  if (answers == 0 || step_answers_ == 0) return 0;
  if (answers <= step_answers_) return step_;
  return step_ * (1 + 0.15 * static_cast<double>(answers - step_answers_));
}

void StepTimes::measured(int64_t answers, int64_t prompt_tokens, double seconds) {
  if (prompt_tokens == 0) {
    if (answers == 0) return;
    const bool other = answers != step_answers_;
    step_ = other ? seconds : step_ + (seconds - step_) * (seconds > step_ ? 0.5 : kSlow);
    step_answers_ = answers;
    return;
  }
  if (prompt_tokens < kTellingTokens && per_token_ > 0) return;
  // At least half of its share by tokens is the prompt's, so that wrong times of the answers cannot make it look free.
  const double share = static_cast<double>(prompt_tokens) / static_cast<double>(prompt_tokens + answers);
  const double own = std::max(seconds - answers_seconds(answers), seconds * share / 2);
  const double sample = own / static_cast<double>(prompt_tokens);
  per_token_ += (sample - per_token_) * (sample > per_token_ ? 1.0 : kSlow);
}

int64_t StepTimes::prompt_tokens(int64_t answers, double seconds, int64_t most) const {
  if (per_token_ <= 0) return std::min(most, answers == 0 ? kFirstAlone : kFirstPiece);
  const double alone = answers_seconds(answers);
  const double left = std::max(seconds - alone, alone * kLeastShare);
  int64_t tokens = static_cast<int64_t>(std::min(left / per_token_, static_cast<double>(most)));
  if (tokens > 2 * kGrain) tokens -= tokens % kGrain;
  return std::min(most, std::max(tokens, kLeastPiece));
}

}  // namespace hearth
