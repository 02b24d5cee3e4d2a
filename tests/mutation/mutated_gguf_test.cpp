// Thousands of damaged files through View: no crash, no file accepted that must be refused, none refused that is good,
// and every refusal says where it arose.
//
// Seeds are files of ../shared/models; HEARTH_MUTATIONS sets the number of files per seed (default 2000).
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include <gtest/gtest.h>

#include "base/utf8.h"
#include "gguf/file_type.h"
#include "gguf/view.h"
#include "gguf/writer.h"
#include "mutation/gguf_mutator.h"

namespace hearth::mutation {
namespace {

uint64_t mutations_per_seed() {
  const char* text = std::getenv("HEARTH_MUTATIONS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 2000;
}

// Touches everything a View offers, so that a bad pointer shows under a sanitizer.
uint64_t use(const gguf::View& view) {
  uint64_t sum = 0;
  for (const gguf::View::KeyInfo& key : view.keys()) {
    sum += view.describe(key.key).size();
    sum += view.get_u64(key.key).value_or(0) + static_cast<uint64_t>(view.get_i64(key.key).value_or(0));
    sum += view.get_bool(key.key).value_or(false) + (view.get_f64(key.key).value_or(0) > 0 ? 1 : 0);
    sum += view.get_string(key.key).value_or("").size();
    if (const auto strings = view.get_strings(key.key); strings.ok()) {
      for (size_t i = 0; i < strings->size(); ++i) sum += (*strings)[i].size();
    }
    if (const auto values = view.get_f32s(key.key); values.ok()) {
      for (float value : *values) sum += value > 0 ? 1 : 0;
    }
    if (const auto values = view.get_i32s(key.key); values.ok()) {
      for (int32_t value : *values) sum += static_cast<uint32_t>(value);
    }
    if (const auto values = view.get_integers(key.key); values.ok()) sum += values->size();
  }
  for (const gguf::TensorInfo& tensor : view.tensors()) {
    sum += static_cast<uint8_t>(tensor.data[0]) + static_cast<uint8_t>(tensor.data[tensor.bytes - 1]);
    EXPECT_EQ(view.find_tensor(tensor.name), &tensor);
  }
  return sum + gguf::quantisation_label(view).size();
}

void run(const std::string& name, const std::string& file) {
  const GgufMutator mutator(file);
  uint64_t accepted = 0, refused = 0, sum = 0;
  for (uint64_t i = 0; i < mutations_per_seed(); ++i) {
    const Mutation mutation = mutator.make(i);
    Result<std::unique_ptr<gguf::View>> view =
        gguf::View::open_bytes(std::as_bytes(std::span(mutation.bytes.data(), mutation.bytes.size())), "mutated.gguf");
    if (view.ok()) {
      ++accepted;
      sum += use(**view);
      EXPECT_NE(mutation.expect, Expect::kReject) << name << " " << mutation.label;
    } else {
      ++refused;
      const Error& error = view.error();
      EXPECT_NE(mutation.expect, Expect::kAccept) << name << " " << mutation.label << ": " << error.message;
      EXPECT_TRUE(error.message.starts_with("mutated.gguf: ")) << error.message;
      EXPECT_TRUE(is_valid_utf8(error.message)) << mutation.label;
      EXPECT_NE(error.code, ErrorCode::kInternal) << error.message;
    }
  }
  std::cout << name << ": " << accepted << " opened, " << refused << " refused (" << sum % 1000 << ")\n";
}

std::string small_model() {
  gguf::Writer writer;
  writer.set_string("general.architecture", "none");
  writer.set_u32("none.block_count", 1);
  writer.set_f32("none.epsilon", 1e-5f);
  writer.set_bool("none.flag", true);
  writer.set_strings("tokenizer.ggml.tokens", std::vector<std::string>{"<unk>", "<s>", "a", "b", "ab"});
  writer.set_f32s("tokenizer.ggml.scores", std::vector<float>{0, 0, -1, -2, -3});
  writer.set_i32s("tokenizer.ggml.token_type", std::vector<int32_t>{2, 3, 1, 1, 1});
  const std::vector<std::byte> data(4096);
  const uint64_t wide[] = {256, 4}, row[] = {32};
  writer.add_tensor("norm", row, quant::Format::kF32, std::span(data).first(128));
  writer.add_tensor("weight", wide, quant::Format::kQ4_K, std::span(data).first(576));
  writer.add_tensor("second", wide, quant::Format::kQ8_0, std::span(data).first(1088));
  return writer.serialise();
}

TEST(MutatedGguf, SmallModel) {
  run("small model", small_model());
}

TEST(MutatedGguf, RealFiles) {
  const char* shared = std::getenv("HEARTH_SHARED_DIR");
  const std::string root = shared != nullptr ? shared : std::string(HEARTH_SOURCE_DIR) + "/../shared";
  for (const char* name : {"stories260K/stories260K.gguf", "vocab/ggml-vocab-llama-spm.gguf",
                           "vocab/ggml-vocab-gpt-2.gguf", "vocab/ggml-vocab-bert-bge.gguf"}) {
    std::ifstream file(root + "/models/" + name, std::ios::binary);
    if (!file.good()) {
      std::cout << "not run: " << name << " is not in ../shared/models\n";
      continue;
    }
    run(name, {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
  }
}

TEST(MutatedGguf, TheSameIndexGivesTheSameFile) {
  const GgufMutator first(small_model()), second(small_model());
  for (uint64_t i = 0; i < 200; ++i) {
    const Mutation a = first.make(i), b = second.make(i);
    EXPECT_EQ(a.label, b.label);
    EXPECT_EQ(a.bytes, b.bytes);
  }
}

}  // namespace
}  // namespace hearth::mutation
