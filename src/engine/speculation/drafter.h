// Drafter: guesses the tokens that come next.
//
// Contract: it is told the timeline token by token; its guesses may be anything, since every one is verified. Each guess
// belongs to a class of confidence, for which the share of right ones is learnt.
// Not here: how many guesses are worth a trial (speculation/speculator.h), the trial itself (engine/verify.cpp).
#pragma once

#include <cstdint>
#include <span>

#include "text/sampler.h"

namespace hearth {

class Drafter {
 public:
  static constexpr int kClasses = 8;  // of confidence; 0 is the lowest
  static constexpr int kNoGuess = -1;

  virtual ~Drafter() = default;
  // An answer to `timeline` begins, drawn with these options.
  virtual void begin(std::span<const int32_t> timeline, const text::SamplerOptions& options) = 0;
  // The timeline goes on with `token`.
  virtual void extend(int32_t token) = 0;
  // Class of the guess that lies `ahead` tokens after the first; kNoGuess if there is none.
  virtual int confidence(int ahead) const = 0;
  // Guesses for the next tokens: at most `most`, perhaps fewer. Valid until the next call.
  virtual std::span<const int32_t> propose(int most) = 0;
  // A guess costs next to nothing, so that each may be compared with what comes without a trial.
  virtual bool is_free() const = 0;
  // Tokens of the timeline that it has to run itself before it can guess.
  virtual int64_t backlog() const { return 0; }
  // Works the backlog off ahead of time, as part of reading the prompt.
  virtual void catch_up() {}
};

}  // namespace hearth
