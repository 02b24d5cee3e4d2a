// Adapter files that are made here: what is read from a good one, and a message of its own for everything that is wrong.
#include "model/adapter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <map>

#include "gguf/writer.h"
#include "model/test_adapter_base.h"

namespace hearth::model {
namespace {

using quant::Format;
using testing::HasSubstr;

// A file in the making: its matrices by name, [rows, columns].
struct AdapterMaker {
  struct Matrix {
    uint64_t columns, rows;
    Format format = Format::kF32;
  };
  std::map<std::string, std::string> texts = {
      {"general.type", "adapter"}, {"adapter.type", "lora"}, {"general.architecture", "qwen2"}, {"general.name", "made here"}};
  std::function<void(gguf::Writer&)> more = [](gguf::Writer& writer) { writer.set_f32("adapter.lora.alpha", 6); };
  std::map<std::string, Matrix> matrices = {{"blk.1.attn_q.weight.lora_a", {48, 3}}, {"blk.1.attn_q.weight.lora_b", {3, 48}},
                                            {"blk.0.ffn_down.weight.lora_a", {64, 2}}, {"blk.0.ffn_down.weight.lora_b", {2, 48}}};

  // The value at an index of a matrix: exact in every format here.
  static float value(uint64_t i) { return static_cast<float>(static_cast<int64_t>(i * 7 % 31) - 15) / 8; }

  std::string bytes() const {
    gguf::Writer writer;
    for (const auto& [key, text] : texts) writer.set_string(key, text);
    more(writer);
    std::map<std::string, std::vector<std::byte>> data;
    for (const auto& [name, matrix] : matrices) {
      const quant::FormatTraits& traits = quant::traits(matrix.format);
      std::vector<float> values(matrix.columns * matrix.rows);
      for (size_t i = 0; i < values.size(); ++i) values[i] = value(i);
      std::vector<std::byte>& encoded = data[name];
      encoded.resize(values.size() / traits.block_values * traits.block_bytes);
      traits.encode_row(values.data(), static_cast<int64_t>(values.size()), encoded.data());
      const uint64_t dims[] = {matrix.columns, matrix.rows};
      writer.add_tensor(name, dims, matrix.format, encoded);
    }
    return writer.serialise();
  }
};

struct Bound {
  std::string file;
  Result<std::unique_ptr<Adapter>> adapter = Error{};
};

std::unique_ptr<Bound> bind(const AdapterMaker& maker) {
  static const AdapterBase base;
  auto bound = std::make_unique<Bound>();
  bound->file = maker.bytes();
  auto view = gguf::View::open_bytes(std::as_bytes(std::span(bound->file.data(), bound->file.size())), "adapter.gguf");
  EXPECT_TRUE(view.ok()) << view.error().message;
  if (view.ok()) bound->adapter = Adapter::bind(std::move(view).value(), base.spec, base.weights);
  return bound;
}

void expect_refused(const AdapterMaker& maker, const std::string& why, ErrorCode code = ErrorCode::kCorrupt) {
  const auto bound = bind(maker);
  ASSERT_FALSE(bound->adapter.ok()) << "expected: " << why;
  EXPECT_THAT(bound->adapter.error().message, HasSubstr(why));
  EXPECT_THAT(bound->adapter.error().message, HasSubstr("adapter.gguf: "));
  EXPECT_EQ(bound->adapter.error().code, code) << bound->adapter.error().message;
}

TEST(Adapter, IsReadAsItIsWritten) {
  const auto bound = bind({});
  ASSERT_TRUE(bound->adapter.ok()) << bound->adapter.error().message;
  Adapter& adapter = **bound->adapter;
  EXPECT_EQ(adapter.rank(), 3);
  EXPECT_EQ(adapter.widest_group(), 3);
  EXPECT_EQ(adapter.alpha(), 6);
  ASSERT_TRUE(adapter.read().ok());
  EXPECT_EQ(adapter.file(), nullptr);
  bound->file.assign(bound->file.size(), '\xff');  // it is not needed any more
  const LowRank& query = adapter.layers()[1].query;
  ASSERT_TRUE(query.present());
  EXPECT_EQ(query.rank(), 3);
  EXPECT_EQ(query.down.rows, 3);
  EXPECT_EQ(query.down.columns, 48);
  EXPECT_EQ(query.up.rows, 48);
  EXPECT_EQ(query.factor, 2.0);
  EXPECT_EQ(query.scale(0.25f), 0.5f);
  for (uint64_t i = 0; i < 3 * 48; ++i) EXPECT_EQ(static_cast<const float*>(query.down.data)[i], AdapterMaker::value(i));
  EXPECT_EQ(adapter.layers()[0].down.factor, 3.0);
  EXPECT_FALSE(adapter.layers()[0].query.present());
  EXPECT_FALSE(adapter.head().present());
}

TEST(Adapter, FloatFormatsStayAndOthersBecomeFloat32) {
  AdapterMaker maker;
  maker.matrices = {{"blk.0.ffn_down.weight.lora_a", {64, 32, Format::kF16}}, {"blk.0.ffn_down.weight.lora_b", {32, 48, Format::kQ8_0}}};
  const auto bound = bind(maker);
  ASSERT_TRUE(bound->adapter.ok()) << bound->adapter.error().message;
  Adapter& adapter = **bound->adapter;
  EXPECT_EQ(adapter.bytes(), 64 * 32 * 2 + 48 * 32 * 4);
  ASSERT_TRUE(adapter.read().ok());
  const LowRank& down = adapter.layers()[0].down;
  EXPECT_EQ(down.down.format, Format::kF16);
  EXPECT_EQ(down.down.row_bytes, 64 * 2);
  for (uint64_t i = 0; i < 64 * 32; ++i) {
    EXPECT_EQ(quant::half_to_float(static_cast<const uint16_t*>(down.down.data)[i]), AdapterMaker::value(i));
  }
  EXPECT_EQ(down.up.format, Format::kF32);
  for (uint64_t i = 0; i < 32 * 48; ++i) EXPECT_NEAR(static_cast<const float*>(down.up.data)[i], AdapterMaker::value(i), 0.01);
}

TEST(Adapter, WithoutAlphaTheScaleIsTheOneAskedFor) {
  for (const bool zero : {false, true}) {
    AdapterMaker maker;
    maker.more = [zero](gguf::Writer& writer) {
      if (zero) writer.set_f32("adapter.lora.alpha", 0);
    };
    const auto bound = bind(maker);
    ASSERT_TRUE(bound->adapter.ok());
    EXPECT_EQ((*bound->adapter)->layers()[1].query.factor, 1.0);
  }
}

TEST(Adapter, TheEmbeddingsFirstMatrixHasARowPerToken) {
  AdapterMaker maker;
  maker.matrices = {{"token_embd.weight.lora_a", {4, 320}}, {"token_embd.weight.lora_b", {4, 48}},
                    {"output.weight.lora_a", {48, 4}}, {"output.weight.lora_b", {4, 320}}};
  const auto bound = bind(maker);
  ASSERT_TRUE(bound->adapter.ok()) << bound->adapter.error().message;
  EXPECT_EQ((*bound->adapter)->embedding().down.rows, 320);
  EXPECT_EQ((*bound->adapter)->embedding().rank(), 4);
  EXPECT_EQ((*bound->adapter)->head().down.rows, 4);
  maker.matrices["token_embd.weight.lora_a"] = {320, 4};
  expect_refused(maker, "token_embd.weight.lora_a is [4, 320], not [320, 4]");
}

TEST(Adapter, KeysAreChecked) {
  const auto with = [](const std::string& key, const std::string& value) {
    AdapterMaker maker;
    maker.texts[key] = value;
    return maker;
  };
  expect_refused(with("general.type", "model"), "general.type", ErrorCode::kUnsupported);
  expect_refused(with("adapter.type", "control_vector"), "adapter.type", ErrorCode::kUnsupported);
  expect_refused(with("general.architecture", "llama"), "\"llama\"", ErrorCode::kUnsupported);
  AdapterMaker without;
  without.texts.erase("general.type");
  expect_refused(without, "general.type", ErrorCode::kUnsupported);
  AdapterMaker later;
  later.more = [](gguf::Writer& writer) { writer.set_u32s("adapter.alora.invocation_tokens", std::array<uint32_t, 2>{1, 2}); };
  expect_refused(later, "adapter.alora.invocation_tokens", ErrorCode::kUnsupported);
  for (const float alpha : {std::numeric_limits<float>::infinity(), std::numeric_limits<float>::quiet_NaN()}) {
    AdapterMaker maker;
    maker.more = [alpha](gguf::Writer& writer) { writer.set_f32("adapter.lora.alpha", alpha); };
    expect_refused(maker, "adapter.lora.alpha");
  }
  AdapterMaker text;
  text.more = [](gguf::Writer& writer) { writer.set_string("adapter.lora.alpha", "16"); };
  expect_refused(text, "adapter.lora.alpha");
}

TEST(Adapter, ShapesAreChecked) {
  const auto with = [](const std::string& name, AdapterMaker::Matrix matrix) {
    AdapterMaker maker;
    maker.matrices[name] = matrix;
    return maker;
  };
  expect_refused(with("blk.1.attn_q.weight.lora_a", {64, 3}), "blk.1.attn_q.weight.lora_a is [3, 64], not [3, 48]");
  expect_refused(with("blk.1.attn_q.weight.lora_a", {48, 4}), "blk.1.attn_q.weight.lora_a is [4, 48], not [3, 48]");
  expect_refused(with("blk.1.attn_q.weight.lora_b", {3, 64}), "blk.1.attn_q.weight.lora_b is [64, 3], not [48, 3]");
  AdapterMaker wide;
  wide.matrices = {{"blk.0.attn_k.weight.lora_a", {48, 4097}}, {"blk.0.attn_k.weight.lora_b", {4097, 16}}};
  expect_refused(wide, "rank 4097", ErrorCode::kResource);
  AdapterMaker half;
  half.matrices.erase("blk.1.attn_q.weight.lora_b");
  expect_refused(half, "blk.1.attn_q.weight.lora_b is missing");
  half.matrices = {{"blk.1.attn_q.weight.lora_b", {3, 48}}};
  expect_refused(half, "blk.1.attn_q.weight.lora_a is missing");
}

TEST(Adapter, NothingIsLeftOut) {
  for (const char* name : {"blk.2.attn_q.weight.lora_a", "blk.0.attn_norm.weight", "blk.0.attn_norm.weight.lora_a", "other"}) {
    AdapterMaker maker;
    maker.matrices[name] = {48, 3};
    expect_refused(maker, name, ErrorCode::kUnsupported);
  }
  AdapterMaker empty;
  empty.matrices.clear();
  expect_refused(empty, "no tensors");
}

}  // namespace
}  // namespace hearth::model
