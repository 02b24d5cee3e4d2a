// Sessions on a real tiny model: chunks, batches, forks and rewinds must not be seen in the logits.
#include "hearth/engine.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <thread>

#include "engine/memory.h"
#include "engine/stories_model.h"

namespace hearth {
namespace {

LoadOptions stories(int max_sessions = 1) {
  LoadOptions options;
  options.path = stories_path();
  options.max_sessions = max_sessions;
  return options;
}

std::unique_ptr<Engine> load(const LoadOptions& options) {
  auto engine = Engine::load(options);
  EXPECT_TRUE(engine.ok()) << (engine.ok() ? "" : engine.error().message);
  return engine.ok() ? std::move(engine).value() : nullptr;
}

std::unique_ptr<Session> session_of(const Engine& engine) {
  auto session = engine.new_session();
  EXPECT_TRUE(session.ok());
  return std::move(session).value();
}

std::vector<int32_t> some_tokens(int count, int seed = 1) {
  std::vector<int32_t> tokens(count);
  uint32_t state = seed;
  for (int32_t& token : tokens) token = static_cast<int32_t>((state = state * 1664525u + 1013904223u) >> 23);
  tokens[0] = 1;
  return tokens;
}

std::vector<float> logits_of(const Session& session) { return {session.logits().begin(), session.logits().end()}; }

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

class StoriesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_shared_models()) GTEST_SKIP() << "not run: no " << shared_models();
  }
};

TEST_F(StoriesTest, ChunksAndThreadsAndTablesGiveTheSameBits) {
  const std::vector<int32_t> tokens = some_tokens(300);
  std::vector<float> expected;
  for (const char* isa : {"ref", ""}) {
    const bool scalar = std::string(isa) == "ref";  // slow: one combination of it is enough
    for (int threads : scalar ? std::vector{2} : std::vector{1, 2, 3}) {
      LoadOptions options = stories();
      options.isa = isa;
      options.threads = threads;
      const auto engine = load(options);
      for (int chunk : scalar ? std::vector{64} : std::vector{1, 17, 64, 512}) {
        auto session = session_of(*engine);
        ASSERT_TRUE(session->append(tokens, chunk).ok());
        if (expected.empty()) expected = logits_of(*session);
        EXPECT_TRUE(same_bits(logits_of(*session), expected)) << isa << " threads " << threads << " chunk " << chunk;
      }
    }
  }
}

TEST_F(StoriesTest, AllLogitsEndWithTheLast) {
  const auto engine = load(stories());
  auto session = session_of(*engine);
  int64_t seen = 0;
  std::vector<float> last;
  const auto visit = [&](int64_t index, std::span<const float> logits) {
    EXPECT_EQ(index, seen++);
    last.assign(logits.begin(), logits.end());
  };
  ASSERT_TRUE(session->append_all_logits(some_tokens(45), visit, 20).ok());
  EXPECT_EQ(seen, 45);
  EXPECT_TRUE(same_bits(last, logits_of(*session)));
}

TEST_F(StoriesTest, ForkAndRewindContinueAsIfFresh) {
  const auto engine = load(stories(3));
  const std::vector<int32_t> tokens = some_tokens(200);
  auto whole = session_of(*engine);
  ASSERT_TRUE(whole->append(tokens).ok());
  const std::vector<float> expected = logits_of(*whole);

  auto fork = whole->fork(100);
  ASSERT_TRUE(fork.ok());
  EXPECT_EQ((*fork)->size(), 100);
  EXPECT_TRUE((*fork)->logits().empty());
  ASSERT_TRUE((*fork)->append(std::span(tokens).subspan(100)).ok());
  EXPECT_TRUE(same_bits(logits_of(**fork), expected));

  // What the fork writes is not seen by the session that it came from.
  auto other = whole->fork(100);
  ASSERT_TRUE(other.ok());
  ASSERT_TRUE((*other)->append(some_tokens(50, 9)).ok());
  ASSERT_TRUE(whole->rewind(150).ok());
  EXPECT_TRUE(whole->logits().empty());
  ASSERT_TRUE(whole->append(std::span(tokens).subspan(150)).ok());
  EXPECT_TRUE(same_bits(logits_of(*whole), expected));
}

TEST_F(StoriesTest, SessionsInOneBatchAreIndependent) {
  constexpr int kSessions = 11;
  const auto engine = load(stories(kSessions + 1));
  std::vector<std::vector<int32_t>> prompts;
  std::vector<std::vector<float>> expected;
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<Engine::StepItem> items;
  for (int i = 0; i < kSessions; ++i) {
    prompts.push_back(some_tokens(1 + 13 * i * (i % 3), i + 2));
    auto alone = session_of(*engine);
    ASSERT_TRUE(alone->append(prompts[i]).ok());
    expected.push_back(logits_of(*alone));
    alone.reset();
    sessions.push_back(session_of(*engine));
  }
  for (int i = 0; i < kSessions; ++i) items.push_back({sessions[i].get(), prompts[i]});
  ASSERT_TRUE(engine->step(items).ok());
  for (int i = 0; i < kSessions; ++i) EXPECT_TRUE(same_bits(logits_of(*sessions[i]), expected[i])) << i;
}

TEST_F(StoriesTest, ErrorsLeaveTheSessionAsItWas) {
  LoadOptions options = stories();
  options.context = 64;
  const auto engine = load(options);
  auto session = session_of(*engine);
  ASSERT_TRUE(session->append(some_tokens(60)).ok());
  const std::vector<float> before = logits_of(*session);
  const auto full = session->append(some_tokens(5));
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, ErrorCode::kContextFull);
  EXPECT_NE(full.error().message.find("60 of 64"), std::string::npos) << full.error().message;
  const std::vector<int32_t> outside = {1, 512};
  EXPECT_EQ(session->append(outside).error().code, ErrorCode::kInvalidArgument);
  const std::atomic<bool> cancel{true};
  EXPECT_EQ(session->append(some_tokens(4), 0, &cancel).error().code, ErrorCode::kCancelled);
  EXPECT_EQ(session->size(), 60);
  EXPECT_TRUE(same_bits(logits_of(*session), before));
  EXPECT_FALSE(session->rewind(61).ok());
  EXPECT_EQ(engine->new_session().error().code, ErrorCode::kResource);
}

TEST_F(StoriesTest, PlanIsHonoured) {
  LoadOptions options = stories();
  const auto plan = Engine::plan(options);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->context, 2048);
  const int64_t per_position = 5 * 2 * 4 * 8 * 2;  // 5 layers of 4 key-value heads of 8 values in f16
  EXPECT_EQ(plan->kv_bytes, 2048 * per_position);
  const int64_t fixed = plan->weights_bytes + plan->scratch_bytes + plan->tables_bytes;
  options.memory_limit_bytes = (fixed + 1000 * per_position) / 9 * 10;
  const auto reduced = Engine::plan(options);
  ASSERT_TRUE(reduced.ok());
  EXPECT_NEAR(static_cast<double>(reduced->context), 1000, 2);
  options.context = 512;
  options.memory_limit_bytes = 1 << 20;
  EXPECT_EQ(Engine::plan(options).error().code, ErrorCode::kResource);
  options.context = 100000;
  EXPECT_EQ(Engine::plan(options).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(StoriesTest, PoolOfABoundedSizeServesManySessionsOfALongContext) {
  const int64_t page_bytes = 5 * 2 * 4 * 8 * 2 * 64;
  LoadOptions options = stories(8);
  options.kv_pool_bytes = 33 * page_bytes;  // one session in full and a page
  const auto engine = load(options);
  EXPECT_EQ(engine->info().context, 2048);
  EXPECT_EQ(engine->memory_plan().kv_bytes, 33 * page_bytes);
  EXPECT_EQ(engine->kv_pool().bytes(), 33 * page_bytes);
  std::vector<std::unique_ptr<Session>> sessions;
  for (int i = 0; i < 8; ++i) {
    sessions.push_back(session_of(*engine));
    ASSERT_TRUE(sessions.back()->append(some_tokens(200)).ok());  // 4 pages
  }
  EXPECT_EQ(engine->kv_pool().free_pages, 1);
  EXPECT_EQ(engine->kv_pool().used_bytes(), 32 * page_bytes);
  ASSERT_TRUE(sessions[0]->append(some_tokens(64)).ok());
  const auto full = sessions[1]->append(some_tokens(64));
  ASSERT_FALSE(full.ok());
  EXPECT_EQ(full.error().code, ErrorCode::kResource);
  EXPECT_NE(full.error().message.find("33 pages"), std::string::npos) << full.error().message;
  EXPECT_EQ(sessions[1]->size(), 200);
  sessions.pop_back();
  // A step that does not fit as a whole leaves its pages to others.
  const std::vector<int32_t> tokens = some_tokens(192);
  const std::vector<Engine::StepItem> items = {{sessions[1].get(), tokens}, {sessions[2].get(), tokens}};
  EXPECT_EQ(engine->step(items).error().code, ErrorCode::kResource);
  EXPECT_EQ(engine->kv_pool().free_pages, 4);
  sessions.resize(2);
  EXPECT_TRUE(sessions[1]->append(some_tokens(1024)).ok());
  sessions.clear();
  engine->trim_kv_pool(0);
  EXPECT_EQ(engine->kv_pool().free_pages, 33);
  auto again = session_of(*engine);
  EXPECT_TRUE(again->append(some_tokens(200)).ok());
}

TEST_F(StoriesTest, PoolThatIsTooSmallOrTooLargeIsRefused) {
  const int64_t page_bytes = 5 * 2 * 4 * 8 * 2 * 64;
  LoadOptions options = stories(8);
  options.kv_pool_bytes = 9 * page_bytes;
  const auto reduced = Engine::plan(options);
  ASSERT_TRUE(reduced.ok());
  EXPECT_EQ(reduced->context, 512);
  options.context = 513;
  EXPECT_EQ(Engine::plan(options).error().code, ErrorCode::kResource);
  options.context = 0;
  options.kv_pool_bytes = page_bytes;
  EXPECT_EQ(Engine::plan(options).error().code, ErrorCode::kResource);
  options.kv_pool_bytes = 1 << 30;
  options.memory_limit_bytes = 1 << 29;
  const auto large = Engine::plan(options);
  ASSERT_FALSE(large.ok());
  EXPECT_NE(large.error().message.find("smaller pool"), std::string::npos) << large.error().message;
  options.kv_pool_bytes = -1;
  EXPECT_EQ(Engine::plan(options).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(StoriesTest, WeightsAreReadInAdvanceIfThereIsMemoryForThem) {
  LoadOptions options = stories();
  options.context = 64;
  const auto engine = load(options);
  const int64_t total = engine->read_progress().total_bytes;
  EXPECT_GT(total, engine->info().file_bytes / 2);
  EXPECT_LE(total, engine->info().file_bytes);
  for (int i = 0; i < 1000 && engine->read_progress().done_bytes < total; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  EXPECT_EQ(engine->read_progress().done_bytes, total);
  const MemoryPlan& plan = engine->memory_plan();
  options.memory_limit_bytes = plan.weights_bytes / 2 + plan.scratch_bytes + plan.tables_bytes + plan.kv_bytes;
  const auto limited = load(options);
  EXPECT_EQ(limited->read_progress().total_bytes, 0);
  auto a = session_of(*engine), b = session_of(*limited);
  ASSERT_TRUE(a->append(some_tokens(20)).ok() && b->append(some_tokens(20)).ok());
  EXPECT_TRUE(same_bits(logits_of(*a), logits_of(*b)));
}

TEST(Memory, FiguresAreSane) {
  EXPECT_GT(available_memory_bytes(), int64_t{1} << 20);
  EXPECT_GT(anonymous_memory_bytes(), 100 << 10);
}

// A copy of the model that a test may damage.
class DamagedFileTest : public StoriesTest {
 protected:
  void SetUp() override {
    StoriesTest::SetUp();
    if (IsSkipped()) return;
    std::string folder = (std::filesystem::temp_directory_path() / "damaged_file_XXXXXX").string();
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    folder_ = folder;
    path_ = folder_ + "/model.gguf";
    std::filesystem::copy_file(stories_path(), path_);
  }
  void TearDown() override {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  std::string folder_, path_;
};

TEST_F(DamagedFileTest, AFileCutShortInASessionIsAnErrorOfEveryLaterStep) {
  LoadOptions options = stories(2);
  options.path = path_;
  const auto engine = load(options);
  const auto unharmed = load(stories());
  auto session = session_of(*engine), bystander = session_of(*unharmed);
  const std::vector<int32_t> tokens = some_tokens(20);
  ASSERT_TRUE(session->append(tokens).ok());
  const auto size = static_cast<off_t>(std::filesystem::file_size(path_));
  for (const off_t left : {size - 1, size / 2, off_t{0}}) {
    ASSERT_EQ(::truncate(path_.c_str(), left), 0);
    const Result<void> appended = session->append(tokens);
    ASSERT_FALSE(appended.ok());
    EXPECT_EQ(appended.error().code, ErrorCode::kIo);
    EXPECT_NE(appended.error().message.find(path_), std::string::npos) << appended.error().message;
    EXPECT_NE(appended.error().message.find("cut short"), std::string::npos) << appended.error().message;
    EXPECT_EQ(session->size(), 20);
    EXPECT_TRUE(session->logits().empty());
    int visited = 0;
    EXPECT_FALSE(session->append_all_logits(tokens, [&](int64_t, std::span<const float>) { ++visited; }).ok());
    EXPECT_EQ(visited, 0);
  }
  EXPECT_TRUE(bystander->append(tokens).ok());
}

TEST_F(DamagedFileTest, WhatIsCutShortCannotBeLoaded) {
  LoadOptions options = stories();
  options.path = path_;
  ASSERT_EQ(::truncate(path_.c_str(), static_cast<off_t>(std::filesystem::file_size(path_) - 1)), 0);
  const auto engine = Engine::load(options);
  ASSERT_FALSE(engine.ok());
  EXPECT_EQ(engine.error().code, ErrorCode::kCorrupt);
}

}  // namespace
}  // namespace hearth
