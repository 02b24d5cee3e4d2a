// Roundings that the encoders share, safe for any float.
//
// Contract: the result is within [low, high] whatever the input, NaN included, so that the later cast is defined.
// Not here: rounding of the 16-bit float formats (half.cpp).
#pragma once

#include <algorithm>
#include <cmath>

namespace hearth::quant {

// Halves away from zero.
inline int round_clamped(float value, int low, int high) {
  if (!(value > static_cast<float>(low))) return low;
  if (value >= static_cast<float>(high)) return high;
  return static_cast<int>(std::round(value));
}

// Towards zero; with 0.5 added before, the rounding of the formats with 32 values.
inline int truncate_clamped(float value, int low, int high) {
  if (!(value > static_cast<float>(low))) return low;
  if (value >= static_cast<float>(high)) return high;
  return static_cast<int>(value);
}

// 1/step, or 0 where that is no finite number: such a block is encoded as its base value.
inline float safe_inverse(float step) {
  if (step == 0.0f) return 0.0f;
  const float inverse = 1.0f / step;
  return std::isfinite(inverse) ? inverse : 0.0f;
}

// The value of largest magnitude with its sign; the first of equals.
inline float signed_maximum(const float* x, int n) {
  float result = 0.0f, magnitude = 0.0f;
  for (int i = 0; i < n; ++i) {
    if (std::fabs(x[i]) > magnitude) {
      magnitude = std::fabs(x[i]);
      result = x[i];
    }
  }
  return result;
}

}  // namespace hearth::quant
