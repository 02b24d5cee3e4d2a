// What the processor and the operating system together can run.
//
// Contract: a feature is true only if its registers are also saved by the operating system. Read once, then constant.
// Not here: which kernels use it (kernels/select.h).
#pragma once

namespace hearth {

struct CpuFeatures {
  bool avx2 = false;     // with FMA and F16C
  bool avxvnni = false;  // AVX2 and the 256-bit dot products that need no AVX-512
  bool avx512 = false;   // F, BW, VL, DQ and VNNI
};

const CpuFeatures& cpu_features();

}  // namespace hearth
