// Block formats against the blocks and values of tests/oracle/quant_goldens.py, bit by bit, and the table itself.
#include "quant/traits.h"

#include <cmath>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace hearth::quant {
namespace {

std::vector<char> read_golden(const std::string& name) {
  const std::string path = std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/quant/" + name;
  std::ifstream file(path, std::ios::binary);
  EXPECT_TRUE(file.good()) << path;
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::vector<float> as_floats(const std::vector<char>& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

uint32_t bits_of(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

std::vector<const FormatTraits*> all_formats() {
  std::vector<const FormatTraits*> result;
  for (uint32_t type = 0; type < 100; ++type) {
    if (const FormatTraits* row = traits(type)) result.push_back(row);
  }
  return result;
}

TEST(Traits, TableAgreesWithItself) {
  EXPECT_EQ(all_formats().size(), 15u);
  for (const FormatTraits* row : all_formats()) {
    EXPECT_EQ(&traits(row->format), row);
    EXPECT_EQ(gguf_type_name(static_cast<uint32_t>(row->format)), row->name);
    EXPECT_NE(row->decode_row, nullptr);
  }
  for (uint32_t type : {4u, 5u, 9u, 16u, 28u, 31u, 39u, 1000000u, ~0u}) EXPECT_EQ(traits(type), nullptr) << type;
  EXPECT_EQ(gguf_type_name(16), "IQ2_XXS");
  EXPECT_EQ(gguf_type_name(34), "TQ1_0");
  EXPECT_EQ(gguf_type_name(39), "MXFP4");
  EXPECT_FALSE(gguf_type_name(4).has_value());
  EXPECT_FALSE(gguf_type_name(42).has_value());
}

TEST(Traits, DecodingEqualsTheReferenceBitByBit) {
  for (const FormatTraits* row : all_formats()) {
    SCOPED_TRACE(row->name);
    const std::vector<char> blocks = read_golden(std::string(row->name) + ".blocks");
    const std::vector<float> expected = as_floats(read_golden(std::string(row->name) + ".values"));
    ASSERT_GE(expected.size(), 500u);
    ASSERT_EQ(blocks.size() % row->block_bytes, 0u);
    ASSERT_EQ(blocks.size() / row->block_bytes * row->block_values, expected.size());
    std::vector<float> actual(expected.size());
    row->decode_row(blocks.data(), static_cast<int64_t>(actual.size()), actual.data());
    for (size_t i = 0; i < actual.size(); ++i) {
      ASSERT_EQ(bits_of(actual[i]), bits_of(expected[i]))
          << "value " << i << ": " << actual[i] << ", not " << expected[i];
    }
  }
}

TEST(Traits, EncodingEqualsTheReferenceBitByBit) {
  const std::vector<float> input = as_floats(read_golden("encode.f32"));
  for (const char* name : {"F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"}) {
    SCOPED_TRACE(name);
    const FormatTraits* row = nullptr;
    for (const FormatTraits* candidate : all_formats()) {
      if (std::string(candidate->name) == name) row = candidate;
    }
    ASSERT_NE(row, nullptr);
    const std::vector<char> expected = read_golden(std::string(name) + ".encoded");
    std::vector<char> actual(input.size() / row->block_values * row->block_bytes);
    ASSERT_EQ(actual.size(), expected.size());
    row->encode_row(input.data(), static_cast<int64_t>(input.size()), actual.data());
    for (size_t i = 0; i < actual.size(); ++i) {
      ASSERT_EQ(actual[i], expected[i]) << "byte " << i % row->block_bytes << " of block " << i / row->block_bytes;
    }
  }
}

double relative_error(const FormatTraits& row, const std::vector<float>& input) {
  std::vector<char> blocks(input.size() / row.block_values * row.block_bytes);
  row.encode_row(input.data(), static_cast<int64_t>(input.size()), blocks.data());
  std::vector<float> decoded(input.size());
  row.decode_row(blocks.data(), static_cast<int64_t>(input.size()), decoded.data());
  double error = 0, total = 0;
  for (size_t i = 0; i < input.size(); ++i) {
    EXPECT_TRUE(std::isfinite(decoded[i]));
    error += (decoded[i] - input[i]) * (decoded[i] - input[i]);
    total += input[i] * input[i];
  }
  return total > 0 ? std::sqrt(error / total) : std::sqrt(error);
}

// quality.txt: the errors of ggml's own encoders on the same rows (tests/oracle/quant_quality.py).
TEST(Traits, EncodersOfTheKFormatsAreAsCloseAsTheReference) {
  const std::vector<float> input = as_floats(read_golden("quality.f32"));
  ASSERT_EQ(input.size(), 20u * 512u);
  const std::vector<char> text = read_golden("quality.txt");
  std::istringstream lines(std::string(text.begin(), text.end()));
  std::string name;
  double reference;
  int compared = 0;
  while (lines >> name >> reference) {
    for (const FormatTraits* row : all_formats()) {
      if (row->name != name) continue;
      EXPECT_LT(relative_error(*row, input), 1.02 * reference) << name;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 3);
}

TEST(Traits, EncodersSurviveEveryInput) {
  const float inf = INFINITY, tiny = 1e-42f, huge = 3.4e38f;
  for (const FormatTraits* row : all_formats()) {
    if (row->encode_row == nullptr) continue;
    SCOPED_TRACE(row->name);
    for (float fill : {0.0f, -0.0f, tiny, -tiny, huge, -huge, inf, -inf, NAN}) {
      std::vector<float> input(512, fill);
      for (size_t i = 0; i < input.size(); i += 7) input[i] = static_cast<float>(i) - 100.0f;
      for (const std::vector<float>& values : {input, std::vector<float>(512, fill)}) {
        std::vector<char> blocks(512 / row->block_values * row->block_bytes);
        row->encode_row(values.data(), 512, blocks.data());
        std::vector<float> decoded(512);
        row->decode_row(blocks.data(), 512, decoded.data());
      }
    }
    EXPECT_EQ(relative_error(*row, std::vector<float>(512, 0.0f)), 0.0);
    EXPECT_LT(relative_error(*row, std::vector<float>(512, 0.75f)), 0.01);
    EXPECT_LT(relative_error(*row, std::vector<float>(512, -0.75f)), 0.01);
  }
}

// The definition: sign, 5 bits of exponent with bias 15, 10 bits of fraction.
float half_by_definition(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double magnitude = exponent == 0    ? std::ldexp(fraction, -24)
                           : exponent == 31 ? (fraction == 0 ? INFINITY : NAN)
                                            : std::ldexp(1024 + fraction, exponent - 25);
  return static_cast<float>(bits & 0x8000 ? -magnitude : magnitude);
}

TEST(Half, EveryHalfDecodesByDefinitionAndRoundTrips) {
  for (uint32_t bits = 0; bits < 65536; ++bits) {
    const float expected = half_by_definition(static_cast<uint16_t>(bits));
    const float actual = half_to_float(static_cast<uint16_t>(bits));
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(actual));
      ASSERT_TRUE(std::isnan(half_to_float(float_to_half(actual))));
      continue;
    }
    ASSERT_EQ(bits_of(actual), bits_of(expected)) << bits;
    ASSERT_EQ(float_to_half(actual), bits);
  }
}

TEST(Half, RoundsToNearestEvenBetweenAllNeighbours) {
  for (uint16_t bits = 0; bits < 0x7BFF; ++bits) {
    const float middle = (half_by_definition(bits) + half_by_definition(bits + 1)) / 2;  // exact in float32
    const uint16_t even = bits % 2 == 0 ? bits : bits + 1;
    ASSERT_EQ(float_to_half(middle), even) << bits;
    ASSERT_EQ(float_to_half(std::nextafter(middle, 0.0f)), bits);
    ASSERT_EQ(float_to_half(std::nextafter(middle, 1e6f)), bits + 1);
    ASSERT_EQ(float_to_half(-middle), even | 0x8000);
  }
  EXPECT_EQ(float_to_half(65519.996f), 0x7BFF);
  EXPECT_EQ(float_to_half(65520.0f), 0x7C00);
  EXPECT_EQ(float_to_half(3.4e38f), 0x7C00);
  EXPECT_EQ(float_to_half(-INFINITY), 0xFC00);
  EXPECT_EQ(float_to_half(1e-45f), 0);
}

TEST(BFloat16, RoundsToNearestEven) {
  EXPECT_EQ(float_to_bfloat16(1.0f), 0x3F80);
  EXPECT_EQ(float_to_bfloat16(1.00390625f), 0x3F80);  // halfway, down to even
  EXPECT_EQ(float_to_bfloat16(1.01171875f), 0x3F82);  // halfway, up to even
  EXPECT_EQ(float_to_bfloat16(3.4e38f), 0x7F80);
  EXPECT_TRUE(std::isnan(bfloat16_to_float(float_to_bfloat16(NAN))));
  EXPECT_EQ(bfloat16_to_float(0xC040), -3.0f);
}

}  // namespace
}  // namespace hearth::quant
