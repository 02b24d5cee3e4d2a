// The scheduler against a fake model and a fake clock: random schedules of answers, owners, cancels, errors and pools that
// are too small. Each schedule follows from its seed, which a failure prints.
//
// HEARTH_SCHEDULES=1000000 runs so many instead of 20,000; HEARTH_FIRST_SCHEDULE=N begins with seed N.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

#include "engine/serving/scheduler.h"

namespace hearth {
namespace {

constexpr int64_t kPage = 16;
constexpr int64_t kSecond = 1'000'000'000;

int64_t pages_for(int64_t positions) { return (positions + kPage - 1) / kPage; }

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(seed) {}
  int64_t below(int64_t limit) { return limit <= 1 ? 0 : static_cast<int64_t>(engine_() % static_cast<uint64_t>(limit)); }
  bool percent(int64_t chance) { return below(100) < chance; }

 private:
  std::mt19937_64 engine_;
};

struct FakeAnswer {
  int64_t prompt = 0, length = 0;
  std::string owner;
  int64_t fails_at = -1;     // tokens drawn when its step begins to fail
  int64_t stuck_at = -1;     // tokens drawn when it gets on no more
  int64_t unread_from = -1;  // tokens drawn when its reader reads no more,
  int64_t read_again_ns = 0; // until then
  bool cancelled = false;
  // How far it is.
  bool open = false, ended = false;
  int64_t held = 0, pages = 0, drawn = 0, cached = 0;  // positions in its session, pages of it, tokens; positions in the cache
  int64_t target() const { return prompt + std::max<int64_t>(0, drawn - 1); }
};

// What runs the steps: counts, not values. It checks what the scheduler asks of it.
class FakeModel {
 public:
  FakeModel(Random& random, const Scheduler::Options& options, int64_t pages, double seconds_per_token)
      : random_(random), options_(options), free_(pages), pages_(pages), seconds_per_token_(seconds_per_token) {}

  Scheduler::Runner functions() {
    Scheduler::Runner runner;
    runner.now_ns = [this] { return now_ns; };
    runner.pages = [this] { return Scheduler::Pages{free_, cached_pages()}; };
    runner.pages_of = [](int64_t tokens) { return pages_for(tokens); };
    runner.pages_needed = [this](AnswerId id, int64_t tokens) { return needed(answers.at(id), tokens); };
    runner.evict = [this](int64_t count) { return evict(count); };
    runner.behind = [this](AnswerId id) { return behind(answers.at(id)); };
    runner.open = [this](AnswerId id) { return open(id); };
    runner.close = [this](AnswerId id) { close(id); };
    runner.step = [this](std::span<Scheduler::Item> items) { return step(items); };
    runner.end = [this](AnswerId id, const Result<void>& outcome) { end(id, outcome); };
    return runner;
  }

  bool everything_is_back() const { return free_ + cached_pages() == pages_ && open_ == 0; }
  bool all_ended() const {
    return std::all_of(answers.begin(), answers.end(), [](const auto& one) { return one.second.ended; });
  }

  int64_t now_ns = 1;
  std::map<AnswerId, FakeAnswer> answers;
  std::map<std::string, int64_t> tokens_of;       // owner -> tokens drawn or read
  std::function<void(AnswerId)> cancel_meanwhile;  // what a client does during a step
  std::vector<double> gaps;                        // seconds of steps in which answers were made
  int64_t steps = 0, tokens = 0, idle_steps = 0;
  int interrupt_percent = 0;
  bool guesses = false;

 private:
  bool behind(const FakeAnswer& answer) const {
    return answer.unread_from >= 0 && answer.drawn > answer.unread_from && now_ns < answer.read_again_ns;
  }

  static int64_t needed(const FakeAnswer& answer, int64_t tokens) {
    return std::max<int64_t>(0, pages_for(answer.held + tokens) - answer.pages);
  }

  int64_t cached_pages() const {
    int64_t pages = 0;
    for (const auto& [id, answer] : answers) pages += pages_for(answer.cached);
    return pages;
  }

  int64_t evict(int64_t count) {
    int64_t freed = 0;
    for (auto& [id, answer] : answers) {
      if (freed >= count) break;
      freed += pages_for(answer.cached);
      answer.cached = 0;
    }
    free_ += freed;
    return freed;
  }

  Result<int64_t> open(AnswerId id) {
    FakeAnswer& answer = answers.at(id);
    EXPECT_FALSE(answer.open || answer.ended);
    if (random_.below(500) == 0) {
      answer.fails_at = answer.drawn;
      return Error{ErrorCode::kResource, "no session"};
    }
    answer.open = true;
    ++open_;
    EXPECT_LE(open_, options_.max_running);
    // The logits after a prompt have to be computed; later the next token is known.
    answer.held = std::min(answer.cached, answer.drawn > 0 ? answer.target() : answer.prompt - 1);
    answer.pages = pages_for(answer.held);
    free_ += pages_for(answer.cached) - answer.pages;
    answer.cached = 0;
    return answer.held;
  }

  void close(AnswerId id) {
    FakeAnswer& answer = answers.at(id);
    EXPECT_TRUE(answer.open && !answer.ended);
    const bool oldest = std::none_of(answers.begin(), answers.find(id), [](const auto& one) { return one.second.open; });
    if (oldest && open_ > 1 && !behind(answer)) closed_oldest_ = id;
    answer.open = false;
    --open_;
    free_ += answer.pages;
    if (random_.percent(60)) {
      answer.cached = answer.held;
      free_ -= pages_for(answer.cached);
    }
    answer.held = answer.pages = 0;
  }

  void check(std::span<const Scheduler::Item> items) {
    int64_t tokens = 0, pages = 0;
    std::set<AnswerId> ids;
    for (const Scheduler::Item& item : items) {
      const FakeAnswer& answer = answers.at(item.id);
      EXPECT_TRUE(answer.open && ids.insert(item.id).second);
      const int64_t left = answer.target() - answer.held;
      if (item.prompt_tokens > 0) {
        EXPECT_LE(item.prompt_tokens, left);
        EXPECT_EQ(item.prompt_ends, item.prompt_tokens == left);
      } else {
        EXPECT_TRUE(left == 0 && answer.drawn > 0 && !behind(answer));
      }
      const int64_t count = std::max<int64_t>(1, item.prompt_tokens);
      tokens += count;
      pages += needed(answer, count);
    }
    EXPECT_LE(tokens, options_.max_step_tokens);
    EXPECT_LE(pages, free_) << "the scheduler did not make room";
    EXPECT_GT(tokens, 0);
  }

  void take(Scheduler::Item& item) {
    FakeAnswer& answer = answers.at(item.id);
    if (answer.stuck_at >= 0 && answer.drawn >= answer.stuck_at) return;
    const bool drawn_before = answer.drawn > 0;
    int64_t count = std::max<int64_t>(1, item.prompt_tokens);
    if (guesses && item.may_guess && item.prompt_tokens == 0) {
      count = std::min(1 + random_.below(4), answer.length - answer.drawn);
      if (needed(answer, count) > free_) count = 1;
    }
    const int64_t pages = needed(answer, count);
    answer.pages += pages;
    free_ -= pages;
    answer.held += count;
    item.tokens = count;
    tokens += count;
    tokens_of[answer.owner] += count;
    if (item.prompt_tokens == 0) answer.drawn += count;
    if (item.prompt_ends && !drawn_before) answer.drawn = 1;
    item.finished = answer.drawn >= answer.length;
  }

  bool fails(const Scheduler::Item& item) const {
    const FakeAnswer& answer = answers.at(item.id);
    return answer.fails_at >= 0 && answer.drawn >= answer.fails_at;
  }

  Result<void> step(std::span<Scheduler::Item> items) {
    check(items);
    EXPECT_EQ(closed_oldest_, 0u) << "the oldest answer was preempted";
    ++steps;
    double seconds = 0.004;
    int64_t prompt = 0, made = 0;
    for (const Scheduler::Item& item : items) {
      const double far = 1 + static_cast<double>(answers.at(item.id).held) / 16384;
      seconds += seconds_per_token_ * far * (item.prompt_tokens > 0 ? static_cast<double>(item.prompt_tokens) : 3.0);
      prompt += item.prompt_tokens;
      made += item.prompt_tokens == 0 ? 1 : 0;
    }
    seconds *= 0.9 + 0.01 * static_cast<double>(random_.below(30));
    now_ns += static_cast<int64_t>(seconds * 1e9);
    if (made > 0 && prompt > 0) gaps.push_back(seconds);
    if (random_.percent(interrupt_percent)) {
      cancel_meanwhile(items[static_cast<size_t>(random_.below(static_cast<int64_t>(items.size())))].id);
      return Error{ErrorCode::kCancelled, "stopped"};
    }
    const bool failing = std::any_of(items.begin(), items.end(), [&](const auto& item) { return fails(item); });
    if (failing) {
      // Answers whose tokens were looked at before the error keep them.
      for (Scheduler::Item& item : items) {
        if (item.prompt_tokens == 0 && !fails(item) && random_.percent(30)) take(item);
      }
      return Error{ErrorCode::kNumeric, "not a number"};
    }
    for (Scheduler::Item& item : items) take(item);
    return {};
  }

  void end(AnswerId id, const Result<void>& outcome) {
    FakeAnswer& answer = answers.at(id);
    EXPECT_FALSE(answer.ended) << "ended twice";
    if (closed_oldest_ == id) closed_oldest_ = 0;
    EXPECT_FALSE(answer.open) << "ended with a session";
    answer.ended = true;
    if (outcome.ok()) {
      EXPECT_EQ(answer.drawn, answer.length);
    } else if (outcome.error().code == ErrorCode::kCancelled) {
      EXPECT_TRUE(answer.cancelled);
    } else if (outcome.error().code == ErrorCode::kNumeric) {
      EXPECT_TRUE(answer.fails_at >= 0 && answer.drawn >= answer.fails_at);
    } else if (outcome.error().code == ErrorCode::kInternal) {
      EXPECT_TRUE(answer.stuck_at >= 0 && answer.drawn >= answer.stuck_at);
    } else {
      EXPECT_EQ(outcome.error().code, ErrorCode::kResource);
      const bool too_large = pages_for(answer.target() + 1) > pages_;
      EXPECT_TRUE(too_large || (answer.fails_at >= 0 && answer.drawn >= answer.fails_at));
    }
  }

  Random& random_;
  const Scheduler::Options options_;
  int64_t free_, pages_;
  double seconds_per_token_;
  int open_ = 0;
  AnswerId closed_oldest_ = 0;  // and has not been said to have ended
};

// One random schedule. What clients do depends only on the seed.
class Schedule {
 public:
  explicit Schedule(uint64_t seed)
      : random_(seed), options_(random_options(random_)),
        model_(random_, options_, 4 + random_.below(random_.percent(30) ? 12 : 200),
               1e-5 * static_cast<double>(1 + random_.below(1000))),
        scheduler_(options_, model_.functions()) {
    model_.interrupt_percent = random_.percent(30) ? 5 : 0;
    model_.guesses = random_.percent(30);
    model_.cancel_meanwhile = [this](AnswerId id) {
      if (random_.percent(50)) cancel(id);
    };
  }

  void run() {
    int64_t left = 3 + random_.below(25);
    const int64_t busy = 1 + random_.below(60);  // percent of steps before which somebody comes
    int64_t without_progress = 0, calls = 0;
    for (bool more = true; more || left > 0;) {
      while (left > 0 && (random_.percent(busy) || !more)) {
        submit();
        --left;
        more = true;
      }
      if (random_.below(100) < 3 && last_ > 0) cancel(1 + static_cast<AnswerId>(random_.below(static_cast<int64_t>(last_))));
      const int64_t before = model_.tokens;
      more = scheduler_.step();
      without_progress = model_.tokens > before ? 0 : without_progress + 1;
      if (without_progress > 0) model_.now_ns += kSecond / 4;  // so that the watchdog has its time
      ASSERT_LT(without_progress, 600) << "nothing gets on";
      ASSERT_LT(++calls, 200000) << "it does not end";
      ASSERT_LE(scheduler_.running(), options_.max_running);
      ASSERT_EQ(scheduler_.view().size(), static_cast<size_t>(scheduler_.running() + scheduler_.waiting()));
    }
    EXPECT_TRUE(model_.all_ended());
    EXPECT_TRUE(model_.everything_is_back()) << "pages or sessions are lost";
    EXPECT_EQ(scheduler_.running() + scheduler_.waiting(), 0);
    EXPECT_EQ(scheduler_.shares().known(), 0u);
  }

  int64_t preemptions() const { return scheduler_.preemptions(); }

 private:
  static Scheduler::Options random_options(Random& random) {
    Scheduler::Options options;
    options.max_running = static_cast<int>(1 + random.below(random.percent(20) ? 40 : 6));
    options.queue_limit = static_cast<int>(random.below(30));
    options.max_step_tokens = std::max<int64_t>(options.max_running + 1, 8 + random.below(505));
    options.watchdog_seconds = 20;
    options.patience_seconds = static_cast<double>(random.below(4));
    options.reserve_tokens = random.below(64);
    return options;
  }

  void submit() {
    FakeAnswer answer;
    answer.prompt = 1 + random_.below(random_.percent(20) ? 800 : 60);
    answer.length = 1 + random_.below(random_.percent(10) ? 200 : 30);
    answer.owner = random_.percent(30) ? "owner " + std::to_string(last_) : "owner " + std::to_string(random_.below(3));
    if (random_.percent(5)) answer.fails_at = random_.below(answer.length);
    if (random_.percent(2)) answer.stuck_at = random_.below(answer.length);
    if (random_.percent(10)) {
      answer.unread_from = random_.below(answer.length);
      answer.read_again_ns = model_.now_ns + random_.below(60) * kSecond;
    }
    const bool full = scheduler_.running() + scheduler_.waiting() >= options_.max_running + options_.queue_limit;
    const AnswerId id = last_ + 1;
    const Result<void> queued = scheduler_.submit(id, answer.owner, answer.prompt);
    ASSERT_EQ(queued.ok(), !full);
    if (!queued.ok()) return;
    last_ = id;
    model_.answers[id] = answer;
  }

  void cancel(AnswerId id) {
    FakeAnswer& answer = model_.answers.at(id);
    answer.cancelled = true;
    scheduler_.cancel(id);
  }

  Random random_;
  Scheduler::Options options_;
  FakeModel model_;
  Scheduler scheduler_;
  AnswerId last_ = 0;
};

int64_t number_in(const char* variable, int64_t otherwise) {
  const char* value = std::getenv(variable);
  return value ? std::atoll(value) : otherwise;
}

TEST(SchedulerSimulation, RandomSchedulesLoseNothing) {
  const int64_t count = number_in("HEARTH_SCHEDULES", 20000), first = number_in("HEARTH_FIRST_SCHEDULE", 1);
  int64_t preemptions = 0;
  for (int64_t seed = first; seed < first + count; ++seed) {
    Schedule schedule(static_cast<uint64_t>(seed));
    schedule.run();
    preemptions += schedule.preemptions();
    ASSERT_FALSE(testing::Test::HasFailure()) << "schedule " << seed;
  }
  EXPECT_TRUE(count < 1000 || preemptions > count / 10) << "the schedules do not reach preemption";
}

// A workbench with large pools, for what is measured rather than searched.
struct Bench {
  explicit Bench(Scheduler::Options chosen, double seconds_per_token = 0.001)
      : random(1), options(chosen), model(random, options, 1 << 20, seconds_per_token), scheduler(options, model.functions()) {}

  AnswerId submit(const std::string& owner, int64_t prompt, int64_t length) {
    FakeAnswer answer;
    answer.owner = owner;
    answer.prompt = prompt;
    answer.length = length;
    model.answers[++last] = answer;
    EXPECT_TRUE(scheduler.submit(last, owner, prompt).ok());
    return last;
  }

  Random random;
  Scheduler::Options options;
  FakeModel model;
  Scheduler scheduler;
  AnswerId last = 0;
};

TEST(SchedulerSimulation, AnswersWaitLittleWhileALongPromptIsRead) {
  for (const double seconds_per_token : {0.0002, 0.001, 0.004, 0.01}) {
    Bench bench({}, seconds_per_token);
    const AnswerId talking = bench.submit("a", 20, 1 << 20);
    while (bench.model.answers[talking].drawn < 10) bench.scheduler.step();
    const AnswerId reading = bench.submit("b", 16384, 10);
    bench.model.gaps.clear();
    const int64_t start = bench.model.now_ns;
    while (!bench.model.answers[reading].ended) bench.scheduler.step();
    std::sort(bench.model.gaps.begin(), bench.model.gaps.end());
    EXPECT_LE(bench.model.gaps[bench.model.gaps.size() * 99 / 100], 0.15) << seconds_per_token;
    // Not much is lost to the one that is not disturbed: prompt tokens get most of each step.
    const double seconds = static_cast<double>(bench.model.now_ns - start) * 1e-9;
    EXPECT_LE(seconds, 16384 * seconds_per_token * 1.5 * 1.06 * 2.0) << seconds_per_token;
  }
}

TEST(SchedulerSimulation, APromptAloneIsReadInWholeSteps) {
  Bench bench({});
  bench.submit("a", 5000, 1);
  while (bench.scheduler.step()) {}
  EXPECT_EQ(bench.model.steps, 1 + (5000 - 128 + 511) / 512);  // the first one finds out what a token costs
}

TEST(SchedulerSimulation, NewcomersWaitLittleForAPromptOnASlowMachine) {
  Bench bench({}, 0.01);
  bench.submit("a", 5000, 1);
  int64_t before = bench.model.now_ns;
  double longest = 0;
  while (bench.scheduler.step()) {
    longest = std::max(longest, static_cast<double>(bench.model.now_ns - before) * 1e-9);
    before = bench.model.now_ns;
    if (bench.model.steps == 10) {
      bench.submit("b", 20, 1);
      while (!bench.model.answers[2].ended) bench.scheduler.step();
      EXPECT_LE(static_cast<double>(bench.model.now_ns - before) * 1e-9, 2 * 0.5 * 1.3);  // a step of the other's, and its own
      before = bench.model.now_ns;
    }
  }
  EXPECT_LE(longest, 1.5 * 1.3);
  EXPECT_GE(longest, 1);
}

TEST(SchedulerSimulation, OwnersShareAlikeHoweverMuchTheyAsk) {
  Bench bench({});
  const std::vector<int> answers = {1, 3, 20, 200};  // waiting at any time
  std::map<std::string, int> unfinished;
  for (int64_t step = 0; step < 20000; ++step) {
    unfinished.clear();
    for (const auto& [id, answer] : bench.model.answers) unfinished[answer.owner] += answer.ended ? 0 : 1;
    std::erase_if(bench.model.answers, [](const auto& one) { return one.second.ended && one.second.cached == 0; });
    for (size_t i = 0; i < answers.size(); ++i) {
      const std::string owner = "owner " + std::to_string(i);
      while (unfinished[owner] < answers[i]) {
        bench.submit(owner, 1 + bench.random.below(200), 1 + bench.random.below(100));
        ++unfinished[owner];
      }
    }
    bench.scheduler.step();
  }
  double sum = 0, squares = 0;
  for (const auto& [owner, tokens] : bench.model.tokens_of) {
    sum += static_cast<double>(tokens);
    squares += static_cast<double>(tokens) * static_cast<double>(tokens);
  }
  EXPECT_GE(sum * sum / (squares * static_cast<double>(answers.size())), 0.95);  // 1: all the same
}

TEST(SchedulerSimulation, AStreamOfNewcomersDoesNotStarveAnybody) {
  Scheduler::Options options;
  options.max_running = 2;
  options.patience_seconds = 1e9;  // by its turn alone
  Bench bench(options);
  // Has used much, while somebody else was there.
  const AnswerId other = bench.submit("other", 1, 1 << 20);
  const AnswerId large = bench.submit("large", 4000, 10);
  while (!bench.model.answers[large].ended) bench.scheduler.step();
  const AnswerId again = bench.submit("large", 10, 10);
  int64_t newcomers = 0;
  while (!bench.model.answers[again].open && newcomers < 2000) {
    if (bench.scheduler.waiting() < 4) bench.submit("newcomer " + std::to_string(++newcomers), 20, 10);
    bench.scheduler.step();
  }
  EXPECT_GT(newcomers, 5);     // they come first for a while,
  EXPECT_LT(newcomers, 1000);  // as they have used less
  EXPECT_FALSE(bench.model.answers[other].ended);
}

TEST(SchedulerSimulation, AnswersThatNobodyReadsCostTheOthersNothing) {
  Bench bench({});
  for (int i = 0; i < 50; ++i) {
    const AnswerId id = bench.submit("unread " + std::to_string(i), 10, 1 << 20);
    bench.model.answers[id].unread_from = 20;
    bench.model.answers[id].read_again_ns = INT64_MAX;
  }
  while (!bench.scheduler.pauses()) bench.scheduler.step();
  const int64_t unread = bench.model.tokens;
  EXPECT_LE(unread, 50 * (10 + 22));  // and a little again for those that lost their session
  const AnswerId modest = bench.submit("modest", 10, 1000);
  const int64_t steps = bench.model.steps;
  while (!bench.model.answers[modest].ended) bench.scheduler.step();
  EXPECT_LE(bench.model.steps - steps, 1001);
  EXPECT_EQ(bench.model.tokens - unread, 10 + 999);
  bench.model.now_ns += 3600 * kSecond;  // the watchdog leaves them alone
  bench.scheduler.step();
  EXPECT_TRUE(bench.scheduler.pauses());
  for (auto& [id, answer] : bench.model.answers) answer.read_again_ns = 0;
  bench.scheduler.step();
  EXPECT_FALSE(bench.scheduler.pauses());
  EXPECT_GT(bench.model.tokens - unread, 10 + 999);
}

TEST(SchedulerSimulation, AnOwnerWithAllSessionsGivesOneAway) {
  Bench bench({});
  for (int i = 0; i < 4; ++i) bench.submit("greedy", 100, 1 << 20);
  for (int i = 0; i < 100; ++i) bench.scheduler.step();
  const AnswerId modest = bench.submit("modest", 10, 20);
  const int64_t start = bench.model.now_ns;
  while (!bench.model.answers[modest].ended && bench.model.now_ns - start < 60 * kSecond) bench.scheduler.step();
  EXPECT_TRUE(bench.model.answers[modest].ended);
  EXPECT_LT(bench.model.now_ns - start, 8 * kSecond);
  EXPECT_EQ(bench.scheduler.preemptions(), 1);
}

}  // namespace
}  // namespace hearth
