// Published test vectors: strings with the ids that each model's own tokenizer gives for them.
//
// Contract: every vector whose vocabulary is on this machine must match exactly; the others are named as not run.
// Not here: generated strings (tokenizer_oracle_test.cpp).
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <sstream>

#include "text/test_data.h"
#include "text/tokenizer.h"

namespace hearth::text {
namespace {

std::vector<std::string> vector_inputs(const std::string& path) {
  const std::string all = read_test_file(path);
  const std::string separator = "\n__ggml_vocab_test__\n";
  std::vector<std::string> inputs;
  size_t begin = 0;
  for (size_t end; (end = all.find(separator, begin)) != std::string::npos; begin = end + separator.size()) {
    inputs.push_back(all.substr(begin, end - begin));
  }
  return inputs;
}

std::vector<std::vector<int32_t>> vector_outputs(const std::string& path) {
  std::istringstream lines(read_test_file(path));
  std::vector<std::vector<int32_t>> outputs;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::vector<int32_t> ids;
    for (int32_t id; words >> id;) ids.push_back(id);
    outputs.push_back(ids);
  }
  return outputs;
}

void check_vectors(const Tokenizer& tokenizer, const std::string& base) {
  const auto inputs = vector_inputs(base + ".inp");
  const auto outputs = vector_outputs(base + ".out");
  ASSERT_GT(inputs.size(), 40u) << base;
  ASSERT_EQ(inputs.size(), outputs.size()) << base;
  EncodeOptions options;
  options.parse_special = false;
  for (size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_EQ(tokenizer.encode(inputs[i], options), outputs[i]) << base << " string " << i << ": \"" << inputs[i] << "\"";
  }
  std::printf("[ vectors  ] %s: %zu strings\n", base.c_str(), inputs.size());
}

class VocabularyVectors : public testing::TestWithParam<const char*> {};

TEST_P(VocabularyVectors, Match) {
  const std::string base = shared_dir() + "/models/vocab/ggml-vocab-" + GetParam() + ".gguf";
  if (!file_exists(base)) {
    std::printf("[ not run  ] %s is absent\n", base.c_str());
    return;
  }
  const LoadedTokenizer loaded = load_gguf_tokenizer(base);
  ASSERT_NE(loaded.tokenizer, nullptr) << loaded.error;
  check_vectors(*loaded.tokenizer, base);
}

INSTANTIATE_TEST_SUITE_P(Files, VocabularyVectors,
                         testing::Values("gpt-2", "deepseek-coder", "deepseek-llm", "falcon", "starcoder", "refact", "mpt",
                                         "llama-spm", "phi-3"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = c == '-' ? '_' : c;
                           return name;
                         });

// The vocabulary of these two is that of the model file.
TEST(ModelVectors, Qwen2) {
  const std::string model = model_file("qwen2.5-coder-0.5b.gguf");
  const std::string base = shared_dir() + "/models/vocab/ggml-vocab-";
  if (model.empty() || !file_exists(base + "qwen2.gguf.inp")) {
    std::printf("[ not run  ] qwen2, deepseek-r1-qwen: the model file or the vectors are absent\n");
    return;
  }
  const LoadedTokenizer loaded = load_gguf_tokenizer(model);
  ASSERT_NE(loaded.tokenizer, nullptr) << loaded.error;
  check_vectors(*loaded.tokenizer, base + "qwen2.gguf");
  check_vectors(*loaded.tokenizer, base + "deepseek-r1-qwen.gguf");
}

TEST(ModelVectors, LlamaBpe) {
  const std::string json = shared_dir() + "/models/tokenizers/llama3.tokenizer.json.gz";
  if (!file_exists(json)) {
    std::printf("[ not run  ] llama-bpe: %s is absent\n", json.c_str());
    return;
  }
  const LoadedTokenizer loaded = load_json_tokenizer(read_gzip_file(json));
  ASSERT_NE(loaded.tokenizer, nullptr) << loaded.error;
  check_vectors(*loaded.tokenizer, shared_dir() + "/models/vocab/ggml-vocab-llama-bpe.gguf");
}

TEST(ModelVectors, NotRun) {
  for (const char* name : {"command-r", "roberta-bpe", "chameleon", "bert-bge (WordPiece)"}) {
    std::printf("[ not run  ] %s: its vocabulary is not among the test data\n", name);
  }
}

}  // namespace
}  // namespace hearth::text
