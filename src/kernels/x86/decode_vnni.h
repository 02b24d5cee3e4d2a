// How 256-bit VNNI multiplies what a reader hands over; the two instruction sets that have it name it differently.
// Included by decode_linear_avx512.cpp and decode_linear_avxvnni.cpp only.
//
// Machine::dot(sum, w, a): sum plus four products of unsigned w and signed a per lane.
// Not here: the walk over rows and blocks (decode_body.h).
#pragma once

#include "kernels/x86/decode_body.h"
#include "kernels/x86/vnni.h"

namespace hearth::kernels::vnni {
namespace {

template <class S, class Machine>
struct DecodeDots {
  using Staged = Starts;
  const int8_t* q;
  const Starts* starts;
  __m256i dot[8];    // integer sums by part
  __m256 scaled[8];  // kHalves: sub-scale times half sum, exact

  KERNEL_INLINE void stage(const Inputs& in, int64_t block, int64_t count, int64_t token, Starts* out) {
    stage_starts<S>(in, block, count, token, out);
  }
  __attribute__((always_inline)) void begin(const int8_t* block, const Starts* block_starts) { q = block, starts = block_starts; }

  __attribute__((always_inline)) void half(int part, int h, const avx2::Quads& quads, __m256i sub) {
    const int8_t* a = q + part * kBlock + h * 16;
    __m256i sum = dot[part];
    if (h == 0 || S::kSums == Sums::kHalves) sum = _mm256_set1_epi32(has_offset<S> ? starts[part].value[h] : 0);
    unroll<4>([&](auto i) KERNEL_LAMBDA {
      sum = Machine::dot(sum, unsigned_weights<S>(quads.v[i]), avx2::broadcast_quad(a + 4 * i));
    });
    dot[part] = sum;
    if constexpr (S::kSums == Sums::kHalves) {
      const __m256 factor = _mm256_cvtepi32_ps(_mm256_srai_epi32(sub, 16)), value = _mm256_cvtepi32_ps(sum);
      scaled[part] = h == 0 ? _mm256_mul_ps(value, factor) : _mm256_fmadd_ps(value, factor, scaled[part]);
    }
  }

  __attribute__((always_inline)) __m256 value(int part) {
    return S::kSums == Sums::kHalves ? scaled[part] : _mm256_cvtepi32_ps(dot[part]);
  }
};

}  // namespace
}  // namespace hearth::kernels::vnni
