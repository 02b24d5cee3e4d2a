// Requests and reference answers that the tests of serving share.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/serving/answer.h"
#include "hearth/engine.h"

namespace hearth {

inline std::string tiny_model(const std::string& name) {
  return std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/models/" + name + ".gguf";
}

inline std::unique_ptr<Engine> load_tiny(int sessions, int64_t context, int64_t pool_bytes = 0) {
  LoadOptions options;
  options.path = tiny_model("gemma3");
  options.context = context;
  options.max_sessions = sessions;
  options.kv_pool_bytes = pool_bytes;
  auto engine = Engine::load(options);
  EXPECT_TRUE(engine.ok()) << (engine.ok() ? "" : engine.error().message);
  return engine.ok() ? std::move(engine).value() : nullptr;
}

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

inline std::vector<int32_t> some_prompt(Random& random, int64_t tokens, int64_t vocabulary) {
  std::vector<int32_t> prompt;
  for (int64_t i = 0; i < tokens; ++i) prompt.push_back(static_cast<int32_t>(random.below(vocabulary)));
  return prompt;
}

inline AnswerRequest some_request(Random& random, int64_t vocabulary) {
  AnswerRequest request;
  request.prompt = some_prompt(random, 1 + random.below(random.below(4) == 0 ? 300 : 40), vocabulary);
  request.owner = "owner " + std::to_string(random.below(3));
  GenerateOptions& options = request.options;
  options.max_tokens = random.below(60);
  options.ignore_stop_tokens = random.below(2) == 0;
  options.sampler.temperature = static_cast<float>(random.below(3)) * 0.7f;
  options.sampler.seed = static_cast<uint64_t>(random.below(1000));
  options.sampler.repetition_penalty = random.below(2) == 0 ? 1.0f : 1.2f;
  options.sampler.logprobs = static_cast<int32_t>(random.below(4)) - 1;
  if (random.below(3) == 0) options.stop = {"e", "\x01never"};
  return request;
}

// The answer of a session that runs alone, token by token.
inline GenerateResult alone(const Engine& engine, const AnswerRequest& request) {
  auto session = engine.new_session();
  EXPECT_TRUE(session.ok());
  auto result = generate(engine, **session, request.prompt, request.options);
  EXPECT_TRUE(result.ok()) << (result.ok() ? "" : result.error().message);
  return result.ok() ? std::move(result).value() : GenerateResult{};
}

inline void expect_same(const GenerateResult& got, const GenerateResult& expected) {
  EXPECT_EQ(got.text, expected.text);
  EXPECT_EQ(got.finish_reason, expected.finish_reason);
  EXPECT_EQ(got.stop_string, expected.stop_string);
  EXPECT_EQ(got.prompt_tokens, expected.prompt_tokens);
  ASSERT_EQ(got.tokens.size(), expected.tokens.size());
  for (size_t i = 0; i < got.tokens.size(); ++i) {
    EXPECT_EQ(got.tokens[i].id, expected.tokens[i].id);
    EXPECT_EQ(std::memcmp(&got.tokens[i].logprob, &expected.tokens[i].logprob, sizeof(float)), 0);
    ASSERT_EQ(got.tokens[i].alternatives.size(), expected.tokens[i].alternatives.size());
    for (size_t j = 0; j < got.tokens[i].alternatives.size(); ++j) {
      EXPECT_EQ(got.tokens[i].alternatives[j].id, expected.tokens[i].alternatives[j].id);
      EXPECT_EQ(got.tokens[i].alternatives[j].logprob, expected.tokens[i].alternatives[j].logprob);
    }
  }
}

}  // namespace hearth
