// The elementary functions of the forward pass, the rope tables and the samplers: one definition for every machine.
//
// Contract: only + - * / fma and integer operations, in the order written here, so every table and compiler gives the same
// bits. Functions ending in 32 are float32 and have vector twins in x86/math.h; those ending in 64 are double and scalar only.
// Polynomials of the float functions: tests/oracle/math_fit.py; the double ones are Taylor and Gregory series.
// Not here: libm, correct rounding. Errors are bounded in math_test.cpp against values of 60 digits.
#pragma once

#include <cstdint>

namespace hearth::kernels::ref {

static inline float fma32(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
static inline double fma64(double a, double b, double c) { return __builtin_fma(a, b, c); }

inline constexpr float kExpMin = -87.0f;                // below: exactly 0, so no result is subnormal
inline constexpr float kExpMax = 0x1.62e42ep+6f;        // the largest argument with a finite result; above and NaN: +inf
inline constexpr float kLog2E = 0x1.715476p+0f;
inline constexpr float kRoundMagic = 0x1.8p+23f;        // adding it rounds to an integer in the low mantissa bits
inline constexpr float kNegLn2High = -0x1.62e4p-1f;     // 15 bits: its product with an exponent is exact
inline constexpr float kNegLn2Low = -0x1.7f7d1cp-20f;
inline constexpr float kExp2 = 0x1.fffffcp-2f, kExp3 = 0x1.555492p-3f, kExp4 = 0x1.5558f2p-5f;
inline constexpr float kExp5 = 0x1.1239e2p-7f, kExp6 = 0x1.6a2434p-10f;

// exp(x): x = n*ln2 + r, polynomial in r, n added to the exponent field. exp32(0) = 1. Error below 1 ulp.
static inline float exp32(float x) {
  if (x < kExpMin) return 0.0f;
  if (!(x <= kExpMax)) return __builtin_inff();
  const float shifted = fma32(x, kLog2E, kRoundMagic);
  const float n = shifted - kRoundMagic;
  float r = fma32(n, kNegLn2High, x);
  r = fma32(n, kNegLn2Low, r);
  float p = fma32(kExp6, r, kExp5);
  p = fma32(p, r, kExp4);
  p = fma32(p, r, kExp3);
  p = fma32(p, r, kExp2);
  p = fma32(p, r, 1.0f);
  p = fma32(p, r, 1.0f);
  return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, p) + (__builtin_bit_cast(uint32_t, shifted) << 23));
}

inline constexpr float kGeluLinear = 0x1.988454p+0f;    // 2*sqrt(2/pi)
inline constexpr float kGeluCubic = 0x1.2444f2p-4f;     // that times 0.044715

inline constexpr float kTanhSmall = 0.625f;
inline constexpr float kTanh1 = -0x1.555532p-2f, kTanh2 = 0x1.110726p-3f, kTanh3 = -0x1.b83c5ap-5f;
inline constexpr float kTanh4 = 0x1.52269ap-6f, kTanh5 = -0x1.75e1cap-8f;

// tanh(x): an odd polynomial for small |x|, else 1 - 2/(exp(2|x|) + 1) with the sign of x. Error below 2 ulp.
static inline float tanh32(float x) {
  const uint32_t sign = __builtin_bit_cast(uint32_t, x) & 0x80000000u;
  const float a = __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, x) & 0x7fffffffu);
  if (a < kTanhSmall) {
    const float s = x * x;
    float p = fma32(kTanh5, s, kTanh4);
    p = fma32(p, s, kTanh3);
    p = fma32(p, s, kTanh2);
    p = fma32(p, s, kTanh1);
    return fma32(x * s, p, x);
  }
  const float t = 1.0f - 2.0f / (exp32(a + a) + 1.0f);
  return __builtin_bit_cast(float, __builtin_bit_cast(uint32_t, t) | sign);
}

// exp(x) in double: 0 below -708, +inf above 709.78. Taylor to r^13, |r| <= ln2/2: remainder below 2^-57.
static inline double exp64(double x) {
  if (x < -708.0) return 0.0;
  if (!(x <= 0x1.62e42fefa39efp+9)) return __builtin_inf();
  constexpr double kMagic = 0x1.8p+52;
  const double shifted = fma64(x, 0x1.71547652b82fep+0, kMagic);
  const double n = shifted - kMagic;
  double r = fma64(n, -0x1.62e42fefa3800p-1, x);
  r = fma64(n, -0x1.ef35793c76730p-45, r);
  double p = 1.0 / 6227020800.0;
  p = fma64(p, r, 1.0 / 479001600.0);
  p = fma64(p, r, 1.0 / 39916800.0);
  p = fma64(p, r, 1.0 / 3628800.0);
  p = fma64(p, r, 1.0 / 362880.0);
  p = fma64(p, r, 1.0 / 40320.0);
  p = fma64(p, r, 1.0 / 5040.0);
  p = fma64(p, r, 1.0 / 720.0);
  p = fma64(p, r, 1.0 / 120.0);
  p = fma64(p, r, 1.0 / 24.0);
  p = fma64(p, r, 1.0 / 6.0);
  p = fma64(p, r, 0.5);
  p = fma64(p, r, 1.0);
  p = fma64(p, r, 1.0);
  return __builtin_bit_cast(double, __builtin_bit_cast(uint64_t, p) + (__builtin_bit_cast(uint64_t, shifted) << 52));
}

// Natural logarithm in double: -inf of 0, NaN of negative values, +inf of +inf. x = 2^e*m, m in [sqrt(1/2), sqrt(2)),
// s = (m-1)/(m+1): log m = 2*(s + s^3/3 + s^5/5 ...), |s| <= 0.1716, taken to s^21: remainder below 2^-59.
static inline double log64(double x) {
  if (!(x > 0.0)) return x == 0.0 ? -__builtin_inf() : __builtin_nan("");
  if (x == __builtin_inf()) return x;
  int64_t e = 0;
  if (x < 0x1p-1022) {
    x *= 0x1p+54;
    e = -54;
  }
  const uint64_t bits = __builtin_bit_cast(uint64_t, x);
  const uint64_t from_root = bits - 0x3fe6a09e667f3bcdu;  // relative to sqrt(1/2), so that m starts there
  const int64_t shift = static_cast<int64_t>(from_root) >> 52;
  e += shift;
  const double m = __builtin_bit_cast(double, bits - (static_cast<uint64_t>(shift) << 52));
  const double s = (m - 1.0) / (m + 1.0);
  const double s2 = s * s;
  double p = 2.0 / 21.0;
  p = fma64(p, s2, 2.0 / 19.0);
  p = fma64(p, s2, 2.0 / 17.0);
  p = fma64(p, s2, 2.0 / 15.0);
  p = fma64(p, s2, 2.0 / 13.0);
  p = fma64(p, s2, 2.0 / 11.0);
  p = fma64(p, s2, 2.0 / 9.0);
  p = fma64(p, s2, 2.0 / 7.0);
  p = fma64(p, s2, 2.0 / 5.0);
  p = fma64(p, s2, 2.0 / 3.0);
  const double n = static_cast<double>(e);
  const double low = fma64(n, 0x1.ef35793c76730p-45, (s * s2) * p);
  return fma64(n, 0x1.62e42fefa3800p-1, s + s) + low;
}

// base^exponent for base > 0.
static inline double pow64(double base, double exponent) { return exp64(exponent * log64(base)); }

// sin and cos of |x| < 2^31 in double: three-part reduction by pi/2 (the first step is exact), then Taylor on |r| <= pi/4
// to r^17 and r^18: remainders below 2^-60.
static inline void sin_cos64(double x, double* sine, double* cosine) {
  constexpr double kMagic = 0x1.8p+52;
  const double shifted = fma64(x, 0x1.45f306dc9c883p-1, kMagic);
  const double n = shifted - kMagic;
  const uint64_t quadrant = __builtin_bit_cast(uint64_t, shifted) & 3;
  double r = fma64(n, -0x1.921fb54442d18p+0, x);
  r = fma64(n, -0x1.1a62633145c07p-54, r);
  r = fma64(n, 0x1.f1976b7ed8fbcp-110, r);
  const double s = r * r;
  double p = 1.0 / 355687428096000.0;
  p = fma64(p, s, -1.0 / 1307674368000.0);
  p = fma64(p, s, 1.0 / 6227020800.0);
  p = fma64(p, s, -1.0 / 39916800.0);
  p = fma64(p, s, 1.0 / 362880.0);
  p = fma64(p, s, -1.0 / 5040.0);
  p = fma64(p, s, 1.0 / 120.0);
  p = fma64(p, s, -1.0 / 6.0);
  const double sin_r = fma64(r * s, p, r);
  double c = -1.0 / 6402373705728000.0;
  c = fma64(c, s, 1.0 / 20922789888000.0);
  c = fma64(c, s, -1.0 / 87178291200.0);
  c = fma64(c, s, 1.0 / 479001600.0);
  c = fma64(c, s, -1.0 / 3628800.0);
  c = fma64(c, s, 1.0 / 40320.0);
  c = fma64(c, s, -1.0 / 720.0);
  c = fma64(c, s, 1.0 / 24.0);
  c = fma64(c, s, -0.5);
  const double cos_r = fma64(c, s, 1.0);
  const double swapped_sin = (quadrant & 1) != 0 ? cos_r : sin_r;
  const double swapped_cos = (quadrant & 1) != 0 ? sin_r : cos_r;
  *sine = (quadrant & 2) != 0 ? -swapped_sin : swapped_sin;
  *cosine = ((quadrant + 1) & 2) != 0 ? -swapped_cos : swapped_cos;
}

}  // namespace hearth::kernels::ref
