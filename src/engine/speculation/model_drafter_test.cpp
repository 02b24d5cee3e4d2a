// A draft model beside a model: the same answers as alone, all guesses right where both are one file, clear errors where
// the vocabularies differ.
#include "engine/speculation/model_drafter.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "engine/generate.h"
#include "engine/speculation/speculator.h"

namespace hearth {
namespace {

std::unique_ptr<Engine> load(const std::string& name, int64_t context = 200) {
  LoadOptions options;
  options.path = std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/models/" + name + ".gguf";
  options.context = context;
  options.threads = 1;
  options.max_sessions = 2;
  auto engine = Engine::load(options);
  EXPECT_TRUE(engine.ok()) << (engine.ok() ? "" : engine.error().message);
  return engine.ok() ? std::move(engine).value() : nullptr;
}

const std::vector<int32_t> kPrompt = {3, 9, 27, 81, 12, 36, 90, 44, 5, 15};

GenerateOptions drawn(float temperature) {
  GenerateOptions options;
  options.sampler.temperature = temperature;
  options.sampler.seed = 6;
  options.sampler.logit_bias = {{4, 1.5f}};
  options.max_tokens = 60;
  options.ignore_stop_tokens = true;
  return options;
}

std::vector<int32_t> ids_of(const GenerateResult& result) {
  std::vector<int32_t> ids;
  for (const GeneratedToken& token : result.tokens) ids.push_back(token.id);
  return ids;
}

GenerateResult answer(const Engine& engine, Session& session, std::span<const int32_t> prompt, const GenerateOptions& options) {
  auto result = generate(engine, session, prompt, options);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return result.ok() ? std::move(result).value() : GenerateResult{};
}

// Answers over several turns, so that the draft model's session is rewound and goes on.
void check(const Engine& draft, const Engine& target, bool all_right) {
  auto drafter = ModelDrafter::create(draft, target);
  ASSERT_TRUE(drafter.ok()) << drafter.error().message;
  std::vector<std::unique_ptr<Drafter>> drafters;
  drafters.push_back(std::move(*drafter));
  Speculator speculator(std::move(drafters), {4, /*adaptive=*/false, &monotonic_clock()});
  auto plain = std::move(target.new_session()).value(), guessed = std::move(target.new_session()).value();
  int64_t drafted = 0, accepted = 0;
  for (const float temperature : {0.0f, 0.8f, 1.5f}) {
    std::vector<int32_t> prompt = kPrompt;
    for (int turn = 0; turn < 2; ++turn) {
      GenerateOptions options = drawn(temperature);
      const std::vector<int32_t> expected = ids_of(answer(target, *plain, prompt, options));
      options.speculator = &speculator;
      const GenerateResult result = answer(target, *guessed, prompt, options);
      EXPECT_EQ(ids_of(result), expected) << temperature << " turn " << turn;
      drafted += result.drafted_tokens;
      accepted += result.accepted_tokens;
      prompt.insert(prompt.end(), expected.begin(), expected.end());
      prompt.push_back(7);
    }
  }
  EXPECT_GT(drafted, 4);
  EXPECT_EQ(accepted == drafted, all_right);
}

TEST(ModelDrafter, TheSameModelIsAlwaysRight) {
  const auto target = load("qwen2"), draft = load("qwen2");
  check(*draft, *target, true);
}

TEST(ModelDrafter, AnotherModelMayBeWrong) {
  const auto target = load("llama-grouped"), draft = load("qwen2");
  check(*draft, *target, false);
}

TEST(ModelDrafter, ItsContextMayBeSmaller) {
  const auto target = load("qwen2"), draft = load("qwen2", 32);
  check(*draft, *target, true);
}

TEST(ModelDrafter, VocabulariesMustBeEqual) {
  const auto target = load("qwen2"), other = load("gemma3");
  const auto drafter = ModelDrafter::create(*other, *target);
  ASSERT_FALSE(drafter.ok());
  EXPECT_EQ(drafter.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(drafter.error().message.find("vocabulary"), std::string::npos) << drafter.error().message;
}

}  // namespace
}  // namespace hearth
