// Answers with guesses on trial must be those without: tokens, text, reasons, log-probabilities and the session's bits, for
// drafters that are right, wrong or random, any depth, and clocks that say anything.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "engine/generate.h"
#include "engine/prompt.h"
#include "engine/speculation/speculator.h"
#include "engine/speculation/suffix_drafter.h"
#include "engine/stories_model.h"
#include "text/tokenizer.h"

namespace hearth {
namespace {

std::string golden(const std::string& name) { return std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/models/" + name + ".gguf"; }

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  int64_t below(int64_t limit) {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<int64_t>((state_ >> 33) % static_cast<uint64_t>(limit));
  }

 private:
  uint64_t state_;
};

// Knows the answer and guesses it, except that each token is wrong with the given chance.
class Adversary final : public Drafter {
 public:
  Adversary(std::vector<int32_t> answer, int wrong_percent, int32_t vocabulary, bool free)
      : answer_(std::move(answer)), wrong_percent_(wrong_percent), vocabulary_(vocabulary), free_(free) {}
  void begin(std::span<const int32_t>, const text::SamplerOptions&) override { place_ = 0; }
  void extend(int32_t) override { ++place_; }
  int confidence(int ahead) const override { return (static_cast<int>(place_) + ahead) % kClasses; }
  std::span<const int32_t> propose(int most) override {
    draft_.clear();
    for (int i = 0; i < most; ++i) {
      const bool wrong = place_ + i >= answer_.size() || random_.below(100) < wrong_percent_;
      draft_.push_back(wrong ? static_cast<int32_t>(random_.below(vocabulary_)) : answer_[place_ + i]);
    }
    return draft_;
  }
  bool is_free() const override { return free_; }

 private:
  std::vector<int32_t> answer_;
  int wrong_percent_;
  int32_t vocabulary_;
  bool free_;
  size_t place_ = 0;
  Random random_{99};
  std::vector<int32_t> draft_;
};

// Time passes by chance.
class RandomClock final : public Clock {
 public:
  explicit RandomClock(uint64_t seed) : random_(seed) {}
  int64_t now_ns() const override { return now_ += random_.below(10'000'000); }

 private:
  mutable Random random_;
  mutable int64_t now_ = 0;
};

struct Answered {
  GenerateResult result;
  std::string streamed;
  std::vector<int32_t> timeline;
  std::vector<float> logits;
};

std::vector<int32_t> ids_of(const GenerateResult& result) {
  std::vector<int32_t> ids;
  for (const GeneratedToken& token : result.tokens) ids.push_back(token.id);
  return ids;
}

class SpeculationTest : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    const std::string path = GetParam() == "stories" ? stories_path() : golden(GetParam());
    if (GetParam() == "stories" && !has_shared_models()) GTEST_SKIP() << "not run: no " << shared_models();
    LoadOptions options;
    options.path = path;
    options.context = 100;
    options.threads = 1;  // tiny steps: waking others would take longest
    options.max_sessions = 2;
    auto engine = Engine::load(options);
    ASSERT_TRUE(engine.ok()) << engine.error().message;
    engine_ = std::move(engine).value();
    vocabulary_ = static_cast<int32_t>(engine_->info().vocabulary);
    Random random(3);
    for (int i = 0; i < 24; ++i) prompt_.push_back(static_cast<int32_t>(random.below(vocabulary_)));
    prompt_.insert(prompt_.end(), prompt_.begin(), prompt_.begin() + 12);
  }

  Answered answer(GenerateOptions options, Speculator* speculator, int cancel_after = 0) {
    auto session = engine_->new_session();
    EXPECT_TRUE(session.ok());
    Answered answered;
    std::atomic<bool> cancel{false};
    int pieces = 0;
    GenerateCallbacks callbacks;
    callbacks.on_text = [&](std::string_view text) {
      answered.streamed += text;
      if (++pieces == cancel_after) cancel = true;
    };
    options.speculator = speculator;
    auto result = generate(*engine_, **session, prompt_, options, callbacks, &cancel);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
    if (result.ok()) answered.result = std::move(result).value();
    answered.timeline.assign((*session)->tokens().begin(), (*session)->tokens().end());
    answered.logits.assign((*session)->logits().begin(), (*session)->logits().end());
    EXPECT_EQ((*session)->size(), static_cast<int64_t>(answered.timeline.size()));
    return answered;
  }

  void expect_same(const Answered& plain, const Answered& other) {
    EXPECT_EQ(ids_of(other.result), ids_of(plain.result));
    EXPECT_EQ(other.result.text, plain.result.text);
    EXPECT_EQ(other.streamed, plain.streamed);
    EXPECT_EQ(other.result.finish_reason, plain.result.finish_reason);
    EXPECT_EQ(other.result.stop_string, plain.result.stop_string);
    EXPECT_EQ(other.result.decode_tokens, plain.result.decode_tokens);
    EXPECT_EQ(other.timeline, plain.timeline);
    ASSERT_EQ(other.logits.size(), plain.logits.size());
    EXPECT_EQ(std::memcmp(other.logits.data(), plain.logits.data(), plain.logits.size() * sizeof(float)), 0);
    ASSERT_EQ(other.result.tokens.size(), plain.result.tokens.size());
    for (size_t i = 0; i < plain.result.tokens.size(); ++i) {
      const GeneratedToken &a = plain.result.tokens[i], &b = other.result.tokens[i];
      EXPECT_EQ(b.logprob, a.logprob);
      ASSERT_EQ(b.alternatives.size(), a.alternatives.size());
      for (size_t k = 0; k < a.alternatives.size(); ++k) {
        EXPECT_EQ(b.alternatives[k].id, a.alternatives[k].id);
        EXPECT_EQ(b.alternatives[k].logprob, a.alternatives[k].logprob);
      }
    }
  }

  // Plain and with each way of guessing; returns the plain one.
  Answered check(const GenerateOptions& options, int cancel_after = 0) {
    const Answered plain = answer(options, nullptr, cancel_after);
    EXPECT_EQ(plain.result.drafted_tokens, 0);
    const std::vector<int32_t> ids = ids_of(plain.result);
    for (const int wrong_percent : {0, 25, 100}) {
      for (const int depth : {1, 3, 7, 8, 20}) {
        SCOPED_TRACE("wrong " + std::to_string(wrong_percent) + " % depth " + std::to_string(depth));
        const Answered other = speculate(std::make_unique<Adversary>(ids, wrong_percent, vocabulary_, true), options,
                                         {depth, /*adaptive=*/false}, cancel_after);
        expect_same(plain, other);
        trials_ += other.result.drafted_tokens;
        right_ += other.result.accepted_tokens;
        if (wrong_percent > 0) continue;
        EXPECT_LE(other.result.decode_steps, plain.result.decode_tokens / (depth + 1) + 1);
      }
    }
    for (const uint64_t seed : {1, 2, 3}) {
      SCOPED_TRACE("clock " + std::to_string(seed));
      const RandomClock clock(seed);
      const Speculator::Options adaptive{Speculator::kMaxDepth, true, &clock};
      expect_same(plain, speculate(std::make_unique<SuffixDrafter>(), options, adaptive, cancel_after));
      expect_same(plain, speculate(std::make_unique<Adversary>(ids, 30, vocabulary_, seed == 1), options, adaptive, cancel_after));
    }
    return plain;
  }

  Answered speculate(std::unique_ptr<Drafter> drafter, const GenerateOptions& options, const Speculator::Options& how,
                     int cancel_after) {
    std::vector<std::unique_ptr<Drafter>> drafters;
    drafters.push_back(std::move(drafter));
    Speculator speculator(std::move(drafters), how);
    return answer(options, &speculator, cancel_after);
  }

  static GenerateOptions drawn(float temperature, uint64_t seed, int64_t max_tokens = 40) {
    GenerateOptions options;
    options.sampler.temperature = temperature;
    options.sampler.seed = seed;
    options.max_tokens = max_tokens;
    options.ignore_stop_tokens = true;
    return options;
  }

  std::unique_ptr<Engine> engine_;
  int32_t vocabulary_ = 0;
  std::vector<int32_t> prompt_;
  int64_t trials_ = 0, right_ = 0;
};

TEST_P(SpeculationTest, GreedyAndDrawn) {
  check(drawn(0, 0));
  check(drawn(0.8f, 1));
  check(drawn(0.8f, 2));
  check(drawn(2.0f, 3));
  EXPECT_GT(right_, 400);
  EXPECT_GT(trials_ - right_, 1000);
}

TEST_P(SpeculationTest, PenaltiesBiasAndLogprobs) {
  GenerateOptions options = drawn(0.9f, 4);
  options.sampler.repetition_penalty = 1.3f;
  options.sampler.presence_penalty = 0.4f;
  options.sampler.frequency_penalty = 0.2f;
  options.sampler.penalty_window = -1;
  options.sampler.logit_bias = {{5, 2.5f}, {7, -INFINITY}};
  options.sampler.logprobs = 3;
  const Answered plain = check(options);
  EXPECT_EQ(plain.result.tokens.at(0).alternatives.size(), 3u);
  options.sampler.temperature = 0;
  check(options);
}

TEST_P(SpeculationTest, TokenLimitsAtEveryPlaceOfATrial) {
  for (const int64_t limit : {0, 1, 2, 3, 9, 10}) EXPECT_EQ(check(drawn(0.8f, 5, limit)).result.finish_reason, FinishReason::kLength);
}

TEST_P(SpeculationTest, EndOfTheContext) {
  const Answered plain = check(drawn(0.8f, 6, -1));
  EXPECT_EQ(plain.result.finish_reason, FinishReason::kContextFull);
  EXPECT_EQ(static_cast<int64_t>(plain.timeline.size()), engine_->info().context);
}

TEST_P(SpeculationTest, StopStringsAndStopTokens) {
  const std::string whole = answer(drawn(0.8f, 7), nullptr).result.text;
  ASSERT_GT(whole.size(), 12u);
  for (const size_t length : {1, 6}) {
    GenerateOptions options = drawn(0.8f, 7);
    options.stop = {whole.substr(whole.size() / 2, length)};
    EXPECT_EQ(check(options).result.finish_reason, FinishReason::kStop);
  }
  GenerateOptions options = drawn(1.0f, 8, 30);
  options.ignore_stop_tokens = false;
  const int32_t end = engine_->tokenizer().end_id();
  ASSERT_TRUE(engine_->tokenizer().is_stop(end));
  for (const float bias : {3.0f, 6.0f}) {  // it comes within the answer, and not at once
    options.sampler.logit_bias = {{end, bias}};
    check(options);
  }
}

TEST_P(SpeculationTest, Cancelling) {
  for (const int pieces : {1, 4, 9}) {
    const Answered plain = check(drawn(0.8f, 9), pieces);
    const bool short_of_it = plain.result.tokens.size() < 40;
    EXPECT_EQ(plain.result.finish_reason, short_of_it ? FinishReason::kCancelled : FinishReason::kLength);
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SpeculationTest,
                         testing::Values("stories", "llama-grouped", "qwen2", "gemma3", "llama-mixed"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

// Lets the first `stay` tokens stay and keeps what it saw.
class Counting final : public TokenVerifier {
 public:
  explicit Counting(int64_t stay) : stay_(stay) {}
  bool next_stays(int64_t index, std::span<const float> logits) override {
    EXPECT_EQ(index, static_cast<int64_t>(seen.size()));
    seen.emplace_back(logits.begin(), logits.end());
    return index + 1 < stay_;
  }
  std::vector<std::vector<float>> seen;

 private:
  int64_t stay_;
};

TEST(VerifiedStep, SessionsWithAndWithoutTrialsInOneBatch) {
  constexpr int kSessions = 5;
  const std::vector<int64_t> stay = {1, 9, 0 /* appended as a whole */, 12, 4};
  LoadOptions load;
  load.path = golden("qwen2");
  load.context = 128;
  load.max_sessions = kSessions + 1;
  auto engine = Engine::load(load);
  ASSERT_TRUE(engine.ok());
  Random random(11);
  std::vector<std::vector<int32_t>> tokens(kSessions);
  std::vector<std::unique_ptr<Session>> sessions;
  std::vector<Counting> verifiers;
  std::vector<Engine::StepItem> items;
  for (int i = 0; i < kSessions; ++i) {
    for (int k = 0; k < 12; ++k) tokens[i].push_back(static_cast<int32_t>(random.below((*engine)->info().vocabulary)));
    sessions.push_back(std::move((*engine)->new_session()).value());
    ASSERT_TRUE(sessions[i]->append(std::span(tokens[i]).first(1 + i)).ok());
    verifiers.emplace_back(stay[i]);
  }
  for (int i = 0; i < kSessions; ++i) items.push_back({sessions[i].get(), tokens[i], stay[i] > 0 ? &verifiers[i] : nullptr});
  ASSERT_TRUE((*engine)->step(items).ok());
  for (int i = 0; i < kSessions; ++i) {
    const int64_t kept = stay[i] > 0 ? stay[i] : 12;
    ASSERT_EQ(sessions[i]->size(), 1 + i + kept);
    auto alone = std::move((*engine)->new_session()).value();
    ASSERT_TRUE(alone->append(std::span(tokens[i]).first(1 + i)).ok());
    for (int64_t k = 0; k < kept; ++k) {
      ASSERT_TRUE(alone->append(std::span(tokens[i]).subspan(k, 1)).ok());
      if (stay[i] == 0) continue;
      const std::vector<float>& seen = verifiers[i].seen[k];
      ASSERT_EQ(std::memcmp(seen.data(), alone->logits().data(), seen.size() * sizeof(float)), 0) << i << " " << k;
    }
    EXPECT_EQ(std::memcmp(sessions[i]->logits().data(), alone->logits().data(), alone->logits().size_bytes()), 0) << i;
    EXPECT_TRUE(std::equal(alone->tokens().begin(), alone->tokens().end(), sessions[i]->tokens().begin()));
    EXPECT_EQ(static_cast<int64_t>(verifiers[i].seen.size()), stay[i]);
  }
}

TEST(VerifiedStep, ErrorsChangeNothing) {
  LoadOptions load;
  load.path = golden("qwen2");
  load.context = 600;
  auto engine = Engine::load(load);
  ASSERT_TRUE(engine.ok());
  auto session = std::move((*engine)->new_session()).value();
  const std::vector<int32_t> prompt = {1, 2, 3}, many(Engine::kMaxVerifiedTokens + 1, 4), outside = {1, -1};
  ASSERT_TRUE(session->append(prompt).ok());
  Counting verifier(100);
  const auto step = [&](std::span<const int32_t> tokens, const std::atomic<bool>* cancel = nullptr) {
    const Engine::StepItem item{session.get(), tokens, &verifier};
    return (*engine)->step({&item, 1}, cancel);
  };
  EXPECT_EQ(step(many).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(step(outside).error().code, ErrorCode::kInvalidArgument);
  const std::atomic<bool> cancel{true};
  EXPECT_EQ(step(prompt, &cancel).error().code, ErrorCode::kCancelled);
  EXPECT_TRUE(verifier.seen.empty());
  EXPECT_EQ(session->size(), 3);
  EXPECT_TRUE(step(prompt).ok());
  EXPECT_EQ(session->size(), 6);
}

}  // namespace
}  // namespace hearth
