// Labels from the number, and from the tensors where there is no usable number.
#include "gguf/file_type.h"

#include <gtest/gtest.h>

#include "gguf/writer.h"

namespace hearth::gguf {
namespace {

std::string label_of(const Writer& writer) {
  const std::string file = writer.serialise();
  Result<std::unique_ptr<View>> view = View::open_bytes(std::as_bytes(std::span(file.data(), file.size())), "x");
  EXPECT_TRUE(view.ok());
  return quantisation_label(**view);
}

// Numbers of the enumeration LlamaFileType of the gguf Python package.
TEST(FileType, NumbersHaveTheirPublicNames) {
  EXPECT_EQ(file_type_name(0), "F32");
  EXPECT_EQ(file_type_name(1), "F16");
  EXPECT_EQ(file_type_name(2), "Q4_0");
  EXPECT_EQ(file_type_name(3), "Q4_1");
  EXPECT_EQ(file_type_name(7), "Q8_0");
  EXPECT_EQ(file_type_name(15), "Q4_K_M");
  EXPECT_EQ(file_type_name(17), "Q5_K_M");
  EXPECT_EQ(file_type_name(18), "Q6_K");
  EXPECT_EQ(file_type_name(25), "IQ4_NL");
  EXPECT_EQ(file_type_name(30), "IQ4_XS");
  EXPECT_EQ(file_type_name(32), "BF16");
  EXPECT_EQ(file_type_name(38), "MXFP4_MOE");
  EXPECT_EQ(file_type_name(1024 + 15), "Q4_K_M");
  EXPECT_FALSE(file_type_name(5).has_value());
  EXPECT_FALSE(file_type_name(41).has_value());
  EXPECT_FALSE(file_type_name(~uint64_t{0}).has_value());
}

TEST(FileType, TensorsDecideWhereTheKeyDoesNot) {
  Writer writer;
  EXPECT_EQ(label_of(writer), "unknown");
  const std::vector<std::byte> data(4096);
  const uint64_t few[] = {32}, many[] = {32, 100};
  writer.add_tensor("norm", few, quant::Format::kF32, std::span(data).first(128));
  writer.add_tensor("weight", many, quant::Format::kQ4_1, std::span(data).first(2000));
  EXPECT_EQ(label_of(writer), "Q4_1");
  writer.set_u32("general.file_type", 9999);
  EXPECT_EQ(label_of(writer), "Q4_1");
  writer.set_u32("general.file_type", 15);
  EXPECT_EQ(label_of(writer), "Q4_K_M");
}

}  // namespace
}  // namespace hearth::gguf
