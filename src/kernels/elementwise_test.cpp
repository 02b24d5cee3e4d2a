// Every vector version of the elementwise functions against the scalar specification, bit for bit, and the scalar one
// against plain double arithmetic. Sizes 1..100, unaligned, exact-size buffers, subnormals, zeros of both signs, huge values.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "kernels/ref/half.h"
#include "kernels/variants_test.h"

namespace hearth::kernels {
namespace {

using test::Random;
using test::Variant;

class ElementwiseTest : public ::testing::TestWithParam<Variant> {
 protected:
  void SetUp() override {
    if (!GetParam().runnable) GTEST_SKIP() << "this CPU cannot run " << GetParam().name;
  }
  const KernelTable& table() const { return GetParam().table; }
  const KernelTable& ref() const { return test::ref_table(); }
};
INSTANTIATE_TEST_SUITE_P(Tables, ElementwiseTest, ::testing::ValuesIn(test::variants()), test::variant_name);

constexpr int64_t kSizes = 100;

using Floats = std::vector<float>;

bool same(const Floats& a, const Floats& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

bool same(float a, float b) { return std::memcmp(&a, &b, sizeof(a)) == 0; }

// Runs `call(table, x)` with both tables on copies of random inputs of every size and compares what became of them.
template <class Call>
void compare(const KernelTable& table, const KernelTable& ref, Call call) {
  Random random(7);
  for (int64_t n = 1; n <= kSizes; ++n) {
    for (int kind = 0; kind < Random::kKinds; ++kind) {
      Floats expected = random.floats(n, kind);
      Floats actual = expected;
      const Floats other = random.floats(n, kind);
      call(ref, expected, other);
      call(table, actual, other);
      ASSERT_TRUE(same(expected, actual)) << "n=" << n << " kind=" << kind;
    }
  }
}

TEST_P(ElementwiseTest, Add) {
  compare(table(), ref(), [](const KernelTable& t, Floats& x, const Floats& y) { t.add(x.data(), y.data(), std::ssize(x)); });
}

TEST_P(ElementwiseTest, MultiplyScalar) {
  compare(table(), ref(), [](const KernelTable& t, Floats& x, const Floats& y) {
    t.multiply_scalar(x.data(), y[0], std::ssize(x));
  });
}

TEST_P(ElementwiseTest, RmsNorm) {
  compare(table(), ref(), [](const KernelTable& t, Floats& x, const Floats& y) {
    t.rms_norm(x.data(), y.data(), 1e-5f, std::ssize(x), x.data());
  });
}

TEST_P(ElementwiseTest, SiluGate) {
  compare(table(), ref(), [](const KernelTable& t, Floats& x, const Floats& y) {
    t.silu_gate(x.data(), y.data(), std::ssize(x), x.data());
  });
}

TEST_P(ElementwiseTest, GeluGate) {
  compare(table(), ref(), [](const KernelTable& t, Floats& x, const Floats& y) {
    t.gelu_gate(x.data(), y.data(), std::ssize(x), x.data());
  });
}

TEST_P(ElementwiseTest, SoftCap) {
  compare(table(), ref(), [](const KernelTable& t, Floats& x, const Floats&) { t.soft_cap(x.data(), 30.0f, std::ssize(x)); });
}

TEST_P(ElementwiseTest, MaximumAndExpSum) {
  compare(table(), ref(), [](const KernelTable& t, Floats& x, const Floats&) {
    const float m = t.maximum(x.data(), std::ssize(x));
    const float sum = t.exp_sum(x.data(), m, 1.25f, std::ssize(x), x.data());
    x.push_back(m);
    x.push_back(sum);
  });
}

TEST_P(ElementwiseTest, ExpOfManyArguments) {
  // exp_sum with m = 0 and temperature 1 is exp of each element: a walk through all exponents and both range limits.
  Floats x;
  for (uint64_t bits = 0; bits <= 0x7f800000u; bits += 9973) {
    x.push_back(__builtin_bit_cast(float, static_cast<uint32_t>(bits)));
    x.push_back(-x.back());
  }
  for (float edge : {-87.0f, 88.72283f, 0.34657359f}) {
    float low = edge;
    for (int i = 0; i < 64; ++i) low = std::nextafter(low, -INFINITY);
    for (int i = 0; i < 128; ++i) x.push_back(low = std::nextafter(low, INFINITY));
  }
  Floats expected(x.size());
  Floats actual(x.size());
  ref().exp_sum(x.data(), 0.0f, 1.0f, std::ssize(x), expected.data());
  table().exp_sum(x.data(), 0.0f, 1.0f, std::ssize(x), actual.data());
  EXPECT_TRUE(same(expected, actual));
}

TEST_P(ElementwiseTest, FiniteFindsEveryPosition) {
  for (int64_t n = 1; n <= kSizes; ++n) {
    Floats x(static_cast<size_t>(n), std::numeric_limits<float>::max());
    EXPECT_TRUE(table().finite(x.data(), n));
    for (float bad : {INFINITY, -INFINITY, NAN}) {
      for (int64_t i = 0; i < n; ++i) {
        x[static_cast<size_t>(i)] = bad;
        ASSERT_FALSE(table().finite(x.data(), n)) << n << " " << i;
        x[static_cast<size_t>(i)] = -1.0f;
      }
    }
  }
}

struct Quantised {
  explicit Quantised(int64_t n)
      : q(static_cast<size_t>(n)), scale(static_cast<size_t>(n / 32)), half_sum(static_cast<size_t>(n / 16)), scale_sum(static_cast<size_t>(n / 32)) {}
  bool run(const KernelTable& t, const Floats& x) {
    return t.quantise(x.data(), std::ssize(x), q.data(), scale.data(), half_sum.data(), scale_sum.data());
  }
  std::vector<int8_t> q;
  Floats scale;
  std::vector<int32_t> half_sum;
  Floats scale_sum;
};

TEST_P(ElementwiseTest, Quantise) {
  Random random(11);
  for (int64_t n = 32; n <= 32 * 9; n += 32) {
    for (int kind = 0; kind < Random::kKinds; ++kind) {
      const Floats x = random.floats(n, kind);
      Quantised expected(n), actual(n);
      ASSERT_TRUE(expected.run(ref(), x));
      ASSERT_TRUE(actual.run(table(), x));
      EXPECT_EQ(expected.q, actual.q);
      EXPECT_EQ(expected.half_sum, actual.half_sum);
      EXPECT_TRUE(same(expected.scale, actual.scale) && same(expected.scale_sum, actual.scale_sum));
    }
  }
}

// Sum of squared distances from the values to the nearest multiples of amax/steps, in double precision.
double rounding_loss(const float* values, double amax, double steps) {
  double loss = 0.0;
  for (int i = 0; i < 32; ++i) {
    const double scaled = values[i] * steps / amax, distance = (scaled - std::nearbyint(scaled)) * amax / steps;
    loss += distance * distance;
  }
  return loss;
}

TEST_P(ElementwiseTest, QuantiseIsNearestIntegerOfTheBestSteps) {
  Random random(12);
  constexpr size_t kBlocks = 1000;
  const Floats x = random.floats(32 * kBlocks, 0);
  Quantised result(std::ssize(x));
  ASSERT_TRUE(result.run(table(), x));
  std::map<int, int> chosen;
  for (size_t block = 0; block < kBlocks; ++block) {
    const float* values = x.data() + block * 32;
    float amax = 0.0f;
    for (size_t i = 0; i < 32; ++i) amax = std::max(amax, std::fabs(values[i]));
    const double steps = std::nearbyint(amax / result.scale[block]);
    ++chosen[static_cast<int>(steps)];
    EXPECT_EQ(result.scale[block], amax / static_cast<float>(steps));
    const double loss = rounding_loss(values, amax, steps);
    for (double other : {127.0, 125.0, 122.0}) EXPECT_LE(loss, rounding_loss(values, amax, other) * 1.00001);
    int32_t sum = 0;
    for (size_t i = 0; i < 32; ++i) {
      const double exact = values[i] * steps / amax;
      EXPECT_NEAR(result.q[block * 32 + i], exact, 0.5001);
      sum += result.q[block * 32 + i];
    }
    EXPECT_EQ(result.half_sum[2 * block] + result.half_sum[2 * block + 1], sum);
    EXPECT_EQ(result.scale_sum[block], result.scale[block] * static_cast<float>(sum));
  }
  EXPECT_EQ(chosen.size(), 3u);
  EXPECT_GT(chosen[127], 0);
  EXPECT_GT(chosen[125], 0);
  EXPECT_GT(chosen[122], 0);
}

TEST_P(ElementwiseTest, QuantiseTiesGoToEven) {
  Floats x(32);
  for (int i = 1; i < 32; ++i) x[static_cast<size_t>(i)] = static_cast<float>(3 * i + 10);
  x[0] = 127.0f;  // with whole numbers elsewhere: 127 steps of 1 lose least
  x[3] = 2.5f;
  x[4] = 3.5f;
  x[5] = -2.5f;
  x[6] = -3.5f;
  Quantised result(32);
  ASSERT_TRUE(result.run(table(), x));
  EXPECT_EQ(result.scale[0], 1.0f);
  for (size_t i = 0; i < 32; ++i) EXPECT_EQ(result.q[i], static_cast<int>(std::nearbyint(x[i]))) << i;
}

TEST_P(ElementwiseTest, QuantiseEdges) {
  Quantised result(64);
  Floats x(64, 0x1p-101f);
  x[40] = -0x1p-100f;
  ASSERT_TRUE(result.run(table(), x));
  EXPECT_EQ(result.scale[0], 0.0f);
  EXPECT_EQ(result.scale_sum[0], 0.0f);
  EXPECT_EQ(result.q[3], 0);
  EXPECT_GT(result.scale[1], 0.0f);
  EXPECT_EQ(result.q[40], -std::lround(0x1p-100f / result.scale[1]));
  x[5] = std::numeric_limits<float>::max();
  ASSERT_TRUE(result.run(table(), x));
  EXPECT_EQ(result.q[5], std::lround(std::numeric_limits<float>::max() / result.scale[0]));
  EXPECT_GE(result.q[5], 122);
  for (float bad : {INFINITY, -INFINITY, NAN, -NAN}) {
    for (size_t i : {size_t{0}, size_t{15}, size_t{31}, size_t{63}}) {
      Floats y(64, 1.0f);
      y[i] = bad;
      EXPECT_FALSE(result.run(table(), y)) << i;
    }
  }
}

TEST_P(ElementwiseTest, Rope) {
  Random random(13);
  for (bool neox : {false, true}) {
    for (int head_dim : {2, 4, 8, 16, 18, 24, 32, 40, 64, 80, 96, 100, 128, 256}) {
      for (int pairs : {head_dim / 2, head_dim / 4}) {
        if (pairs == 0) continue;
        const int heads = 3;
        Floats expected = random.floats(heads * head_dim, 0);
        Floats actual = expected;
        const Floats before = expected;
        const Floats cos_sin = random.floats(2 * pairs, 0);
        ref().rope(expected.data(), heads, head_dim, pairs, cos_sin.data(), neox);
        table().rope(actual.data(), heads, head_dim, pairs, cos_sin.data(), neox);
        ASSERT_TRUE(same(expected, actual)) << head_dim << " " << pairs << " " << neox;
        const size_t i0 = neox ? static_cast<size_t>(pairs - 1) : static_cast<size_t>(2 * pairs - 2);
        const size_t i1 = neox ? static_cast<size_t>(2 * pairs - 1) : static_cast<size_t>(2 * pairs - 1);
        const double c = cos_sin[static_cast<size_t>(2 * pairs - 2)];
        const double s = cos_sin[static_cast<size_t>(2 * pairs - 1)];
        const size_t last = static_cast<size_t>(2 * head_dim);
        EXPECT_NEAR(actual[last + i0], before[last + i0] * c - before[last + i1] * s, 1e-4);
        EXPECT_NEAR(actual[last + i1], before[last + i0] * s + before[last + i1] * c, 1e-4);
      }
    }
  }
}

TEST(Elementwise, ScalarFunctionsMatchDoubleArithmetic) {
  Random random(17);
  const Floats g = random.floats(1000, 0);
  const Floats u = random.floats(1000, 0);
  Floats silu(1000), gelu(1000), norm(1000);
  Floats capped = g;
  test::ref_table().silu_gate(g.data(), u.data(), 1000, silu.data());
  test::ref_table().gelu_gate(g.data(), u.data(), 1000, gelu.data());
  test::ref_table().rms_norm(g.data(), u.data(), 1e-6f, 1000, norm.data());
  test::ref_table().soft_cap(capped.data(), 3.0f, 1000);
  double squares = 0.0;
  for (float x : g) squares += static_cast<double>(x) * x;
  const double inverse = 1.0 / std::sqrt(squares / 1000 + 1e-6);
  for (size_t i = 0; i < 1000; ++i) {
    const double x = g[i];
    const double z = std::sqrt(2.0 / M_PI) * (x + 0.044715 * x * x * x);
    EXPECT_NEAR(silu[i], x / (1.0 + std::exp(-x)) * u[i], 1e-6 * std::fabs(x * u[i]) + 1e-12);
    EXPECT_NEAR(gelu[i], 0.5 * x * (1.0 + std::tanh(z)) * u[i], 2e-6 * std::fabs(x * u[i]) + 1e-12);
    EXPECT_NEAR(norm[i], x * inverse * u[i], 1e-6 * std::fabs(x * inverse * u[i]) + 1e-12);
    EXPECT_NEAR(capped[i], 3.0 * std::tanh(x / 3.0), 1e-6);
  }
}

TEST(Elementwise, MaximumOfZerosIsPositiveZero) {
  for (const Variant& variant : test::variants()) {
    if (!variant.runnable) continue;
    for (int64_t n : {1, 2, 16, 17, 40}) {
      Floats x(static_cast<size_t>(n), -0.0f);
      EXPECT_TRUE(same(variant.table.maximum(x.data(), n), 0.0f));
      x[static_cast<size_t>(n / 2)] = 0.0f;
      EXPECT_TRUE(same(variant.table.maximum(x.data(), n), 0.0f));
    }
  }
}

TEST(Half, EveryHalfSurvivesAndRoundingIsNearestEven) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint16_t half = static_cast<uint16_t>(bits);
    const float value = ref::half_to_float(half);
    if (std::isnan(value)) {
      EXPECT_EQ(ref::float_to_half(value), half | 0x200);
      continue;
    }
    ASSERT_EQ(ref::float_to_half(value), half);
    if ((half & 0x7fff) >= 0x7bff) continue;
    const float next = ref::half_to_float(static_cast<uint16_t>(half + 1));
    const float middle = value + (next - value) / 2;  // exact
    ASSERT_EQ(ref::float_to_half(middle), (half & 1) != 0 ? half + 1 : half);
    ASSERT_EQ(ref::float_to_half(std::nextafter(middle, value)), half);
    ASSERT_EQ(ref::float_to_half(std::nextafter(middle, next)), half + 1);
  }
}

}  // namespace
}  // namespace hearth::kernels
