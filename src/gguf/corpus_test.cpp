// Files written by the gguf Python package (tests/oracle/gguf_corpus.py): what they hold is what View reads.
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gguf/view.h"

namespace hearth::gguf {
namespace {

std::unique_ptr<View> open(const std::string& name) {
  Result<std::unique_ptr<View>> view = View::open(std::string(HEARTH_SOURCE_DIR) + "/tests/fuzz/corpus/gguf/" + name);
  EXPECT_TRUE(view.ok()) << view.error().message;
  return view.ok() ? std::move(view).value() : nullptr;
}

TEST(Corpus, AllTypes) {
  const std::unique_ptr<View> view = open("all_types.gguf");
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->get_string("general.architecture"), "none");
  EXPECT_EQ(view->get_u64("u8"), 250u);
  EXPECT_EQ(view->get_i64("i8"), -3);
  EXPECT_EQ(view->get_u64("u16"), 65000u);
  EXPECT_EQ(view->get_i64("i16"), -300);
  EXPECT_EQ(view->get_u64("u32"), 4000000000u);
  EXPECT_EQ(view->get_i64("i32"), -70000);
  EXPECT_EQ(view->get_u64("u64"), (uint64_t{1} << 63) + 1);
  EXPECT_EQ(view->get_i64("i64"), -(int64_t{1} << 40));
  EXPECT_EQ(view->get_f64("f32"), 0.5);
  EXPECT_EQ(view->get_f64("f64"), 0.1);
  EXPECT_EQ(view->get_bool("bool"), true);
  EXPECT_EQ(view->get_string("string"),
            "gr\xc3\xbc\xc3\x9f"
            "e");
  const StringArray strings = *view->get_strings("strings");
  ASSERT_EQ(strings.size(), 3u);
  EXPECT_EQ(strings[1], "bc");
  EXPECT_THAT(*view->get_f32s("floats"), testing::ElementsAre(1.0f, -2.5f));
  EXPECT_THAT(*view->get_i32s("ints"), testing::ElementsAre(1, -2, 3));
  EXPECT_THAT(*view->get_integers("bools"), testing::ElementsAre(1, 0));
}

TEST(Corpus, TensorsOfEveryFormat) {
  const std::unique_ptr<View> view = open("tensors.gguf");
  ASSERT_NE(view, nullptr);
  EXPECT_EQ(view->tensors().size(), 15u);
  for (const TensorInfo& tensor : view->tensors()) {
    const quant::FormatTraits& format = quant::traits(tensor.format);
    EXPECT_EQ(tensor.name, format.name);
    if (tensor.format == quant::Format::kF32) continue;
    EXPECT_THAT(tensor.dims, testing::ElementsAre(format.block_values, 2, 1, 1));
    EXPECT_EQ(tensor.bytes, 2 * format.block_bytes);
    for (uint64_t i = 0; i < tensor.bytes; ++i) EXPECT_EQ(tensor.data[i], std::byte{7});
  }
  const TensorInfo* floats = view->find_tensor("F32");
  ASSERT_NE(floats, nullptr);
  EXPECT_EQ(floats->dim_count, 3);
  EXPECT_THAT(floats->dims, testing::ElementsAre(3, 2, 1, 1));
  EXPECT_EQ(reinterpret_cast<const float*>(floats->data)[5], 5.0f);
}

TEST(Corpus, CustomAlignment) {
  const std::unique_ptr<View> view = open("aligned.gguf");
  ASSERT_NE(view, nullptr);
  ASSERT_NE(view->find_tensor("b"), nullptr);
  EXPECT_EQ(view->find_tensor("b")->data - view->find_tensor("a")->data, 256);
  EXPECT_EQ(reinterpret_cast<const float*>(view->find_tensor("b")->data)[4], 1.0f);
}

}  // namespace
}  // namespace hearth::gguf
