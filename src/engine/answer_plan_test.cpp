// Tool calls and reasoning in answers of a tiny model: bound from the first token, closed when the budget is used up, and the
// same with and without guesses.
#include "engine/answer_plan.h"

#include <gtest/gtest.h>

#include "engine/prompt.h"
#include "engine/speculation/speculator.h"
#include "engine/speculation/suffix_drafter.h"
#include "engine/stories_model.h"
#include "text/tools/answer_format.h"

namespace hearth {
namespace {

namespace tools = text::tools;

class PlannedAnswers : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_shared_models()) GTEST_SKIP() << "not run: no " << shared_models();
    LoadOptions options;
    options.path = stories_path();
    options.context = 512;
    auto engine = Engine::load(options);
    ASSERT_TRUE(engine.ok()) << engine.error().message;
    engine_ = std::move(engine).value();
  }

  static AnswerWishes with_tools(tools::ToolChoice choice) {
    AnswerWishes wishes;
    wishes.tools.tools.push_back({"tell", "Tells a story",
                                  R"({"type":"object","properties":{"hero":{"enum":["dog","cat"]},"length":{"type":"integer","minimum":1,"maximum":9}},"required":["hero","length"]})"});
    wishes.tools.tools.push_back({"stop", "", ""});
    wishes.tools.choice = choice;
    wishes.tools.name = "tell";
    return wishes;
  }

  Result<GenerateResult> generate_with(GenerateOptions options, bool speculate, uint64_t seed) {
    auto session = engine_->new_session();
    if (!session.ok()) return session.error();
    options.sampler.temperature = 1;
    options.sampler.seed = seed;
    std::vector<std::unique_ptr<Drafter>> drafters;
    drafters.push_back(std::make_unique<SuffixDrafter>());
    Speculator::Options guessing;
    guessing.adaptive = false;
    Speculator speculator(std::move(drafters), guessing);
    if (speculate) options.speculator = &speculator;
    return generate(*engine_, **session, text_prompt(*engine_, "Once upon a time"), options);
  }

  static void expect_same(const GenerateResult& left, const GenerateResult& right) {
    EXPECT_EQ(left.text, right.text);
    EXPECT_EQ(left.reasoning_tokens, right.reasoning_tokens);
    ASSERT_EQ(left.tokens.size(), right.tokens.size());
    for (size_t i = 0; i < left.tokens.size(); ++i) EXPECT_EQ(left.tokens[i].id, right.tokens[i].id);
  }

  std::unique_ptr<Engine> engine_;
};

TEST_F(PlannedAnswers, ForcedCallsAreValidCalls) {
  for (const tools::ToolChoice choice : {tools::ToolChoice::kNamed, tools::ToolChoice::kRequired}) {
    AnswerWishes wishes = with_tools(choice);
    wishes.tools.parallel = false;
    for (uint64_t seed = 1; seed < 5; ++seed) {
      GenerateOptions options;
      options.max_tokens = 200;
      std::string rendered = "Once upon a time";
      const Result<tools::ParserOptions> parser = plan_answer(*engine_, wishes, &rendered, &options);
      ASSERT_TRUE(parser.ok()) << parser.error().message;
      ASSERT_NE(options.grammar, nullptr);
      const Result<GenerateResult> plain = generate_with(options, false, seed), guessed = generate_with(options, true, seed);
      ASSERT_TRUE(plain.ok() && guessed.ok());
      expect_same(*plain, *guessed);
      EXPECT_EQ(plain->finish_reason, FinishReason::kStop) << plain->text;
      const tools::ParsedAnswer answer = tools::gather(tools::parse_answer(*parser, plain->text));
      ASSERT_EQ(answer.calls.size(), 1u) << plain->text;
      EXPECT_EQ(answer.content, "");
      if (choice == tools::ToolChoice::kNamed) {
        EXPECT_EQ(answer.calls[0].name, "tell");
      }
    }
  }
}

TEST_F(PlannedAnswers, ReasoningIsClosedWhenItsTokensAreUsedUp) {
  for (const int64_t budget : {int64_t{0}, int64_t{1}, int64_t{7}}) {
    GenerateOptions options;
    options.max_tokens = 60;
    options.reasoning = {{"<think>", "</think>", "", false}, true, budget};
    const Result<GenerateResult> plain = generate_with(options, false, 3), guessed = generate_with(options, true, 3);
    ASSERT_TRUE(plain.ok() && guessed.ok());
    expect_same(*plain, *guessed);
    const size_t end = plain->text.find("\n</think>\n\n");
    ASSERT_NE(end, std::string::npos) << plain->text;
    options.max_tokens = budget;
    options.reasoning = {};
    EXPECT_EQ(generate_with(options, false, 3)->text, plain->text.substr(0, end)) << "the reasoning is what it would have been";
    EXPECT_GT(plain->reasoning_tokens, budget);
    EXPECT_LT(plain->reasoning_tokens, 60);
  }
}

TEST_F(PlannedAnswers, WithoutABudgetReasoningIsOnlyCounted) {
  GenerateOptions options;
  options.max_tokens = 30;
  const Result<GenerateResult> plain = generate_with(options, false, 3);
  options.reasoning = {{"<think>", "</think>", "", false}, true, -1};
  const Result<GenerateResult> watched = generate_with(options, false, 3);
  ASSERT_TRUE(plain.ok() && watched.ok());
  EXPECT_EQ(plain->text, watched->text);
  EXPECT_EQ(watched->reasoning_tokens, 30);
  EXPECT_EQ(plain->reasoning_tokens, 0);
}

TEST_F(PlannedAnswers, WhatCannotBeKeptIsAnError) {
  std::string rendered = "x";
  GenerateOptions options;
  AnswerWishes wishes = with_tools(tools::ToolChoice::kAuto);
  wishes.tools.tools[0].parameters = R"({"type":"object","properties":{"a":{"type":"string","pattern":"("}}})";
  const auto broken = plan_answer(*engine_, wishes, &rendered, &options);
  ASSERT_FALSE(broken.ok());
  EXPECT_NE(broken.error().message.find("tell"), std::string::npos) << broken.error().message;
  wishes = with_tools(tools::ToolChoice::kNamed);
  wishes.tools.name = "absent";
  EXPECT_EQ(plan_answer(*engine_, wishes, &rendered, &options).error().code, ErrorCode::kInvalidArgument);
  wishes = with_tools(tools::ToolChoice::kRequired);
  wishes.shape.kind = AnswerShape::Kind::kJsonObject;
  EXPECT_EQ(plan_answer(*engine_, wishes, &rendered, &options).error().code, ErrorCode::kInvalidArgument);
}

}  // namespace
}  // namespace hearth
