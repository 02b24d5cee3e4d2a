// Decisions on a clock that the test moves: guesses that are right are used far ahead, others hardly at all, and what was
// lost stays within the budget.
#include "engine/speculation/speculator.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace hearth {
namespace {

class SetClock final : public Clock {
 public:
  int64_t now_ns() const override { return now; }
  mutable int64_t now = 0;
};

// Right with a chance that the test sets; guessing may cost time.
class ChanceDrafter final : public Drafter {
 public:
  ChanceDrafter(SetClock* clock, bool free, int64_t cost_ns) : clock_(clock), free_(free), cost_ns_(cost_ns) {}
  void begin(std::span<const int32_t>, const text::SamplerOptions&) override { caught_up = false; }
  void extend(int32_t) override {}
  int confidence(int) const override { return 3; }
  std::span<const int32_t> propose(int most) override {
    clock_->now += free_ ? 0 : cost_ns_ * most;
    draft_.assign(static_cast<size_t>(most), kGuess);
    return draft_;
  }
  bool is_free() const override { return free_; }
  void catch_up() override { caught_up = true; }

  static constexpr int32_t kGuess = 1;
  bool caught_up = false;

 private:
  SetClock* clock_;
  bool free_;
  int64_t cost_ns_;
  std::vector<int32_t> draft_;
};

constexpr int64_t kStepNs = 10'000'000;

// A model whose step of n tokens costs 1 + slope (n - 1) steps of one, and a text in which a guess is right at random.
class Simulation {
 public:
  explicit Simulation(double slope, bool free = true, int64_t guess_ns = 0, bool adaptive = true) : slope_(slope) {
    std::vector<std::unique_ptr<Drafter>> drafters;
    auto drafter = std::make_unique<ChanceDrafter>(&clock_, free, guess_ns);
    drafter_ = drafter.get();
    drafters.push_back(std::move(drafter));
    speculator_ = std::make_unique<Speculator>(std::move(drafters), Speculator::Options{31, adaptive, &clock_});
    begin();
  }

  void begin() { speculator_->begin({}, {}); }

  // Time beside that of token by token, for so many tokens of an answer.
  double run(int tokens, double chance) {
    const int64_t start = clock_.now;
    int done = 0;
    while (done < tokens) {
      const auto drafted = static_cast<int64_t>(speculator_->draft(tokens - done - 1).size());
      speculator_->start_clock();
      clock_.now += static_cast<int64_t>(static_cast<double>(kStepNs) * (1 + slope_ * static_cast<double>(drafted)));
      speculator_->stop_clock();
      int64_t right = 0;
      for (; right <= drafted; ++right) {
        const bool guessed = random() < chance;
        speculator_->extend(guessed ? ChanceDrafter::kGuess : 2);
        ++done;
        if (!guessed) break;
      }
      right = std::min(right, drafted);
      speculator_->step_done(right);
      deepest_ = std::max(deepest_, drafted);
    }
    return static_cast<double>(clock_.now - start) / (static_cast<double>(done) * kStepNs);
  }

  const SpeculationStats& stats() const { return speculator_->stats(); }
  int64_t deepest() const { return deepest_; }
  const ChanceDrafter& drafter() const { return *drafter_; }

 private:
  double random() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<double>(state_ >> 40) / static_cast<double>(1 << 24);
  }

  SetClock clock_;
  double slope_;
  ChanceDrafter* drafter_;
  std::unique_ptr<Speculator> speculator_;
  uint64_t state_ = 5;
  int64_t deepest_ = 0;
};

TEST(Speculator, CopiedTextIsTakenInLongSteps) {
  Simulation cheap(0.05);
  EXPECT_LT(cheap.run(600, 0.98), 0.25);
  EXPECT_GE(cheap.deepest(), 12);
  Simulation dear(0.25);  // each further token costs a quarter of a step
  const double time = dear.run(600, 0.98);
  EXPECT_LT(time, 0.5);
  EXPECT_GT(time, 0.25);
}

TEST(Speculator, WrongGuessesCostNextToNothing) {
  for (const double chance : {0.0, 0.05, 0.1, 0.2}) {
    for (const double slope : {0.05, 0.2, 0.5, 1.0}) {
      for (const int tokens : {100, 300, 2000}) {
        Simulation prose(slope);
        EXPECT_LT(prose.run(tokens, chance), 1.03) << "chance " << chance << " slope " << slope << " tokens " << tokens;
      }
    }
  }
}

TEST(Speculator, DepthFollowsTheText) {
  Simulation text(0.1);
  EXPECT_LT(text.run(1000, 0.02), 1.03);
  const int64_t wrong = text.stats().drafted_tokens;
  EXPECT_LT(text.run(400, 0.97), 0.45);  // it notices without trials that guesses are right now
  EXPECT_GT(text.stats().drafted_tokens, wrong + 200);
  EXPECT_LT(text.run(2000, 0.02), 1.03);
}

TEST(Speculator, GuessesThatCostTimeMustPayForIt) {
  Simulation slow(0.1, /*free=*/false, /*guess_ns=*/kStepNs * 9 / 10);
  EXPECT_LT(slow.run(1000, 0.7), 1.03);
  Simulation quick(0.05, /*free=*/false, /*guess_ns=*/kStepNs / 10);
  EXPECT_LT(quick.run(1000, 0.85), 0.6);
  quick.begin();
  EXPECT_TRUE(quick.drafter().caught_up);
  slow.begin();
  EXPECT_FALSE(slow.drafter().caught_up);  // reading the prompt twice would be for nothing
}

TEST(Speculator, DepthAndRoomAreLimits) {
  SetClock clock;
  std::vector<std::unique_ptr<Drafter>> drafters;
  drafters.push_back(std::make_unique<ChanceDrafter>(&clock, true, 0));
  Speculator speculator(std::move(drafters), {5, /*adaptive=*/false, &clock});
  speculator.begin({}, {});
  EXPECT_EQ(speculator.draft(100).size(), 5u);
  EXPECT_EQ(speculator.draft(3).size(), 3u);
  EXPECT_TRUE(speculator.draft(0).empty());
  EXPECT_TRUE(speculator.draft(-1).empty());
}

TEST(StepCosts, MeasuredSizesAndThoseBetween) {
  StepCosts costs;
  EXPECT_FALSE(costs.known());
  for (int i = 0; i < 40; ++i) {
    costs.measured(1, 0.010);
    costs.measured(4, 0.012);
    costs.measured(16, 0.020);
  }
  EXPECT_NEAR(costs.single_seconds(), 0.010, 1e-9);
  EXPECT_EQ(costs.ratio(1), 1);
  EXPECT_NEAR(costs.ratio(4), 1.2, 0.05);
  EXPECT_NEAR(costs.ratio(16), 2.0, 0.1);
  for (int n = 2; n < 80; ++n) EXPECT_GE(costs.ratio(n), costs.ratio(n - 1));
  costs.measured(1, 10);  // another program had the processor
  EXPECT_LT(costs.single_seconds(), 0.011);
  costs.measured(0, 1);
  costs.measured(1, 0);
  costs.measured(1000, 1);
  EXPECT_LT(costs.ratio(16), 2.2);
}

}  // namespace
}  // namespace hearth
