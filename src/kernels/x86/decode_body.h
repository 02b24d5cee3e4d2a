// A few tokens against rows as they lie in the file, for every x86 table: eight rows are transposed in registers and multiplied
// at once. Included by decode_linear_*.cpp only.
//
// The same readers as conversion, without the panel between: each weight is loaded once and never stored. A table brings its
// Dots<S>: what it stages per block of a token, and how the quads of a half become an exact float dot.
// Not here: taking formats apart (read_avx2.h).
#pragma once

#include "kernels/x86/linear.h"
#include "kernels/x86/read_avx2.h"

namespace hearth::kernels::avx2 {
namespace {

constexpr int kStagedBlocks = 512;  // 16384 columns at a time

// One token of those that a reader's quads are multiplied with. Dots<S>: begin(q, staged), half(part, h, quads, sub),
// value(part).
template <class S, template <class> class Dots>
struct DotToken {
  Dots<S> dots;
  // Of the unit's first block.
  const float* scale;
  const float* scale_sum;
  const int32_t* half_sum;
  __m256 acc;

  __attribute__((always_inline)) void finish(int part, __m256 w_scale, __m256 minimum, __m256 second) {
    const __m256 value = dots.value(part), s = _mm256_set1_ps(scale[part]);
    acc = _mm256_fmadd_ps(value, _mm256_mul_ps(w_scale, s), acc);
    if constexpr (S::kMinimums == 1) acc = _mm256_fmadd_ps(minimum, _mm256_set1_ps(scale_sum[part]), acc);
    if constexpr (S::kMinimums == 2) {
      const __m256 low = _mm256_mul_ps(s, _mm256_set1_ps(static_cast<float>(half_sum[2 * part])));
      const __m256 high = _mm256_mul_ps(s, _mm256_set1_ps(static_cast<float>(half_sum[2 * part + 1])));
      acc = _mm256_fmadd_ps(minimum, low, acc);
      acc = _mm256_fmadd_ps(second, high, acc);
    }
  }
};

// Multiplies what a reader hands over with T tokens.
template <class S, template <class> class Dots, int T>
struct DotSink {
  DotToken<S, Dots> token[T];

  __attribute__((always_inline)) void half(int part, int h, const Quads& quads, __m256i sub) {
    unroll<T>([&](auto t) KERNEL_LAMBDA { token[t].dots.half(part, h, quads, sub); });
  }
  __attribute__((always_inline)) void finish(int part, __m256 w_scale, __m256 minimum, __m256 second) {
    unroll<T>([&](auto t) KERNEL_LAMBDA { token[t].finish(part, w_scale, minimum, second); });
  }
};

template <class Reader, template <class> class Dots, int T>
KERNEL_INLINE void decode_tile(const WeightRows& weights, const Inputs& in, int first, float* acc) {
  using S = typename Reader::S;
  const int64_t blocks = in.k / kBlock;
  for (int i = 0; i < T * kPanelRows; i += kGroupRows) store_floats(acc + i, _mm256_setzero_ps());
  typename Dots<S>::Staged staged[T][kStagedBlocks];
  for (int64_t begin = 0; begin < blocks; begin += kStagedBlocks) {
    const int64_t count = blocks - begin < kStagedBlocks ? blocks - begin : kStagedBlocks;
    for (int t = 0; t < T; ++t) Dots<S>::stage(in, begin, count, first + t, staged[t]);
    for (int group = 0; group * kGroupRows < weights.rows; ++group) {
      const RowPointers rows = group_rows(weights, group);
      __m256 sum[T];
      unroll<T>([&](auto t) KERNEL_LAMBDA { sum[t] = load_floats(acc + t * kPanelRows + group * kGroupRows); });
      // The eight rows that come next are asked for in the order of memory, a little with every unit: one sequential stream,
      // where the eight rows being read are more than the processor's own prefetcher follows.
      const char* next = reinterpret_cast<const char*>(rows.row[0]) + kGroupRows * (weights.row_bytes + begin / Reader::kParts * Reader::kBytes);
      const char* ahead = next;
      for (int64_t b = 0; b < count; b += Reader::kParts) {
        DotSink<S, Dots, T> sink;
        unroll<T>([&](auto t) KERNEL_LAMBDA {
          const int64_t at = (first + t) * blocks + begin + b;
          DotToken<S, Dots>& token = sink.token[t];
          token.dots.begin(in.q + at * kBlock, staged[t] + b);
          token.scale = in.scale + at, token.scale_sum = in.scale_sum + at, token.half_sum = in.half_sum + 2 * at;
          token.acc = sum[t];
        });
        const int64_t offset = (begin + b) / Reader::kParts * Reader::kBytes;
        ahead += kGroupRows * Reader::kBytes;
        for (; next < ahead; next += 64) _mm_prefetch(next, _MM_HINT_T0);
        Reader::read(rows.row, offset, sink);
        unroll<T>([&](auto t) KERNEL_LAMBDA { sum[t] = sink.token[t].acc; });
      }
      unroll<T>([&](auto t) KERNEL_LAMBDA { store_floats(acc + t * kPanelRows + group * kGroupRows, sum[t]); });
    }
  }
}

// Each size is a function of its own, so that none saves registers for another.
template <class Reader, template <class> class Dots, int T>
__attribute__((noinline)) void decode_tokens(const WeightRows& weights, const Inputs& in, int first, float* acc) {
  decode_tile<Reader, Dots, T>(weights, in, first, acc);
}

template <class Reader, template <class> class Dots, int block_tokens>
KERNEL_INLINE void decode(const WeightRows& weights, const Inputs& in, int first, int tokens, float* acc) {
  for_tiles<Reader::kParts == 1 ? block_tokens : kSuperBlockTokens>(tokens, [&](auto size, int t) KERNEL_LAMBDA {
    decode_tokens<Reader, Dots, size.kValue>(weights, in, first + t, acc + t * kPanelRows);
  });
}

}  // namespace
}  // namespace hearth::kernels::avx2

#define DEFINE_DECODE(name, Reader, Dots)                                                  \
  void name(const WeightRows& weights, const Inputs& in, int first, int tokens, float* acc) { \
    avx2::decode<avx2::Reader, Dots, kBlockTokens>(weights, in, first, tokens, acc);          \
  }
#define DEFINE_ALL_DECODES(Dots)               \
  DEFINE_DECODE(decode_q4_0, ReadQ4_0, Dots)   \
  DEFINE_DECODE(decode_q4_1, ReadQ4_1, Dots)   \
  DEFINE_DECODE(decode_q5_0, ReadQ5_0, Dots)   \
  DEFINE_DECODE(decode_q5_1, ReadQ5_1, Dots)   \
  DEFINE_DECODE(decode_q8_0, ReadQ8_0, Dots)   \
  DEFINE_DECODE(decode_iq4_nl, ReadIQ4_NL, Dots) \
  DEFINE_DECODE(decode_iq4_xs, ReadIQ4_XS, Dots) \
  DEFINE_DECODE(decode_q2_k, ReadQ2_K, Dots)   \
  DEFINE_DECODE(decode_q3_k, ReadQ3_K, Dots)   \
  DEFINE_DECODE(decode_q4_k, ReadQ4_K, Dots)   \
  DEFINE_DECODE(decode_q5_k, ReadQ5_K, Dots)   \
  DEFINE_DECODE(decode_q6_k, ReadQ6_K, Dots)
