// StepTimes: how much of a prompt fits into a step beside answers that must not wait for it, from measured times.
//
// Contract: a step costs what its answers alone cost, plus a price per token of the prompt. Both are learnt; a step that
// took longer than expected counts at once, a shorter one slowly, since the price grows with the position in the prompt.
// Not thread-safe. Not here: what guesses cost (speculation/step_costs.h).
#pragma once

#include <cstdint>

namespace hearth {

class StepTimes {
 public:
  static constexpr int64_t kFirstPiece = 16;  // tokens, before anything was measured,
  static constexpr int64_t kFirstAlone = 128; // and where no answer waits
  static constexpr int64_t kLeastPiece = 2;   // however dear a token is

  void measured(int64_t answers, int64_t prompt_tokens, double seconds);
  // Prompt tokens that a step of so many answers can take within `seconds`, at most `most`.
  int64_t prompt_tokens(int64_t answers, double seconds, int64_t most) const;
  double seconds_per_prompt_token() const { return per_token_; }

 private:
  double answers_seconds(int64_t answers) const;

  double step_ = 0;        // a step of answers alone
  int64_t step_answers_ = 0;
  double per_token_ = 0;   // 0: unknown
};

}  // namespace hearth
