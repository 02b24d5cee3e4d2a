// What hearth_simde takes its processor for: with AVX2, it runs the other tables through SIMDe.
//
// Contract: stands in the place of base/cpu_features.cpp. Not here: the kernels.
#include "base/cpu_features.h"

namespace hearth {

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = [] {
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");  // clang 14 does not know "f16c"
    return CpuFeatures{avx2, avx2, avx2};
  }();
  return features;
}

}  // namespace hearth
