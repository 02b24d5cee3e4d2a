// Speculator: guesses ahead for one session, as far as measured times and the share of right guesses say that it pays.
//
// Contract: it decides how many guesses are put on trial, never which token comes: answers are the same bits with any
// speculator or none. Trials that did not pay are at most a small share of the time (kShare), paid for in advance; guesses
// that cost nothing are judged without a trial, so that it notices by itself when they begin to pay.
// Not here: trials (engine/verify.cpp), the token loop (engine/generate.cpp).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/clock.h"
#include "engine/speculation/drafter.h"
#include "engine/speculation/step_costs.h"

namespace hearth {

struct SpeculationStats {
  int64_t steps = 0;              // passes of the model after the prompt
  int64_t drafted_tokens = 0;     // put on trial
  int64_t accepted_tokens = 0;    // of these, right
};

class Speculator {
 public:
  static constexpr int kMaxDepth = StepCosts::kMaxTokens - 1;

  struct Options {
    int max_depth = kMaxDepth;    // most guesses in one step, 1 to kMaxDepth
    bool adaptive = true;         // false: always max_depth, whatever it costs
    const Clock* clock = &monotonic_clock();
    const StepCosts* shared_costs = nullptr;  // of all sessions of an engine, measured by whoever steps them; null: its own
  };
  // The first drafter is preferred where several promise the same.
  Speculator(std::vector<std::unique_ptr<Drafter>> drafters, const Options& options);

  // The prompt has been run and an answer begins.
  void begin(std::span<const int32_t> timeline, const text::SamplerOptions& options);
  // A token of the answer is known.
  void extend(int32_t token);
  // What to try after the last token that is known, at most `room` tokens; often nothing. `others`: tokens of other sessions
  // in the same step, which have to wait for it.
  std::span<const int32_t> draft(int64_t room, int others = 0);

  // The clock runs while the model does, not while tokens are drawn and shown.
  void start_clock() { started_ns_ = options_.clock->now_ns(); }
  void stop_clock() { step_ns_ += options_.clock->now_ns() - started_ns_; }
  // The step on the last draft is done: so many of its tokens stayed.
  void step_done(int64_t accepted);
  // The same for a step of several sessions, which took so long.
  void shared_step_done(int64_t accepted, double seconds);
  // The step could not be run; it is tried again without the draft.
  void step_failed();

  const SpeculationStats& stats() const { return stats_; }  // since begin()
  const StepCosts& costs() const { return options_.shared_costs ? *options_.shared_costs : own_costs_; }

 private:
  struct Source {
    std::unique_ptr<Drafter> drafter;
    std::array<double, Drafter::kClasses> right;  // share of right guesses
    double seconds_per_guess = 0;
    int timed = 0;
    int32_t guess = -1;                           // of a free drafter, for the next token
    int guess_class = Drafter::kNoGuess;
  };
  struct Plan {
    Source* source = nullptr;
    int depth = 0;
    double gain = 1;  // expected tokens per time of a single step
  };

  void learn(Source& source, int confidence, bool right);
  Plan best_depth(Source& source, int most) const;
  std::span<const int32_t> propose(const Plan& plan);
  void judge_step(int64_t accepted, double seconds);

  std::vector<Source> sources_;
  Options options_;
  StepCosts own_costs_;
  SpeculationStats stats_;
  double credit_ = 0;  // seconds that trials may cost; see kShare
  Source* drafting_ = nullptr;
  int64_t drafted_ = 0;  // tokens of the last draft
  int others_ = 0;       // tokens of other sessions beside it
  std::array<int, StepCosts::kMaxTokens> draft_classes_{};
  double draft_seconds_ = 0;
  int64_t started_ns_ = 0, step_ns_ = 0;
};

}  // namespace hearth
