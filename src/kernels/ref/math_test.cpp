// The elementary functions against values of 60 digits (tests/oracle/math_goldens.py), with bounds in units of the last place.
#include "kernels/ref/math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <map>
#include <sstream>
#include <vector>

namespace hearth::kernels::ref {
namespace {

double spacing(double value, bool single) {
  int exponent = 0;
  std::frexp(value, &exponent);
  return std::ldexp(1.0, std::max(exponent, single ? -125 : -1021) - (single ? 24 : 53));
}

double evaluate(const std::string& name, const std::vector<double>& x) {
  double sine = 0.0;
  double cosine = 0.0;
  if (name == "exp32") return exp32(static_cast<float>(x[0]));
  if (name == "tanh32") return tanh32(static_cast<float>(x[0]));
  if (name == "exp64") return exp64(x[0]);
  if (name == "log64") return log64(x[0]);
  if (name == "pow64") return pow64(x[0], x[1]);
  sin_cos64(x[0], &sine, &cosine);
  return name == "sin64" ? sine : cosine;
}

TEST(Math, ErrorsAreWithinTheirBounds) {
  // pow64 multiplies the error of the logarithm by the result's own, at most 14 here.
  const std::map<std::string, double> bounds = {{"exp32", 0.8}, {"tanh32", 1.6}, {"exp64", 1.0}, {"log64", 2.0},
                                                {"pow64", 32.0}, {"sin64", 1.5},  {"cos64", 1.5}};
  std::map<std::string, double> worst;
  std::map<std::string, int> counts;
  std::ifstream file(std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/math/functions.txt");
  ASSERT_TRUE(file);
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name, field;
    fields >> name;
    std::vector<double> numbers;
    while (fields >> field) numbers.push_back(std::strtod(field.c_str(), nullptr));
    ASSERT_TRUE(bounds.count(name) && numbers.size() >= 3) << line;
    const double low = numbers.back();
    const double high = numbers[numbers.size() - 2];
    const double actual = evaluate(name, numbers);
    const double error = std::fabs((actual - high) - low) / spacing(high, name.find("32") != std::string::npos);
    worst[name] = std::max(worst[name], error);
    ++counts[name];
    EXPECT_LE(error, bounds.at(name)) << line << " gave " << actual;
  }
  for (const auto& [name, bound] : bounds) {
    EXPECT_GE(counts[name], 300) << name;
    std::printf("%s: worst error %.3f ulp of %d values (bound %.1f)\n", name.c_str(), worst[name], counts[name], bound);
  }
}

TEST(Math, Exp32Edges) {
  EXPECT_EQ(exp32(0.0f), 1.0f);
  EXPECT_EQ(exp32(-0.0f), 1.0f);
  EXPECT_EQ(exp32(std::nextafter(-87.0f, -100.0f)), 0.0f);
  EXPECT_GE(exp32(-87.0f), 0x1p-126f);
  EXPECT_EQ(exp32(-INFINITY), 0.0f);
  EXPECT_FALSE(std::signbit(exp32(-INFINITY)));
  EXPECT_TRUE(std::isfinite(exp32(kExpMax)));
  EXPECT_EQ(exp32(std::nextafter(kExpMax, 100.0f)), INFINITY);
  EXPECT_EQ(exp32(INFINITY), INFINITY);
  EXPECT_EQ(exp32(NAN), INFINITY);  // never a plausible finite number
}

TEST(Math, Exp32IsMonotoneAcrossReductionBoundaries) {
  for (int k = -125; k < 128; ++k) {
    float x = static_cast<float>((k + 0.5) * 0.6931471805599453);
    for (int i = 0; i < 20; ++i) x = std::nextafter(x, -INFINITY);
    for (int i = 0; i < 40 && x < kExpMax; ++i) {
      const float next = std::nextafter(x, INFINITY);
      if (x >= kExpMin) {
        EXPECT_LE(exp32(x), exp32(next)) << x;
      }
      x = next;
    }
  }
}

TEST(Math, Tanh32Edges) {
  EXPECT_EQ(tanh32(100.0f), 1.0f);
  EXPECT_EQ(tanh32(-INFINITY), -1.0f);
  EXPECT_EQ(tanh32(-0.0f), 0.0f);
  EXPECT_EQ(tanh32(0x1p-140f), 0x1p-140f);
  EXPECT_TRUE(std::isnan(tanh32(NAN)) || std::fabs(tanh32(NAN)) == 1.0f);
}

TEST(Math, DoubleEdges) {
  EXPECT_EQ(exp64(0.0), 1.0);
  EXPECT_EQ(exp64(-INFINITY), 0.0);
  EXPECT_EQ(exp64(1000.0), INFINITY);
  EXPECT_EQ(log64(1.0), 0.0);
  EXPECT_EQ(log64(0.0), -INFINITY);
  EXPECT_EQ(log64(INFINITY), INFINITY);
  EXPECT_TRUE(std::isnan(log64(-1.0)));
  EXPECT_EQ(pow64(123.0, 0.0), 1.0);
  double sine = 1.0;
  double cosine = 0.0;
  sin_cos64(0.0, &sine, &cosine);
  EXPECT_EQ(sine, 0.0);
  EXPECT_EQ(cosine, 1.0);
}

}  // namespace
}  // namespace hearth::kernels::ref
