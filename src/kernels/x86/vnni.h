// What the VNNI linear kernels share: 512 bits on AVX-512, 256 bits on AVX-VNNI. Included by *_avx512.cpp and *_avxvnni.cpp.
//
// vpdpbusd sums four columns of unsigned weights exactly in int32, so an offset is where an accumulator starts; int8 weights
// become unsigned by flipping their top bit (offset 128).
// Not here: panels and readers of block formats, which are those of the AVX2 table.
#pragma once

#include "kernels/x86/panel_avx2.h"

namespace hearth::kernels::vnni {
namespace {

using avx2::kQuads;
using avx2::Sums;
using avx2::unroll;

// What the unsigned weights are too large by.
template <class S>
constexpr int kUnsignedOffset = S::kSums == Sums::kSigned ? 128 : S::kOffset;
template <class S>
constexpr bool has_offset = kUnsignedOffset<S> != 0;

// Where the integer sums of one block of a token start: -offset * sum of its activations, for kHalves of each half.
struct Starts {
  int32_t value[2];
};

template <class S>
KERNEL_INLINE void stage_starts(const Inputs& in, int64_t block, int64_t count, int64_t token, Starts* out) {
  if constexpr (has_offset<S>) {
    const int32_t* half_sum = in.half_sum + (token * (in.k / kBlock) + block) * 2;
    for (int64_t b = 0; b < count; ++b) {
      const int32_t first = half_sum[2 * b], second = half_sum[2 * b + 1];
      out[b].value[0] = -kUnsignedOffset<S> * (S::kSums == Sums::kHalves ? first : first + second);
      out[b].value[1] = -kUnsignedOffset<S> * second;
    }
  }
}

// Weights of one register of the panel or the file as unsigned bytes.
template <class S>
KERNEL_INLINE __m256i unsigned_weights(__m256i w) {
  if constexpr (S::kSums != Sums::kSigned) return w;
  return _mm256_xor_si256(w, _mm256_set1_epi32(static_cast<int>(0x80808080u)));
}

}  // namespace
}  // namespace hearth::kernels::vnni
