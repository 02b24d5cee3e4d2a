// Depth by expected gain, under a budget; contract and exclusions: speculator.h.
#include "engine/speculation/speculator.h"

#include <algorithm>

namespace hearth {
namespace {

// Every step pays this share of its time into the budget that trials may lose, and trials that pay fill it again.
constexpr double kShare = 0.015;
constexpr double kOverdraft = 0.5;   // single steps that may be lost before anything was paid in
constexpr double kMaxCredit = 8;      // single steps; a good stretch does not pay for a long bad one
constexpr double kLeastGain = 1.04;   // measured times are not that exact
constexpr double kLearning = 1.0 / 24;
constexpr double kForgetting = 0.25;  // between answers, towards the first guess: another text may be easier
constexpr double kBacklogCost = 0.3;  // of a guess; tokens that are known run together

// The share of right guesses before any was seen, by class.
constexpr std::array<double, Drafter::kClasses> kFirstRight = {0.25, 0.4, 0.5, 0.6, 0.7, 0.8, 0.88, 0.95};

}  // namespace

Speculator::Speculator(std::vector<std::unique_ptr<Drafter>> drafters, const Options& options) : options_(options) {
  CHECK(options.max_depth >= 1 && options.max_depth <= kMaxDepth);
  for (auto& drafter : drafters) {
    Source source;
    source.drafter = std::move(drafter);
    source.right = kFirstRight;
    sources_.push_back(std::move(source));
  }
}

void Speculator::begin(std::span<const int32_t> timeline, const text::SamplerOptions& options) {
  stats_ = {};
  drafted_ = 0;
  credit_ = 0;
  drafting_ = nullptr;
  draft_seconds_ = 0;
  step_ns_ = 0;
  for (Source& source : sources_) {
    source.guess_class = Drafter::kNoGuess;
    source.drafter->begin(timeline, options);
    for (int i = 0; i < Drafter::kClasses; ++i) source.right[i] += (kFirstRight[i] - source.right[i]) * kForgetting;
    // Reading the prompt a second time must promise something.
    if (!source.drafter->is_free() && (!options_.adaptive || best_depth(source, options_.max_depth).depth > 0)) {
      source.drafter->catch_up();
    }
  }
}

void Speculator::learn(Source& source, int confidence, bool right) {
  source.right[confidence] += ((right ? 1.0 : 0.0) - source.right[confidence]) * kLearning;
}

void Speculator::extend(int32_t token) {
  for (Source& source : sources_) {
    if (source.drafter->is_free() && source.guess_class >= 0) learn(source, source.guess_class, source.guess == token);
    source.drafter->extend(token);
    if (!source.drafter->is_free()) continue;
    source.guess_class = source.drafter->confidence(0);
    const std::span<const int32_t> guess = source.drafter->propose(1);
    if (guess.empty()) source.guess_class = Drafter::kNoGuess;
    if (!guess.empty()) source.guess = guess[0];
  }
}

// The depth with the most expected tokens per time, those of other sessions in the step included. Costs are in steps without
// this session's guesses.
Speculator::Plan Speculator::best_depth(Source& source, int most) const {
  Plan best{&source, 0, kLeastGain};
  const double without = costs().ratio(1 + others_);
  const double single = costs().known() ? costs().single_seconds() * without : 0;
  const double guess_cost = single > 0 ? source.seconds_per_guess / single : 0;
  const double backlog_cost = guess_cost * kBacklogCost * static_cast<double>(source.drafter->backlog());
  const double affordable = single > 0 ? credit_ / single + kOverdraft : kOverdraft;
  double tokens = 1, still_right = 1;
  for (int depth = 1; depth <= most; ++depth) {
    const int confidence = source.drafter->confidence(depth - 1);
    if (confidence < 0) break;
    still_right *= source.right[confidence];
    tokens += still_right;
    const double cost = costs().ratio(1 + others_ + depth) / without + guess_cost * depth + backlog_cost;
    if (cost - 1 > affordable) break;
    const double gain = (others_ + tokens) / (others_ + 1) / cost;
    if (gain > best.gain) best = {&source, depth, gain};
  }
  return best;
}

std::span<const int32_t> Speculator::propose(const Plan& plan) {
  Source& source = *plan.source;
  const auto backlog = static_cast<double>(source.drafter->backlog());
  for (int i = 0; i < plan.depth; ++i) draft_classes_[i] = std::max(0, source.drafter->confidence(i));
  const int64_t start = options_.clock->now_ns();
  const std::span<const int32_t> draft = source.drafter->propose(plan.depth);
  draft_seconds_ = static_cast<double>(options_.clock->now_ns() - start) * 1e-9;
  if (!source.drafter->is_free() && !draft.empty()) {
    const double sample = draft_seconds_ / (static_cast<double>(draft.size()) + backlog * kBacklogCost);
    source.timed = std::min(source.timed + 1, 16);
    source.seconds_per_guess += (sample - source.seconds_per_guess) / source.timed;
  }
  drafting_ = &source;
  return draft;
}

std::span<const int32_t> Speculator::draft(int64_t room, int others) {
  drafted_ = 0;
  draft_seconds_ = 0;
  others_ = others;
  const int most = static_cast<int>(std::min<int64_t>({room, options_.max_depth, kMaxDepth - others}));
  if (most <= 0) return {};
  std::span<const int32_t> draft;
  if (!options_.adaptive) {
    for (Source& source : sources_) {
      if (draft.empty() && source.drafter->confidence(0) >= 0) draft = propose({&source, most, 1});
    }
  } else if (costs().known()) {  // the first step shows what one costs
    Plan best;
    for (Source& source : sources_) {
      const Plan plan = best_depth(source, most);
      if (plan.depth > 0 && plan.gain > best.gain) best = plan;
    }
    if (best.source != nullptr) draft = propose(best);
  }
  drafted_ = static_cast<int64_t>(draft.size());
  return draft;
}

void Speculator::step_failed() {
  drafted_ = 0;
  step_ns_ = 0;
}

void Speculator::step_done(int64_t accepted) {
  const double seconds = static_cast<double>(step_ns_) * 1e-9;
  step_ns_ = 0;
  own_costs_.measured(static_cast<int>(drafted_) + 1, seconds);
  judge_step(accepted, seconds);
}

void Speculator::shared_step_done(int64_t accepted, double seconds) {
  step_ns_ = 0;
  judge_step(accepted, seconds);
}

// A token more of this session is worth its share of a step, and what the guesses cost all sessions wait for.
void Speculator::judge_step(int64_t accepted, double seconds) {
  ++stats_.steps;
  stats_.drafted_tokens += drafted_;
  stats_.accepted_tokens += accepted;
  const double single = costs().single_seconds() * costs().ratio(1 + others_);
  credit_ += kShare * seconds - draft_seconds_;
  if (drafted_ > 0) credit_ += static_cast<double>(accepted) * single / (1 + others_) + single - seconds;
  credit_ = std::min(credit_, kMaxCredit * single);
  if (drafted_ > 0 && !drafting_->drafter->is_free()) {
    for (int64_t i = 0; i <= std::min(accepted, drafted_ - 1); ++i) learn(*drafting_, draft_classes_[i], i < accepted);
  }
  drafted_ = 0;
  draft_seconds_ = 0;
}

}  // namespace hearth
