// Remembered prompts behind a Service: the same answers, prefixes that outlive side calls and restarts, owners apart.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <future>
#include <random>
#include <thread>

#include "engine/serving/service.h"

namespace hearth {
namespace {

using Tokens = std::vector<int32_t>;

std::unique_ptr<Engine> load(int sessions, int64_t pool_pages = 0) {
  LoadOptions options;
  options.path = std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/models/gemma3.gguf";
  options.threads = 2;
  options.max_sessions = sessions;
  if (pool_pages > 0) options.kv_pool_bytes = pool_pages * Engine::load(options).value()->kv_pool().page_bytes;
  auto engine = Engine::load(options);
  EXPECT_TRUE(engine.ok()) << (engine.ok() ? "" : engine.error().message);
  return engine.ok() ? std::move(engine).value() : nullptr;
}

ServiceOptions cached(int sessions, int64_t bytes = 1 << 30) {
  ServiceOptions options;
  options.max_sessions = sessions;
  options.prefix_cache_bytes = bytes;
  return options;
}

std::unique_ptr<Service> serve(const ServiceOptions& options, int64_t pool_pages = 0) {
  auto service = Service::start(load(options.max_sessions, pool_pages), options);
  EXPECT_TRUE(service.ok()) << (service.ok() ? "" : service.error().message);
  return service.ok() ? std::move(service).value() : nullptr;
}

Tokens some_tokens(int64_t count, uint32_t seed) {
  std::mt19937 random(seed);
  Tokens tokens(static_cast<size_t>(count));
  for (int32_t& token : tokens) token = static_cast<int32_t>(random() % 100);
  return tokens;
}

AnswerRequest request_for(Tokens prompt, int64_t max_tokens = 8, std::string owner = "") {
  AnswerRequest request;
  request.prompt = std::move(prompt);
  request.options.max_tokens = max_tokens;
  request.options.ignore_stop_tokens = true;
  request.owner = std::move(owner);
  return request;
}

std::future<Result<GenerateResult>> submit(Service& service, AnswerRequest request) {
  auto promise = std::make_shared<std::promise<Result<GenerateResult>>>();
  AnswerCallbacks callbacks;
  callbacks.on_end = [promise](const Result<GenerateResult>& result) { promise->set_value(result); };
  EXPECT_TRUE(service.submit(std::move(request), std::move(callbacks)).ok());
  return promise->get_future();
}

GenerateResult answer(Service& service, AnswerRequest request) {
  const Result<GenerateResult> result = submit(service, std::move(request)).get();
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return result.ok() ? *result : GenerateResult{};
}

Tokens ids_of(const GenerateResult& result) {
  Tokens ids;
  for (const GeneratedToken& token : result.tokens) ids.push_back(token.id);
  return ids;
}

Tokens alone(const Engine& engine, const AnswerRequest& request) {
  auto session = engine.new_session();
  EXPECT_TRUE(session.ok());
  const auto result = generate(engine, **session, request.prompt, request.options);
  EXPECT_TRUE(result.ok());
  return result.ok() ? ids_of(*result) : Tokens{};
}

Tokens joined(Tokens a, const Tokens& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(ServiceCache, ConversationsThatShareBeginningsHaveTheAnswersOfOnesAlone) {
  const auto single = load(1);
  for (const int64_t pool_pages : {0, 20}) {
    const auto service = serve(cached(8), pool_pages);
    std::mt19937 random(3);
    std::vector<Tokens> texts = {some_tokens(150, 1)};
    for (int round = 0; round < 8; ++round) {
      std::vector<AnswerRequest> requests;
      std::vector<std::future<Result<GenerateResult>>> answers;
      for (int i = 0; i < 8; ++i) {
        Tokens prompt = texts[random() % texts.size()];
        prompt.resize(random() % prompt.size());
        prompt = joined(std::move(prompt), some_tokens(1 + random() % 60, static_cast<uint32_t>(random())));
        requests.push_back(request_for(std::move(prompt), static_cast<int64_t>(random() % 20)));
        requests.back().reuse_prefix = random() % 8 != 0;
        answers.push_back(submit(*service, requests.back()));
      }
      for (size_t i = 0; i < answers.size(); ++i) {
        const Result<GenerateResult> result = answers[i].get();
        ASSERT_TRUE(result.ok()) << result.error().message;
        EXPECT_EQ(ids_of(*result), alone(*single, requests[i]));
        if (!requests[i].reuse_prefix) {
          EXPECT_EQ(result->reused_tokens, 0);
        }
        texts.push_back(joined(requests[i].prompt, ids_of(*result)));
        if (texts.back().size() > 300) texts.pop_back();
      }
    }
    EXPECT_TRUE(service->drain(10000));
    const ServiceStats stats = service->stats();
    EXPECT_GT(stats.reused_tokens, 0);
    EXPECT_GT(stats.cache_hits, 0);
    EXPECT_EQ(stats.pool_used_bytes, stats.cache_bytes);
  }
}

TEST(ServiceCache, TheNextTurnComputesOnlyWhatIsNew) {
  const auto service = serve(cached(2));
  const Tokens prompt = some_tokens(200, 1);
  const GenerateResult first = answer(*service, request_for(prompt, 30));
  const Tokens next = joined(joined(prompt, ids_of(first)), some_tokens(20, 2));
  // Of the answer, the last token has not been through the model.
  EXPECT_EQ(answer(*service, request_for(next)).reused_tokens, 200 + 29);
  EXPECT_EQ(answer(*service, request_for(next)).reused_tokens, 200 + 30 + 19);
}

// A prefix of 13 times the length of the side calls, in a cache that holds little more.
TEST(ServiceCache, AReusedPrefixSurvivesSideCalls) {
  const int64_t page_bytes = load(1)->kv_pool().page_bytes;
  const auto service = serve(cached(4, 10 * page_bytes), 40);
  const Tokens prefix = some_tokens(416, 1);
  answer(*service, request_for(joined(prefix, some_tokens(5, 2))));
  EXPECT_GE(answer(*service, request_for(joined(prefix, some_tokens(5, 3)))).reused_tokens, 416);
  for (uint32_t turn = 0; turn < 5; ++turn) {
    std::vector<std::future<Result<GenerateResult>>> side_calls;
    for (uint32_t i = 0; i < 25; ++i) {
      side_calls.push_back(submit(*service, request_for(some_tokens(32, 1000 * turn + i + 10), 8, "side")));
    }
    EXPECT_GE(answer(*service, request_for(joined(prefix, some_tokens(5, turn + 4)), 8, "main")).reused_tokens, 416);
    for (auto& side_call : side_calls) EXPECT_TRUE(side_call.get().ok());
  }
  EXPECT_LE(service->stats().cache_bytes, 10 * page_bytes);
}

TEST(ServiceCache, OwnersAreKeptApartOnRequest) {
  for (const bool apart : {false, true}) {
    ServiceOptions options = cached(2);
    options.cache_per_owner = apart;
    const auto service = serve(options);
    const Tokens prompt = some_tokens(200, 1);
    answer(*service, request_for(prompt, 8, "a"));
    EXPECT_EQ(answer(*service, request_for(prompt, 8, "b")).reused_tokens, apart ? 0 : 199);
    EXPECT_EQ(answer(*service, request_for(prompt, 8, "a")).reused_tokens, 199);
  }
}

TEST(ServiceCache, PromptsOutliveARestartOnDisk) {
  std::string folder = (std::filesystem::temp_directory_path() / "service_cache_XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  ServiceOptions options = cached(2);
  options.prefix_disk_folder = folder;
  options.prefix_disk_bytes = 1 << 30;
  options.model_sha256 = std::string(64, 'a');
  const Tokens prompt = some_tokens(300, 1);
  const Tokens first = ids_of(answer(*serve(options), request_for(prompt, 20)));
  {
    const auto service = serve(options);
    const GenerateResult again = answer(*service, request_for(prompt, 20));
    EXPECT_EQ(again.reused_tokens, 299);
    EXPECT_EQ(ids_of(again), first);
    EXPECT_GT(service->stats().cache_disk_bytes, 0);
    // Many at once, while pages are read and written.
    std::vector<std::future<Result<GenerateResult>>> answers;
    for (uint32_t i = 0; i < 20; ++i) answers.push_back(submit(*service, request_for(some_tokens(150, i % 5))));
    for (auto& one : answers) EXPECT_TRUE(one.get().ok());
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace hearth
