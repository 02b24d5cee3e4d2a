// Panels of the AVX2 table and the register helpers that its linear kernels share. Included by *_avx2.cpp only.
//
// A panel block is 32 columns x 32 rows. Four consecutive columns of a row are one 32-bit lane ("quad"), eight rows one
// register, so that vpmaddubsw (unsigned weights x signed activations) adds along K and rows stay in lanes.
// Weights are stored unsigned with their format's offset still in (except Signed); multiply removes it in integers.
#pragma once

#include <immintrin.h>

#include "kernels/table.h"

#define KERNEL_INLINE static inline __attribute__((always_inline))
#define KERNEL_LAMBDA __attribute__((always_inline))

namespace hearth::kernels::avx2 {

// A loop whose index is a constant in every iteration, so that arrays of registers never become memory.
template <int value>
struct Index {
  static constexpr int kValue = value;
  constexpr operator int() const { return value; }
};
template <int count, int at = 0, class Body>
KERNEL_INLINE void unroll(Body body) {
  if constexpr (at < count) {
    body(Index<at>{});
    unroll<count, at + 1>(body);
  }
}

// Cuts `tokens` into tiles of nearly equal size, at most `largest`: body(Index<size>, first token).
template <int largest, class Body>
KERNEL_INLINE void for_tiles(int tokens, Body body) {
  int t = 0;
  for (int tiles = (tokens + largest - 1) / largest; tiles > 0; --tiles) {
    const int size = (tokens - t + tiles - 1) / tiles;
    unroll<largest>([&](auto index) KERNEL_LAMBDA {
      if (size == index + 1) body(Index<index.kValue + 1>{}, t);
    });
    t += size;
  }
}

inline constexpr int kGroupRows = 8;  // rows in one register
inline constexpr int kGroups = kPanelRows / kGroupRows;
inline constexpr int kQuads = kBlock / 4;

// How the products of 32 columns become one exact integer.
enum class Sums {
  kSingle,  // weights <= 15: all eight quads fit one int16 accumulator
  kPair,    // weights <= 31: one accumulator per half
  kHalves,  // as kPair, each half times its integer sub-scale
  kSigned,  // int8 weights: |w| times sign(a, w), widened at once
};

// How a panel of a format looks and is multiplied. offset: what the stored weights are too large by.
template <Sums sums, int offset, int minimums>
struct Shape {
  static constexpr Sums kSums = sums;
  static constexpr int kOffset = offset;
  static constexpr int kMinimums = minimums;
};

// A panel block's bytes: absent fields take no space. The offsets are of one group of eight rows.
template <class S>
struct alignas(64) PanelBlock {
  static constexpr int kSubScales = S::kSums == Sums::kHalves ? 2 : 0;
  static constexpr int quad(int index, int group) { return (index * kGroups + group) * 32; }
  static constexpr int scale(int group) { return quad(kQuads, group); }
  static constexpr int minimum(int which, int group) { return quad(kQuads + 1 + which, group); }
  static constexpr int sub_scale(int half, int group) { return quad(kQuads + 1 + S::kMinimums + half, group); }

  uint8_t bytes[(kQuads + 1 + S::kMinimums + kSubScales) * kGroups * 32];
};

// Keeps a running sum a chain: the compiler may not regroup it, which would hold every product in a register of its own.
KERNEL_INLINE void keep(__m256i& v) { __asm__("" : "+x"(v)); }
// Keeps accumulators that belong in memory there.
KERNEL_INLINE void keep_memory() { __asm__ volatile("" ::: "memory"); }

KERNEL_INLINE __m256i load_256(const void* p) { return _mm256_load_si256(static_cast<const __m256i*>(p)); }
KERNEL_INLINE __m256 load_floats(const void* p) { return _mm256_load_ps(static_cast<const float*>(p)); }
KERNEL_INLINE void store_256(void* p, __m256i v) { _mm256_store_si256(static_cast<__m256i*>(p), v); }
KERNEL_INLINE void store_floats(void* p, __m256 v) { _mm256_store_ps(static_cast<float*>(p), v); }

// Four activations in every lane. The copy is one load; it keeps the access free of alignment and aliasing rules. As a float
// it becomes vbroadcastss, a load and nothing else; vpbroadcastd takes a vector unit from the sums on AMD processors.
KERNEL_INLINE __m256i broadcast_quad(const int8_t* q) {
  float word;
  __builtin_memcpy(&word, q, 4);
  return _mm256_castps_si256(_mm256_set1_ps(word));
}

// What the offset of the stored weights adds to the integer sums of one block of a token.
// kHalves: per half the int16 pair (-offset * sums of bytes 0,1 and of bytes 2,3 of its quads), so that each int16 lane
// ends as a sum of (w - offset) * a, which fits, whatever wraps on the way. Else [0]: -offset * sum of the block.
struct Staged {
  int32_t value[2];
};

template <class S>
KERNEL_INLINE void stage(const Inputs& in, int64_t block, int64_t count, int64_t token, Staged* out) {
  if constexpr (S::kOffset != 0 && S::kSums == Sums::kHalves) {
    const int8_t* q = in.q + token * in.k + block * kBlock;
    for (int64_t b = 0; b < count; ++b) {
      const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q + b * kBlock));
      __m256i sum = _mm256_maddubs_epi16(_mm256_set1_epi8(S::kOffset), bytes);
      sum = _mm256_add_epi16(sum, _mm256_shuffle_epi32(sum, 0x4e));
      sum = _mm256_add_epi16(sum, _mm256_shuffle_epi32(sum, 0xb1));
      sum = _mm256_sub_epi16(_mm256_setzero_si256(), sum);
      out[b].value[0] = _mm256_extract_epi32(sum, 0);
      out[b].value[1] = _mm256_extract_epi32(sum, 4);
    }
  } else if constexpr (S::kOffset != 0) {
    const int32_t* half_sum = in.half_sum + (token * (in.k / kBlock) + block) * 2;
    for (int64_t b = 0; b < count; ++b) out[b].value[0] = -S::kOffset * (half_sum[2 * b] + half_sum[2 * b + 1]);
  }
}

using ShapeQ4Offset = Shape<Sums::kSingle, 8, 0>;
using ShapeQ4Minimum = Shape<Sums::kSingle, 0, 1>;
using ShapeQ5Offset = Shape<Sums::kPair, 16, 0>;
using ShapeQ5Minimum = Shape<Sums::kPair, 0, 1>;
using ShapeSigned = Shape<Sums::kSigned, 0, 0>;
using ShapeQ2K = Shape<Sums::kHalves, 0, 2>;
using ShapeQ3K = Shape<Sums::kHalves, 4, 0>;
using ShapeQ6K = Shape<Sums::kHalves, 32, 0>;

}  // namespace hearth::kernels::avx2
