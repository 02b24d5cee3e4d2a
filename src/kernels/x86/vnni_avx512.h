// What the AVX-512 VNNI linear kernels share. Included by *_avx512.cpp only.
//
// Not here: panels and readers of block formats, which are those of the AVX2 table.
#pragma once

#include "kernels/x86/panel_avx2.h"

namespace hearth::kernels::avx512 {
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

KERNEL_INLINE int32_t load_word(const int8_t* q) {
  int32_t word;
  __builtin_memcpy(&word, q, 4);
  return word;
}

}  // namespace
}  // namespace hearth::kernels::avx512
