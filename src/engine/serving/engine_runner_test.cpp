// Real sessions under the scheduler on one thread: pools that are too small, guesses that are wrong, a session that fails.
#include "engine/serving/engine_runner.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>

#include "base/clock.h"
#include "engine/serving/test_requests.h"
#include "gguf/view.h"

namespace hearth {
namespace {

class Bench {
 public:
  Bench(std::unique_ptr<Engine> engine, const EngineRunner::Options& options, int sessions)
      : engine_(std::move(engine)), runner_(*engine_, options), scheduler_(limits(sessions), functions()) {}

  AnswerId submit(AnswerRequest request) {
    const AnswerId id = ++last_;
    const auto tokens = static_cast<int64_t>(request.prompt.size());
    const std::string owner = request.owner;
    AnswerCallbacks callbacks;
    callbacks.on_text = [this, id](std::string_view text, std::span<const GeneratedToken>) { streamed_[id] += text; };
    callbacks.on_end = [this, id](const Result<GenerateResult>& result) {
      EXPECT_TRUE(ended_.emplace(id, result).second);
    };
    runner_.add(id, std::move(request), std::move(callbacks));
    EXPECT_TRUE(scheduler_.submit(id, owner, tokens).ok());
    return id;
  }

  void run() {
    while (scheduler_.step()) {}
    EXPECT_EQ(engine_->kv_pool().free_pages, engine_->kv_pool().pages);
  }

  const Result<GenerateResult>& result(AnswerId id) const { return ended_.at(id); }
  const std::string& streamed(AnswerId id) { return streamed_[id]; }
  const Scheduler& scheduler() const { return scheduler_; }
  const EngineRunner& runner() const { return runner_; }
  const Engine& engine() const { return *engine_; }

 private:
  static Scheduler::Options limits(int sessions) {
    Scheduler::Options options;
    options.max_running = sessions;
    options.reserve_tokens = 0;  // begins what soon has no room
    return options;
  }
  Scheduler::Runner functions() {
    Scheduler::Runner functions = runner_.functions();
    functions.now_ns = [] { return monotonic_ns(); };
    functions.step = [this](std::span<Scheduler::Item> items) { return runner_.step(items, nullptr); };
    functions.end = [this](AnswerId id, const Result<void>& outcome) { runner_.end(id, outcome); };
    return functions;
  }

  std::unique_ptr<Engine> engine_;
  EngineRunner runner_;
  Scheduler scheduler_;
  AnswerId last_ = 0;
  std::map<AnswerId, Result<GenerateResult>> ended_;
  std::map<AnswerId, std::string> streamed_;
};

void check_answers(Bench& bench, uint64_t seed, int count, int64_t max_tokens) {
  const auto single = load_tiny(1, 512);
  Random random(seed);
  std::vector<AnswerRequest> requests;
  for (int i = 0; i < count; ++i) {
    AnswerRequest request = some_request(random, single->info().vocabulary);
    request.options.max_tokens = random.below(max_tokens);
    requests.push_back(request);
    bench.submit(std::move(request));
  }
  bench.run();
  for (int i = 0; i < count; ++i) {
    const Result<GenerateResult>& result = bench.result(static_cast<AnswerId>(i + 1));
    ASSERT_TRUE(result.ok()) << result.error().message;
    expect_same(*result, alone(*single, requests[static_cast<size_t>(i)]));
    EXPECT_EQ(bench.streamed(static_cast<AnswerId>(i + 1)), result->text);
  }
}

TEST(EngineRunner, AnswersArePreemptedAndGoOnWithTheSameBits) {
  const int64_t page_bytes = load_tiny(1, 512)->kv_pool().page_bytes;
  Bench bench(load_tiny(8, 512, 11 * page_bytes), {false, true}, 8);
  check_answers(bench, 5, 24, 300);
  EXPECT_GT(bench.scheduler().preemptions(), 5);
}

TEST(EngineRunner, GuessesOfSeveralSessionsChangeNothing) {
  for (const int sessions : {1, 3, 8}) {
    Bench bench(load_tiny(sessions, 512), {true, false}, sessions);
    check_answers(bench, static_cast<uint64_t>(sessions), 30, 200);
    EXPECT_GT(bench.runner().totals().drafted_tokens, 100);
    EXPECT_GT(bench.runner().totals().accepted_tokens, 10);
    EXPECT_LT(bench.runner().totals().accepted_tokens, bench.runner().totals().drafted_tokens);
  }
}

TEST(EngineRunner, GuessesInAPoolThatIsTooSmall) {
  const int64_t page_bytes = load_tiny(1, 512)->kv_pool().page_bytes;
  Bench bench(load_tiny(8, 512, 10 * page_bytes), {true, false}, 8);
  check_answers(bench, 9, 24, 300);
  EXPECT_GT(bench.scheduler().preemptions(), 0);
}

// A copy of a model in which one token makes every hidden state not a number.
class BrokenToken : public testing::Test {
 protected:
  static constexpr int32_t kToken = 300;

  void SetUp() override {
    std::ifstream file(tiny_model("llama-grouped"), std::ios::binary);
    std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    const auto view = gguf::View::open_bytes(std::as_bytes(std::span(bytes)), "model");
    ASSERT_TRUE(view.ok());
    ASSERT_NE((*view)->find_tensor("output.weight"), nullptr) << "the head must not be the embedding";
    const gguf::TensorInfo& embedding = *(*view)->find_tensor("token_embd.weight");
    const size_t row_bytes = embedding.bytes / embedding.dims[1];
    const float bad = std::numeric_limits<float>::quiet_NaN();
    char* row = bytes.data() + (reinterpret_cast<const char*>(embedding.data) - bytes.data()) + kToken * row_bytes;
    std::memcpy(row, &bad, sizeof bad);
    path_ = testing::TempDir() + "/broken_token_" + std::to_string(getpid()) + ".gguf";
    std::ofstream(path_, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  void TearDown() override { std::filesystem::remove(path_); }

  std::unique_ptr<Engine> load(int sessions) {
    LoadOptions options;
    options.path = path_;
    options.context = 512;
    options.max_sessions = sessions;
    auto engine = Engine::load(options);
    EXPECT_TRUE(engine.ok()) << (engine.ok() ? "" : engine.error().message);
    return engine.ok() ? std::move(engine).value() : nullptr;
  }

  std::string path_;
};

TEST_F(BrokenToken, EndsTheAnswersThatMeetItAndNoOthers) {
  const auto single = load(1);
  Bench bench(load(6), {true, false}, 6);
  Random random(3);
  std::vector<AnswerRequest> requests;
  for (int i = 0; i < 24; ++i) {
    AnswerRequest request = some_request(random, kToken);
    request.options.ignore_stop_tokens = true;
    // Some meet it in the prompt, some after so many tokens, most never.
    request.options.sampler.logit_bias = {{kToken, -INFINITY}};
    if (i % 6 == 2) request.prompt[request.prompt.size() / 2] = kToken;
    if (i % 6 == 4) request.options.sampler.logit_bias = {{kToken, i == 4 ? 100.0f : 6.0f}};
    requests.push_back(request);
    bench.submit(std::move(request));
  }
  bench.run();
  int failed = 0;
  for (int i = 0; i < 24; ++i) {
    const Result<GenerateResult>& result = bench.result(static_cast<AnswerId>(i + 1));
    const AnswerRequest& request = requests[static_cast<size_t>(i)];
    auto session = single->new_session();
    const auto expected = generate(*single, **session, request.prompt, request.options);
    ASSERT_EQ(result.ok(), expected.ok()) << i;
    failed += result.ok() ? 0 : 1;
    if (result.ok()) {
      expect_same(*result, *expected);
    } else {
      EXPECT_EQ(result.error().code, ErrorCode::kNumeric);
      EXPECT_EQ(result.error().message, expected.error().message);
    }
  }
  EXPECT_GE(failed, 5);
  EXPECT_LE(failed, 8);
}

}  // namespace
}  // namespace hearth
