// Damaged model files as a person would meet them: load, render the chat template, encode, four tokens.
//
// Contract: every file either answers or is refused with a message; no signal, no sanitizer report. The seeds are a complete
// tiny model of ../shared/models and an adapter of tests/goldens; HEARTH_MUTATIONS sets the number of files (default 1000).
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include <gtest/gtest.h>
#include <unistd.h>

#include "hearth/engine.h"
#include "mutation/gguf_mutator.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace hearth::mutation {
namespace {

constexpr int kTokens = 4;
constexpr int64_t kContext = 64;

uint64_t mutation_count() {
  const char* text = std::getenv("HEARTH_MUTATIONS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1000;
}

// Empty if the model answered, else the refusal.
std::string try_model(const std::string& path, const std::string& adapter = "") {
  LoadOptions options;
  options.path = path;
  if (!adapter.empty()) options.adapters = {{adapter, 1.0f}};
  options.threads = 1;
  const auto plan = Engine::plan(options);
  if (!plan.ok()) return plan.error().message;
  options.context = std::min(kContext, plan->context);
  auto engine = Engine::load(options);
  if (!engine.ok()) return engine.error().message;
  std::string prompt = "Once upon a time";
  if (const text::ChatTemplate* chat_template = (*engine)->chat_template()) {
    auto rendered = chat_template->render({{"user", prompt}}, true);
    if (!rendered.ok()) return rendered.error().message;
    prompt = *rendered;
  }
  std::vector<int32_t> tokens = (*engine)->tokenizer().encode(prompt, {.add_start = true, .parse_special = true});
  if (tokens.empty()) return "no tokens";
  auto session = (*engine)->new_session();
  if (!session.ok()) return session.error().message;
  for (int i = 0; i < kTokens; ++i) {
    const auto appended = (*session)->append(tokens);
    if (!appended.ok()) return appended.error().message;
    const std::span<const float> logits = (*session)->logits();
    const int32_t best = static_cast<int32_t>(std::max_element(logits.begin(), logits.end()) - logits.begin());
    tokens = {best};
    (*engine)->tokenizer().decode(tokens);
  }
  return "";
}

// Tries damaged variants of a good file; `try_file` gives the refusal of one.
template <class Try>
void try_variants(const GgufMutator& mutator, const std::string& name, const Try& try_file) {
  const std::string path = testing::TempDir() + name + std::to_string(getpid()) + ".gguf";
  int answered = 0, refused = 0;
  for (uint64_t i = 0; i < mutation_count(); ++i) {
    const Mutation mutation = mutator.make(i);
    std::ofstream(path, std::ios::binary | std::ios::trunc) << mutation.bytes;
    const std::string refusal = try_file(path);
    ++(refusal.empty() ? answered : refused);
    EXPECT_FALSE(mutation.expect == Expect::kReject && refusal.empty()) << mutation.label;
  }
  std::filesystem::remove(path);
  std::cout << answered << " answered, " << refused << " refused\n";
  EXPECT_GT(answered, 0);
  EXPECT_GT(refused, 0);
}

TEST(MutatedModel, AnswersOrIsRefused) {
  const char* shared = std::getenv("HEARTH_SHARED_DIR");
  const std::string root = shared != nullptr ? shared : std::string(HEARTH_SOURCE_DIR) + "/../shared";
  std::ifstream file(root + "/models/stories260K/stories260K.gguf", std::ios::binary);
  if (!file.good()) GTEST_SKIP() << "not run: stories260K is not in ../shared/models";
  const GgufMutator mutator({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
  try_variants(mutator, "mutated_model_", [](const std::string& path) { return try_model(path); });
}

TEST(MutatedAdapter, AnswersOrIsRefused) {
  const std::string goldens = std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/";
  std::ifstream file(goldens + "adapters/qwen2.one.gguf", std::ios::binary);
  ASSERT_TRUE(file.good());
  const GgufMutator mutator({std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
  try_variants(mutator, "mutated_adapter_", [&](const std::string& path) { return try_model(goldens + "models/qwen2.gguf", path); });
}

}  // namespace
}  // namespace hearth::mutation
