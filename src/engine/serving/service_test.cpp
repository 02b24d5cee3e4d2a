// Answers for many must be those of a session running alone, to the bit; ends are heard exactly once, whatever happens.
#include "engine/serving/service.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>

#include "engine/serving/test_requests.h"

namespace hearth {
namespace {

std::unique_ptr<Service> serve(const ServiceOptions& options, int64_t context = 512) {
  auto service = Service::start(load_tiny(options.max_sessions, context), options);
  EXPECT_TRUE(service.ok()) << (service.ok() ? "" : service.error().message);
  return service.ok() ? std::move(service).value() : nullptr;
}

// Hears answers, on any thread.
class Listener {
 public:
  AnswerCallbacks callbacks(int key) {
    AnswerCallbacks calls;
    calls.on_text = [this, key](std::string_view text, std::span<const GeneratedToken> tokens) {
      std::unique_lock lock(mutex_);
      EXPECT_EQ(ended_.count(key), 0u) << "text after the end";
      streamed_[key] += text;
      tokens_[key] += tokens.size();
      heard_.notify_all();
      heard_.wait_for(lock, std::chrono::seconds(120), [&] { return tokens_[key] < hold_at_; });
    };
    calls.on_end = [this, key](const Result<GenerateResult>& result) {
      const std::lock_guard lock(mutex_);
      EXPECT_TRUE(ended_.emplace(key, result).second) << "ended twice";
      heard_.notify_all();
    };
    return calls;
  }

  // Answers stand still once they have so many tokens.
  void hold_at(size_t tokens) {
    const std::lock_guard lock(mutex_);
    hold_at_ = tokens;
    heard_.notify_all();
  }
  void let_go() { hold_at(SIZE_MAX); }

  Result<GenerateResult> wait(int key) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(heard_.wait_for(lock, std::chrono::seconds(120), [&] { return ended_.count(key) > 0; })) << key;
    return ended_.count(key) ? ended_.at(key) : Result<GenerateResult>(Error{});
  }
  void wait_for_tokens(int key, size_t count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(heard_.wait_for(lock, std::chrono::seconds(120), [&] { return tokens_[key] >= count; }));
  }
  bool ended(int key) {
    const std::lock_guard lock(mutex_);
    return ended_.count(key) > 0;
  }
  std::string streamed(int key) {
    const std::lock_guard lock(mutex_);
    return streamed_[key];
  }

 private:
  std::mutex mutex_;
  std::condition_variable heard_;
  std::map<int, std::string> streamed_;
  std::map<int, size_t> tokens_;
  size_t hold_at_ = SIZE_MAX;
  std::map<int, Result<GenerateResult>> ended_;
};

class ManySessions : public testing::TestWithParam<int> {};

TEST_P(ManySessions, GiveTheAnswersOfOne) {
  Listener listener;  // hears the service to its end
  ServiceOptions options;
  options.max_sessions = GetParam();
  const auto service = serve(options);
  ASSERT_NE(service, nullptr);
  const auto single = load_tiny(1, 512);
  Random random(static_cast<uint64_t>(GetParam()));
  std::vector<AnswerRequest> requests;
  const int count = 24 + GetParam();
  for (int i = 0; i < count; ++i) {
    requests.push_back(some_request(random, single->info().vocabulary));
    ASSERT_TRUE(service->submit(requests.back(), listener.callbacks(i)).ok());
    if (random.below(4) == 0) std::this_thread::sleep_for(std::chrono::milliseconds(random.below(10)));
  }
  for (int i = 0; i < count; ++i) {
    const Result<GenerateResult> result = listener.wait(i);
    ASSERT_TRUE(result.ok()) << result.error().message;
    expect_same(*result, alone(*single, requests[static_cast<size_t>(i)]));
    EXPECT_EQ(listener.streamed(i), result->text);
  }
  EXPECT_TRUE(service->drain(10000));
  const ServiceStats stats = service->stats();
  EXPECT_EQ(stats.waiting + stats.running, 0);
  EXPECT_EQ(stats.pool_used_bytes, 0);
  EXPECT_LE(stats.steps, stats.step_tokens);
}

INSTANTIATE_TEST_SUITE_P(Sessions, ManySessions, testing::Values(1, 2, 8, 32));

AnswerRequest endless(const Engine& engine, int64_t prompt_tokens = 5) {
  Random random(7);
  AnswerRequest request;
  request.prompt = some_prompt(random, prompt_tokens, engine.info().vocabulary);
  request.options.ignore_stop_tokens = true;
  return request;
}

TEST(Service, ACancelledAnswerKeepsWhatThereIsAndOthersGoOn) {
  Listener listener;  // hears the service to its end
  ServiceOptions options;
  options.max_sessions = 2;
  const auto service = serve(options);
  listener.hold_at(5);
  AnswerRequest other = endless(service->engine());
  other.options.max_tokens = 100;
  const auto first = service->submit(endless(service->engine()), listener.callbacks(0));
  ASSERT_TRUE(service->submit(other, listener.callbacks(1)).ok());
  listener.wait_for_tokens(0, 5);
  service->cancel(*first);
  service->cancel(*first);
  service->cancel(12345);
  listener.let_go();
  const auto result = listener.wait(0);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->finish_reason, FinishReason::kCancelled);
  EXPECT_GE(result->tokens.size(), 5u);
  EXPECT_EQ(listener.wait(1)->tokens.size(), 100u);
}

TEST(Service, RefusesBeforeQueueingWhatCannotBeAnswered) {
  Listener listener;  // hears the service to its end
  ServiceOptions options;
  options.max_sessions = 1;
  options.queue_limit = 1;
  const auto service = serve(options);
  AnswerRequest request = endless(service->engine());
  request.prompt.assign(513, 1);
  EXPECT_EQ(service->submit(request, listener.callbacks(0)).error().code, ErrorCode::kContextFull);
  request.prompt.clear();
  EXPECT_EQ(service->submit(request, listener.callbacks(0)).error().code, ErrorCode::kInvalidArgument);
  request.prompt = {1, -1};
  EXPECT_EQ(service->submit(request, listener.callbacks(0)).error().code, ErrorCode::kInvalidArgument);
  request.prompt = {1};
  request.options.sampler.top_p = 2;
  EXPECT_EQ(service->submit(request, listener.callbacks(0)).error().code, ErrorCode::kInvalidArgument);
  request.options.sampler.top_p = 1;
  request.options.stop = {""};
  EXPECT_EQ(service->submit(request, listener.callbacks(0)).error().code, ErrorCode::kInvalidArgument);
  options.max_sessions = 2;
  EXPECT_EQ(Service::start(load_tiny(1, 512), options).error().code, ErrorCode::kInvalidArgument);
}

TEST(Service, AFullQueueIsSaidAtOnceAndOneThatIsLeftHasRoom) {
  Listener listener;  // hears the service to its end
  ServiceOptions options;
  options.max_sessions = 1;
  options.queue_limit = 2;
  const auto service = serve(options);
  listener.hold_at(3);
  std::vector<AnswerId> ids;
  for (int i = 0; i < 3; ++i) {
    const auto id = service->submit(endless(service->engine()), listener.callbacks(i));
    ASSERT_TRUE(id.ok());
    ids.push_back(*id);
  }
  const auto refused = service->submit(endless(service->engine()), listener.callbacks(9));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kResource);
  EXPECT_GE(service->retry_after_seconds(), 1);
  service->cancel(ids[2]);
  listener.let_go();
  EXPECT_EQ(listener.wait(2)->finish_reason, FinishReason::kCancelled);
  EXPECT_TRUE(service->submit(endless(service->engine()), listener.callbacks(3)).ok());
  EXPECT_FALSE(listener.ended(9));
}

TEST(Service, AnAnswerThatFillsTheContextEndsWithThatReason) {
  Listener listener;  // hears the service to its end
  ServiceOptions options;
  options.max_sessions = 2;
  const auto service = serve(options, 64);
  ASSERT_TRUE(service->submit(endless(service->engine(), 64), listener.callbacks(0)).ok());
  ASSERT_TRUE(service->submit(endless(service->engine(), 60), listener.callbacks(1)).ok());
  EXPECT_EQ(listener.wait(0)->finish_reason, FinishReason::kContextFull);
  EXPECT_EQ(listener.wait(1)->finish_reason, FinishReason::kContextFull);
  EXPECT_EQ(listener.wait(1)->tokens.size(), 5u);
}

TEST(Service, ItsEndIsTheEndOfAllAnswers) {
  Listener listener;
  listener.hold_at(3);
  {
    ServiceOptions options;
    options.max_sessions = 2;
    const auto service = serve(options);
    for (int i = 0; i < 20; ++i) {
      ASSERT_TRUE(service->submit(endless(service->engine(), 1 + i * 20), listener.callbacks(i)).ok());
    }
    listener.wait_for_tokens(0, 3);
    listener.let_go();
  }
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(listener.ended(i)) << i;
    EXPECT_EQ(listener.wait(i)->finish_reason, FinishReason::kCancelled);
  }
}

TEST(Service, CallbacksMaySubmitAndCancel) {
  Listener listener;  // hears the service to its end
  ServiceOptions options;
  options.max_sessions = 2;
  const auto service = serve(options);
  std::atomic<AnswerId> second{0};
  AnswerRequest request = endless(service->engine());
  request.options.max_tokens = 4;
  AnswerCallbacks calls = listener.callbacks(0);
  const auto on_end = calls.on_end;
  calls.on_end = [&](const Result<GenerateResult>& result) {
    second = *service->submit(endless(service->engine()), listener.callbacks(1));
    service->cancel(second);
    on_end(result);
  };
  ASSERT_TRUE(service->submit(request, calls).ok());
  EXPECT_EQ(listener.wait(0)->tokens.size(), 4u);
  EXPECT_EQ(listener.wait(1)->finish_reason, FinishReason::kCancelled);
}

TEST(Service, DrainingRefusesAndWaits) {
  Listener listener;  // hears the service to its end
  ServiceOptions options;
  options.max_sessions = 1;
  const auto service = serve(options);
  AnswerRequest request = endless(service->engine());
  request.options.max_tokens = 30;
  ASSERT_TRUE(service->submit(request, listener.callbacks(0)).ok());
  EXPECT_TRUE(service->drain(60000));
  EXPECT_TRUE(listener.ended(0));
  EXPECT_EQ(service->submit(request, listener.callbacks(1)).error().code, ErrorCode::kResource);
}

TEST(Service, TellsHowLongItHasBeenAtAStep) {
  Listener listener;  // hears the service to its end
  const auto service = serve({});
  EXPECT_EQ(service->busy_seconds(), 0);
  listener.hold_at(10);  // whoever waits here holds up the service's thread, as a step that does not come back would
  AnswerRequest request = endless(service->engine());
  request.options.max_tokens = 20;
  ASSERT_TRUE(service->submit(request, listener.callbacks(0)).ok());
  listener.wait_for_tokens(0, 10);
  const double first = service->busy_seconds();
  EXPECT_GT(first, 0);
  while (service->busy_seconds() <= first) std::this_thread::yield();
  listener.let_go();
  ASSERT_TRUE(listener.wait(0).ok());
  while (service->busy_seconds() > 0) std::this_thread::yield();  // it waits for work again
}

TEST(Service, TellsOfItsSessions) {
  Listener listener;  // hears the service to its end
  ServiceOptions options;
  options.max_sessions = 3;
  const auto service = serve(options);
  listener.hold_at(10);
  AnswerRequest request = endless(service->engine());
  request.options.max_tokens = 400;
  const auto id = service->submit(request, listener.callbacks(0));
  listener.wait_for_tokens(0, 10);
  const std::vector<SessionStats> sessions = service->sessions();
  ASSERT_EQ(sessions.size(), 3u);
  EXPECT_EQ(sessions[0].answer, *id);
  EXPECT_EQ(sessions[0].prompt_tokens, 5);
  EXPECT_EQ(sessions[0].prompt_done, 5);
  EXPECT_EQ(sessions[0].answer_tokens + sessions[0].tokens_left, 400);
  EXPECT_EQ(sessions[1].answer, 0u);
  EXPECT_EQ(service->stats().running, 1);
  EXPECT_GT(service->stats().pool_used_bytes, 0);
  service->cancel(*id);
  listener.let_go();
  EXPECT_EQ(listener.wait(0)->finish_reason, FinishReason::kCancelled);
}

}  // namespace
}  // namespace hearth
