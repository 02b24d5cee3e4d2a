// What the tests of elementwise and attention functions share: the tables to compare, and random floats of several kinds.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "kernels/ref/elementwise.h"
#include "kernels/table.h"
#ifdef HEARTH_AVX512_THROUGH_SIMDE
#include "kernels/x86/elementwise_avx512.h"
#elif defined(__x86_64__)
#include "kernels/x86/elementwise_avx2.h"
#include "kernels/x86/elementwise_avx512.h"
#endif

namespace hearth::kernels::test {

struct Variant {
  std::string name;
  KernelTable table;
  bool runnable;
};

inline std::string variant_name(const ::testing::TestParamInfo<Variant>& info) { return info.param.name; }
inline void PrintTo(const Variant& variant, std::ostream* out) { *out << variant.name; }

inline const KernelTable& ref_table() {
  static const KernelTable table = [] {
    KernelTable filled{};
    ref::fill_elementwise(filled);
    return filled;
  }();
  return table;
}

// The tables that are not the scalar one.
inline std::vector<Variant> variants() {
  std::vector<Variant> all;
#ifdef HEARTH_AVX512_THROUGH_SIMDE
  all.push_back({"avx512_through_simde", {}, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")});
  avx512::fill_elementwise(all.back().table);
#elif defined(__x86_64__)
  all.push_back({"avx2", {}, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")});
  avx2::fill_elementwise(all.back().table);
  all.push_back({"avx512", {}, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                                   __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq")});
  avx512::fill_elementwise(all.back().table);
#endif
  return all;
}

class Random {
 public:
  static constexpr int kKinds = 4;
  explicit Random(uint32_t seed) : engine_(seed) {}
  uint32_t bits() { return static_cast<uint32_t>(engine_()); }
  int below(int limit) { return static_cast<int>(bits() % static_cast<uint32_t>(limit)); }
  float normal() { return normal_(engine_); }
  // 0: normal; 1: wide exponents; 2: near the limits of exp, zeros, subnormals; 3: any finite bits.
  std::vector<float> floats(int64_t n, int kind) {
    std::vector<float> x(static_cast<size_t>(n));
    for (float& value : x) value = one(kind);
    return x;
  }

 private:
  float one(int kind) {
    static constexpr float kSpecial[] = {0.0f,   -0.0f,  0x1p-149f, -0x1p-149f, 0x1.8p-127f, 87.0f, -87.0f, -87.1f,
                                         88.72f, 88.73f, 127.5f,    -128.0f,    0.625f,      1e30f, -1e30f, 65519.0f};
    if (kind == 1) return std::ldexp(normal(), below(60) - 40);
    if (kind == 2) return below(3) == 0 ? normal() * 50.0f : kSpecial[below(16)];
    if (kind == 3) {
      uint32_t value = bits();
      while ((value & 0x7f800000u) == 0x7f800000u) value = bits();
      return __builtin_bit_cast(float, value);
    }
    return normal();
  }
  std::mt19937 engine_;
  std::normal_distribution<float> normal_;
};

}  // namespace hearth::kernels::test
