// Answers in a given form: they have it, whatever guesses ahead, and tokens without a choice are not asked for one by one.
#include "engine/grammar_guide.h"

#include <gtest/gtest.h>

#include <set>

#include "engine/answer_shape.h"
#include "engine/generate.h"
#include "engine/prompt.h"
#include "engine/speculation/speculator.h"
#include "engine/speculation/suffix_drafter.h"
#include "engine/stories_model.h"

namespace hearth {
namespace {

class ShapedAnswers : public testing::Test {
 protected:
  void SetUp() override {
    if (!has_shared_models()) GTEST_SKIP() << "not run: no " << shared_models();
    LoadOptions options;
    options.path = stories_path();
    options.context = 512;
    auto engine = Engine::load(options);
    ASSERT_TRUE(engine.ok()) << engine.error().message;
    engine_ = std::move(engine).value();
    prompt_ = text_prompt(*engine_, "Once upon a time");
  }

  Result<GenerateResult> answer(const AnswerShape& shape, float temperature, bool speculate, uint64_t seed = 1) {
    auto session = engine_->new_session();
    if (!session.ok()) return session.error();
    GenerateOptions options;
    options.sampler.temperature = temperature;
    options.sampler.seed = seed;
    options.sampler.top_p = 1;
    options.max_tokens = 200;
    options.grammar = TRY(engine_->grammars().get(shape));
    std::vector<std::unique_ptr<Drafter>> drafters;
    drafters.push_back(std::make_unique<SuffixDrafter>());
    Speculator::Options guessing;
    guessing.adaptive = false;
    Speculator speculator(std::move(drafters), guessing);
    if (speculate) options.speculator = &speculator;
    return generate(*engine_, **session, prompt_, options);
  }

  std::unique_ptr<Engine> engine_;
  std::vector<int32_t> prompt_;
};

TEST_F(ShapedAnswers, AreOneOfTheChoices) {
  const AnswerShape shape{AnswerShape::Kind::kChoices, "", {"a dog", "a cat", "the bird"}};
  std::set<std::string> seen;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Result<GenerateResult> result = answer(shape, 4.0f, false, seed);
    ASSERT_TRUE(result.ok()) << result.error().message;
    EXPECT_EQ(std::count(shape.choices.begin(), shape.choices.end(), result->text), 1) << result->text;
    EXPECT_EQ(result->finish_reason, FinishReason::kStop);
    seen.insert(result->text);
  }
  EXPECT_GT(seen.size(), 1u);
}

TEST_F(ShapedAnswers, AreTheSameWithAndWithoutGuesses) {
  const AnswerShape shape{AnswerShape::Kind::kGbnf, R"(root ::= "Lily said: " line "The end of the story about Lily."
line ::= [a-z ]{3,30} ". " )", {}};
  for (uint64_t seed = 0; seed < 8; ++seed) {
    const Result<GenerateResult> plain = answer(shape, 1.0f, false, seed), guessed = answer(shape, 1.0f, true, seed);
    ASSERT_TRUE(plain.ok() && guessed.ok());
    EXPECT_EQ(plain->text, guessed->text);
    ASSERT_EQ(plain->tokens.size(), guessed->tokens.size());
    for (size_t i = 0; i < plain->tokens.size(); ++i) EXPECT_EQ(plain->tokens[i].id, guessed->tokens[i].id);
    EXPECT_EQ(plain->text.substr(0, 11), "Lily said: ");
    EXPECT_EQ(plain->finish_reason, FinishReason::kStop) << plain->text;
  }
}

TEST_F(ShapedAnswers, TokensWithoutAChoiceShareAStep) {
  const AnswerShape shape{AnswerShape::Kind::kGbnf, R"(root ::= "There is one text only, and it is always the same one." )", {}};
  const Result<GenerateResult> result = answer(shape, 0, false);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->text, "There is one text only, and it is always the same one.");
  EXPECT_EQ(result->finish_reason, FinishReason::kStop);
  EXPECT_EQ(result->drafted_tokens, 0) << "these are no guesses";
}

TEST_F(ShapedAnswers, AnyJsonObjectEnds) {
  const Result<GenerateResult> result = answer({AnswerShape::Kind::kJsonObject, "", {}}, 0, false);
  ASSERT_TRUE(result.ok()) << result.error().message;
  EXPECT_EQ(result->text.front(), '{');
}

TEST_F(ShapedAnswers, BrokenFormsAreErrors) {
  for (const AnswerShape& shape : {AnswerShape{AnswerShape::Kind::kGbnf, "root ::= absent", {}},
                                   AnswerShape{AnswerShape::Kind::kGbnf, "root ::= root \"a\"", {}},
                                   AnswerShape{AnswerShape::Kind::kSchema, R"({"type":"nothing"})", {}},
                                   AnswerShape{AnswerShape::Kind::kSchema, "{", {}},
                                   AnswerShape{AnswerShape::Kind::kPattern, "(", {}},
                                   AnswerShape{AnswerShape::Kind::kChoices, "", {}}}) {
    EXPECT_FALSE(engine_->grammars().get(shape).ok()) << shape.source;
  }
}

TEST_F(ShapedAnswers, GrammarsAreCompiledOnceAndForgottenInTheEnd) {
  GrammarCache& cache = engine_->grammars();
  const AnswerShape shape{AnswerShape::Kind::kChoices, "", {"x", "y"}};
  const auto first = cache.get(shape), second = cache.get(shape);
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_EQ(*first, *second);
  for (size_t i = 0; i <= GrammarCache::kGrammarCacheEntries; ++i) {
    ASSERT_TRUE(cache.get({AnswerShape::Kind::kChoices, "", {std::to_string(i)}}).ok());
  }
  const auto again = cache.get(shape);
  ASSERT_TRUE(again.ok());
  EXPECT_NE(*first, *again);
}

}  // namespace
}  // namespace hearth
