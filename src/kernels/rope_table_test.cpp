// Rotary frequencies against transformers' own initialisers (tests/oracle/math_goldens.py) and tables against <cmath>.
#include "kernels/rope_table.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

namespace hearth::kernels {
namespace {

using Kind = RopeScaling::Kind;

double next_number(std::istringstream& fields) {
  std::string field;
  fields >> field;
  return std::strtod(field.c_str(), nullptr);
}

TEST(RopeTable, FrequenciesMatchTheOracle) {
  const std::map<std::string, Kind> kinds = {
      {"none", Kind::kNone}, {"linear", Kind::kLinear}, {"llama3", Kind::kByWavelength}, {"yarn", Kind::kYarn}};
  std::ifstream file(std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/math/rope.txt");
  ASSERT_TRUE(file);
  std::map<std::string, int> cases;
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string kind;
    fields >> kind;
    ASSERT_TRUE(kinds.count(kind));
    const int dim = static_cast<int>(next_number(fields));
    const double base = next_number(fields);
    RopeScaling scaling;
    scaling.kind = kinds.at(kind);
    for (double* field : {&scaling.factor, &scaling.low_freq_factor, &scaling.high_freq_factor, &scaling.original_context,
                          &scaling.beta_fast, &scaling.beta_slow}) {
      *field = next_number(fields);
    }
    EXPECT_NEAR(rope_magnitude(scaling), next_number(fields), 1e-7);
    std::vector<float> frequencies(static_cast<size_t>(dim / 2));
    rope_frequencies(dim / 2, dim, base, scaling, nullptr, frequencies.data());
    for (float frequency : frequencies) {
      const double expected = next_number(fields);
      ASSERT_TRUE(fields) << line;
      // The unscaled case is rounded from 60 digits; the others were computed in float32.
      if (scaling.kind == Kind::kNone) {
        EXPECT_EQ(frequency, expected);
      }
      EXPECT_NEAR(frequency / expected, 1.0, 1e-6) << kind << " " << dim;
    }
    ++cases[kind];
  }
  EXPECT_EQ(cases.size(), kinds.size());
}

TEST(RopeTable, DivisorsDividePerPair) {
  const float divisors[4] = {1.0f, 2.0f, 8.0f, 32.0f};
  float plain[4], divided[4];
  rope_frequencies(4, 8, 10000.0, {}, nullptr, plain);
  rope_frequencies(4, 8, 10000.0, {}, divisors, divided);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(divided[i], plain[i] / divisors[i]);  // powers of two: exact
}

TEST(RopeTable, CosinesAndSinesAreNearestFloats) {
  std::vector<float> frequencies(64);
  rope_frequencies(64, 128, 500000.0, {}, nullptr, frequencies.data());
  std::vector<float> table(128);
  for (int64_t position : {0, 1, 17, 4095, 131071, 1048575, 1000000007}) {
    rope_cos_sin(frequencies.data(), 64, position, 1.0f, table.data());
    for (size_t i = 0; i < 64; ++i) {
      const double angle = static_cast<double>(position) * static_cast<double>(frequencies[i]);
      EXPECT_EQ(table[2 * i], static_cast<float>(std::cos(angle)));
      EXPECT_EQ(table[2 * i + 1], static_cast<float>(std::sin(angle)));
    }
  }
}

}  // namespace
}  // namespace hearth::kernels
