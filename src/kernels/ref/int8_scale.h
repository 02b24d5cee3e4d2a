// Rounding float32 values to int8: what activations and int8 keys and values share, and the scale of the latter.
//
// Contract: amax_bits is the integer maximum of a group's bits & 0x7fffffff. A key or value x becomes round_to_int(x * inverse),
// at most 127 in magnitude. Inf or NaN in the group makes the scale NaN.
#pragma once

#include <cstdint>

#include "kernels/ref/math.h"

namespace hearth::kernels::ref {

inline constexpr uint32_t kInfinityBits = 0x7f800000u;
inline constexpr float kSmallestAmax = 0x1p-100f;  // below, everything is 0

struct Int8Scale {
  float scale, inverse;
};

static inline uint32_t magnitude_bits(float x) { return __builtin_bit_cast(uint32_t, x) & 0x7fffffffu; }

static inline Int8Scale int8_scale(uint32_t amax_bits) {
  if (amax_bits >= kInfinityBits) return {__builtin_nanf(""), 0.0f};
  const float amax = __builtin_bit_cast(float, amax_bits);
  if (amax < kSmallestAmax) return {0.0f, 0.0f};
  return {amax / 127.0f, 127.0f / amax};
}

// Nearest integer, ties to even, of |x| < 2^22.
static inline int32_t round_to_int(float x) {
  return static_cast<int32_t>(__builtin_bit_cast(uint32_t, x + kRoundMagic) - __builtin_bit_cast(uint32_t, kRoundMagic));
}

}  // namespace hearth::kernels::ref
