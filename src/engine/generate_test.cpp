// Answers of a real tiny model: reasons to end, reuse of a session, errors that change nothing, and no allocation per token.
#include "engine/generate.h"

#include <gtest/gtest.h>

#include "engine/prompt.h"
#include "engine/stories_model.h"
#include "kernels/select.h"
#include "text/tokenizer.h"

namespace hearth {

int64_t allocation_count();  // base/count_allocations.h

namespace {

class GenerateTest : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_shared_models()) GTEST_SKIP() << "not run: no " << shared_models();
  }

  void open(int64_t context) {
    LoadOptions options;
    options.path = stories_path();
    options.context = context;
    options.max_sessions = 2;
    auto engine = Engine::load(options);
    ASSERT_TRUE(engine.ok()) << engine.error().message;
    engine_ = std::move(engine).value();
    session_ = new_session();
    prompt_ = text_prompt(*engine_, "Once upon a time");
  }

  std::unique_ptr<Session> new_session() {
    auto session = engine_->new_session();
    EXPECT_TRUE(session.ok());
    return std::move(session).value();
  }

  GenerateResult run(const GenerateOptions& options, const GenerateCallbacks& callbacks = {}) {
    auto result = generate(*engine_, *session_, prompt_, options, callbacks);
    EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
    return result.ok() ? std::move(result).value() : GenerateResult{};
  }

  static GenerateOptions greedy(int64_t max_tokens) {
    GenerateOptions options;
    options.sampler.temperature = 0;
    options.max_tokens = max_tokens;
    return options;
  }

  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Session> session_;
  std::vector<int32_t> prompt_;
};

std::vector<int32_t> ids_of(const GenerateResult& result) {
  std::vector<int32_t> ids;
  for (const GeneratedToken& token : result.tokens) ids.push_back(token.id);
  return ids;
}

TEST_F(GenerateTest, EndsAtTheTokenLimit) {
  open(256);
  EXPECT_EQ(prompt_.front(), engine_->tokenizer().start_id());
  std::string streamed;
  const GenerateResult result = run(greedy(20), {[&](std::string_view text) { streamed += text; }, {}});
  EXPECT_EQ(result.finish_reason, FinishReason::kLength);
  EXPECT_EQ(result.tokens.size(), 20u);
  EXPECT_EQ(result.decode_steps, 19);
  EXPECT_EQ(streamed, result.text);
  EXPECT_EQ(result.text, engine_->tokenizer().decode(ids_of(result)));
  EXPECT_EQ(run(greedy(0)).text, "");
}

TEST_F(GenerateTest, SameSeedSameTextOtherSeedOtherText) {
  open(256);
  GenerateOptions options;
  options.max_tokens = 60;
  options.sampler.temperature = 1.5f;
  options.sampler.seed = 7;
  const GenerateResult first = run(options);
  session_ = new_session();
  EXPECT_EQ(ids_of(run(options)), ids_of(first));
  options.sampler.seed = 8;
  EXPECT_NE(ids_of(run(options)), ids_of(first));
}

TEST_F(GenerateTest, KeepsTheCommonPrefixAndGivesTheSameAnswer) {
  open(256);
  const GenerateResult first = run(greedy(30));
  const std::vector<int32_t> answer = ids_of(first);
  // The conversation goes on: the prompt, the answer, more text.
  std::vector<int32_t> longer = prompt_;
  longer.insert(longer.end(), answer.begin(), answer.end());
  const std::vector<int32_t> more = engine_->tokenizer().encode(" The dog", {});
  longer.insert(longer.end(), more.begin(), more.end());
  prompt_ = longer;
  const GenerateResult second = run(greedy(30));
  EXPECT_EQ(second.reused_tokens, static_cast<int64_t>(longer.size() - more.size()) - 1);  // the last was never appended
  session_ = new_session();
  const GenerateResult fresh = run(greedy(30));
  EXPECT_EQ(fresh.reused_tokens, 0);
  EXPECT_EQ(ids_of(second), ids_of(fresh));
  // The same prompt again: all but the last token is there.
  const GenerateResult again = run(greedy(30));
  EXPECT_EQ(again.reused_tokens, static_cast<int64_t>(longer.size()) - 1);
  EXPECT_EQ(ids_of(again), ids_of(fresh));
}

TEST_F(GenerateTest, FullContextIsAReason) {
  open(64);
  GenerateOptions options = greedy(-1);
  options.ignore_stop_tokens = true;
  const GenerateResult result = run(options);
  EXPECT_EQ(result.finish_reason, FinishReason::kContextFull);
  EXPECT_EQ(session_->size(), session_->context());
  // The last token needs no place: nothing follows it.
  EXPECT_EQ(static_cast<int64_t>(prompt_.size() + result.tokens.size()), session_->context() + 1);
}

TEST_F(GenerateTest, TooLongAPromptSaysTheCountsAndChangesNothing) {
  open(64);
  run(greedy(3));
  const std::vector<int32_t> before(session_->tokens().begin(), session_->tokens().end());
  prompt_.resize(65, 5);
  const auto result = generate(*engine_, *session_, prompt_, greedy(3));
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().code, ErrorCode::kContextFull);
  EXPECT_NE(result.error().message.find("65 tokens"), std::string::npos) << result.error().message;
  EXPECT_NE(result.error().message.find("holds 64"), std::string::npos) << result.error().message;
  EXPECT_NE(result.error().message.find("--ctx"), std::string::npos) << result.error().message;
  EXPECT_EQ(std::vector<int32_t>(session_->tokens().begin(), session_->tokens().end()), before);
  prompt_.resize(64);
  EXPECT_EQ(run(greedy(3)).finish_reason, FinishReason::kContextFull);  // it just fits: one token comes out
}

TEST_F(GenerateTest, StopStringsCutAcrossTokens) {
  open(256);
  const GenerateResult whole = run(greedy(40));
  // A piece from the middle, beginning inside a token.
  const size_t place = whole.text.size() / 2;
  const std::string stop = whole.text.substr(place, 9);
  const size_t first = whole.text.find(stop);
  for (const size_t length : {1u, 4u, 9u}) {
    GenerateOptions options = greedy(40);
    options.stop = {"\x01never", stop.substr(0, length)};
    std::string streamed;
    const GenerateResult result = run(options, {[&](std::string_view text) { streamed += text; }, {}});
    EXPECT_EQ(result.finish_reason, FinishReason::kStop);
    EXPECT_EQ(result.stop_string, options.stop[1]);
    EXPECT_EQ(result.text, whole.text.substr(0, whole.text.find(options.stop[1])));
    EXPECT_EQ(streamed, result.text);
    EXPECT_LE(result.text.size(), first);
  }
  GenerateOptions empty = greedy(4);
  empty.stop = {""};
  EXPECT_EQ(generate(*engine_, *session_, prompt_, empty).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(GenerateTest, CancellingKeepsWhatThereIs) {
  open(256);
  std::atomic<bool> cancel{false};
  int pieces = 0;
  const auto result = generate(*engine_, *session_, prompt_, greedy(100),
                               {[&](std::string_view) { cancel = ++pieces == 5; }, {}}, &cancel);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->finish_reason, FinishReason::kCancelled);
  EXPECT_FALSE(result->text.empty());
  EXPECT_LT(result->tokens.size(), 20u);
  cancel = true;
  prompt_.insert(prompt_.begin() + 1, 40, 9);
  const auto at_once = generate(*engine_, *session_, prompt_, greedy(100), {}, &cancel);
  ASSERT_TRUE(at_once.ok());
  EXPECT_EQ(at_once->finish_reason, FinishReason::kCancelled);
  EXPECT_TRUE(at_once->text.empty());
}

TEST_F(GenerateTest, LogprobsComeWithEveryToken) {
  open(256);
  GenerateOptions options = greedy(10);
  options.sampler.logprobs = 3;
  for (const GeneratedToken& token : run(options).tokens) {
    ASSERT_EQ(token.alternatives.size(), 3u);
    EXPECT_EQ(token.alternatives[0].id, token.id);  // greedy takes the likeliest
    EXPECT_EQ(token.alternatives[0].logprob, token.logprob);
    EXPECT_GE(token.alternatives[0].logprob, token.alternatives[1].logprob);
    EXPECT_LE(token.logprob, 0.0f);
  }
}

TEST_F(GenerateTest, BadOptionsAreRefusedBeforeAnythingRuns) {
  open(64);
  GenerateOptions options = greedy(1);
  options.sampler.top_p = 2;
  EXPECT_EQ(generate(*engine_, *session_, prompt_, options).error().code, ErrorCode::kInvalidArgument);
  EXPECT_EQ(session_->size(), 0);
  EXPECT_EQ(generate(*engine_, *session_, {}, greedy(1)).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(GenerateTest, DecodingDoesNotAllocate) {
  open(512);
  text::SamplerOptions options;
  options.top_k = 40;
  options.repetition_penalty = 1.1f;
  const auto sampler = text::Sampler::create(options, static_cast<int32_t>(engine_->info().vocabulary),
                                             **kernels::table_by_name(engine_->info().isa));
  ASSERT_TRUE(sampler.ok());
  ASSERT_TRUE(session_->append(prompt_).ok());
  const auto decode = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const int32_t id = (*sampler)->sample(session_->logits(), session_->tokens()).id;
      if (!session_->append(std::span(&id, 1)).ok()) return false;
    }
    return true;
  };
  ASSERT_TRUE(decode(8));  // warm-up
  const int64_t before = allocation_count();
  ASSERT_TRUE(decode(400));  // across several pages of keys and values
  EXPECT_EQ(allocation_count() - before, 0);
}

}  // namespace
}  // namespace hearth
