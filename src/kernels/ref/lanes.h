// The 16 virtual lanes of every horizontal float sum.
//
// Contract: fold_add is the one order in which lanes become one number; vector tables repeat it exactly.
#pragma once

namespace hearth::kernels::ref {

inline constexpr int kLanes = 16;

static inline float fold_add(const float* lanes) {
  float folded[kLanes / 2];
  for (int j = 0; j < 8; ++j) folded[j] = lanes[j] + lanes[j + 8];
  for (int width = 4; width >= 1; width /= 2) {
    for (int j = 0; j < width; ++j) folded[j] = folded[j] + folded[j + width];
  }
  return folded[0];
}

}  // namespace hearth::kernels::ref
