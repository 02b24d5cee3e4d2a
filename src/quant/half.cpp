// Conversions between float32 and the two 16-bit float formats, in integer arithmetic.
//
// Contract: exact towards float32; round to nearest even towards 16 bits, whatever the rounding and denormal modes of
// the processor are. NaN stays NaN and becomes quiet. Not here: rows of values (f16.cpp, bf16.cpp).
#include <bit>

#include "quant/traits.h"

namespace hearth::quant {

float half_to_float(uint16_t bits) {
  const uint32_t sign = static_cast<uint32_t>(bits & 0x8000u) << 16;
  const uint32_t exponent = (bits >> 10) & 31u;
  uint32_t fraction = bits & 0x3FFu;
  if (exponent == 31) {
    const uint32_t quiet = fraction != 0 ? 0x400000u : 0u;
    return std::bit_cast<float>(sign | 0x7F800000u | quiet | (fraction << 13));
  }
  if (exponent != 0) return std::bit_cast<float>(sign | ((exponent + 112) << 23) | (fraction << 13));
  if (fraction == 0) return std::bit_cast<float>(sign);
  // Subnormal: fraction * 2^-24. Shift its leading one to bit 10 and count down the exponent.
  const int shift = std::countl_zero(fraction) - 21;
  fraction = (fraction << shift) & 0x3FFu;
  return std::bit_cast<float>(sign | (static_cast<uint32_t>(113 - shift) << 23) | (fraction << 13));
}

uint16_t float_to_half(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint16_t sign = static_cast<uint16_t>((bits >> 16) & 0x8000u);
  const uint32_t magnitude = bits & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return static_cast<uint16_t>(sign | 0x7E00u | ((magnitude >> 13) & 0x1FFu));
  if (magnitude >= 0x47800000u) return static_cast<uint16_t>(sign | 0x7C00u);  // 65536 and above
  if (magnitude >= 0x38800000u) {
    // Normal half. A carry out of the fraction moves into the exponent, up to infinity, which is what rounding means.
    const uint32_t odd = (magnitude >> 13) & 1u;
    return static_cast<uint16_t>(sign | ((magnitude - 0x38000000u + 0xFFFu + odd) >> 13));
  }
  if (magnitude <= 0x33000000u) return sign;  // up to 2^-25, half of the smallest subnormal: to even, zero
  // Subnormal half: the fraction with its leading one, in units of 2^-24, rounded to nearest even.
  const int shift = 126 - static_cast<int>(magnitude >> 23);  // 14 to 24
  const uint32_t fraction = (magnitude & 0x7FFFFFu) | 0x800000u;
  const uint32_t odd = (fraction >> shift) & 1u;
  return static_cast<uint16_t>(sign | ((fraction + (1u << (shift - 1)) - 1u + odd) >> shift));
}

float bfloat16_to_float(uint16_t bits) {
  return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16);
}

uint16_t float_to_bfloat16(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7FFFFFFFu) > 0x7F800000u) return static_cast<uint16_t>((bits >> 16) | 64u);
  return static_cast<uint16_t>((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace hearth::quant
