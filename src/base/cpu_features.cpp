// Reads CPUID and XCR0 directly: the two compilers name different sets of features in their built-ins.
#include "base/cpu_features.h"

#include <cstdint>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace hearth {
namespace {

#if defined(__x86_64__)
struct Registers {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

Registers cpuid(uint32_t leaf, uint32_t subleaf) {
  Registers r;
  if (__get_cpuid_count(leaf, subleaf, &r.a, &r.b, &r.c, &r.d) == 0) return {};
  return r;
}

// The register sets that the operating system saves on a task switch.
uint64_t saved_register_sets() {
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return uint64_t{high} << 32 | low;
}

constexpr bool has(uint32_t word, int bit) { return (word >> bit & 1) != 0; }

CpuFeatures detect() {
  constexpr uint64_t kYmm = 0x6, kZmm = 0xe6;  // SSE and AVX; with opmask and both halves of the ZMM file
  const Registers one = cpuid(1, 0), seven = cpuid(7, 0);
  const bool xsave = has(one.c, 27);
  if (!xsave) return {};
  const uint64_t saved = saved_register_sets();
  CpuFeatures features;
  features.avx2 = (saved & kYmm) == kYmm && has(one.c, 12) && has(one.c, 28) && has(one.c, 29) && has(seven.b, 5);
  features.avxvnni = features.avx2 && seven.a >= 1 && has(cpuid(7, 1).a, 4);
  features.avx512 = features.avx2 && (saved & kZmm) == kZmm && has(seven.b, 16) && has(seven.b, 17) && has(seven.b, 30) &&
                    has(seven.b, 31) && has(seven.c, 11);
  return features;
}
#else
CpuFeatures detect() { return {}; }
#endif

}  // namespace

const CpuFeatures& cpu_features() {
  static const CpuFeatures features = detect();
  return features;
}

}  // namespace hearth
