// Tiles of 256-bit registers over panels, for the AVX2 and AVX-VNNI tables. Included by multiply_linear_avx2.cpp and
// multiply_linear_avxvnni.cpp only.
//
// A tile is R groups of eight rows x T tokens. Its integer accumulators are registers; the float accumulators live in `acc`
// (L1) and take one step per block, so sixteen registers are enough for eight or more chains. Panels are walked in runs of
// eight blocks (about 10 KiB: L1) over all tokens.
// Not here: how the columns of a block become one exact number, which is a table's Dots.
#pragma once

#include "kernels/x86/linear.h"
#include "kernels/x86/panel_avx2.h"

namespace hearth::kernels::avx2 {
namespace {

constexpr int kRun = 8;  // blocks of a panel that stay in L1 while all tokens pass

// The float steps of one block.
template <class S, int R, int T>
KERNEL_INLINE void float_steps(const uint8_t* block, const Inputs& in, int64_t at, const __m256 (&dot)[R][T], float* acc) {
  using Block = PanelBlock<S>;
  unroll<T>([&](auto t) KERNEL_LAMBDA {
    const int64_t index = at + t * (in.k / kBlock);
    const __m256 scale = _mm256_set1_ps(in.scale[index]);
    unroll<R>([&](auto r) KERNEL_LAMBDA {
      float* out = acc + t * kPanelRows + r * kGroupRows;
      const __m256 factor = _mm256_mul_ps(load_floats(block + Block::scale(r)), scale);
      __m256 sum = _mm256_fmadd_ps(dot[r][t], factor, load_floats(out));
      if constexpr (S::kMinimums == 1) {
        sum = _mm256_fmadd_ps(load_floats(block + Block::minimum(0, r)), _mm256_set1_ps(in.scale_sum[index]), sum);
      }
      if constexpr (S::kMinimums == 2) {
        const __m256 first = _mm256_mul_ps(scale, _mm256_set1_ps(static_cast<float>(in.half_sum[2 * index])));
        const __m256 second = _mm256_mul_ps(scale, _mm256_set1_ps(static_cast<float>(in.half_sum[2 * index + 1])));
        sum = _mm256_fmadd_ps(load_floats(block + Block::minimum(0, r)), first, sum);
        sum = _mm256_fmadd_ps(load_floats(block + Block::minimum(1, r)), second, sum);
      }
      store_floats(out, sum);
    });
  });
}

// T tokens over one run of blocks. Dots<S>::dots(block, q, k, staged, b, dot) fills dot with exact floats.
template <class S, template <class> class Dots, int T>
__attribute__((noinline)) void tile(const PanelBlock<S>* blocks, const Inputs& inputs, int64_t begin, int count, int64_t token,
                                    float* acc) {
  constexpr int R = Dots<S>::groups(T);
  const Inputs in = inputs;
  typename Dots<S>::Staged staged[T][kRun];
  for (int t = 0; t < T; ++t) Dots<S>::stage(in, begin, count, token + t, staged[t]);
  for (int group = 0; group < kGroups; group += R) {
    const uint8_t* block = blocks->bytes + group * 32;
    const int8_t* q = in.q + token * in.k + begin * kBlock;
    for (int b = 0; b < count; ++b, block += sizeof(PanelBlock<S>), q += kBlock) {
      keep_memory();
      __m256 dot[R][T];
      Dots<S>::template dots<R, T>(block, q, in.k, staged, b, dot);
      float_steps<S, R, T>(block, in, token * (in.k / kBlock) + begin + b, dot, acc + group * kGroupRows);
    }
  }
}

template <class S, template <class> class Dots>
KERNEL_INLINE void multiply_panel(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens,
                                  float* acc) {
  const auto* blocks = static_cast<const PanelBlock<S>*>(panel);
  for (int64_t at = 0; at < count; at += kRun) {
    const int run = static_cast<int>(count - at < kRun ? count - at : kRun);
    for_tiles<Dots<S>::kMaxTokens>(tokens, [&](auto size, int t) KERNEL_LAMBDA {
      tile<S, Dots, size.kValue>(blocks + at, in, begin + at, run, first + t, acc + t * kPanelRows);
    });
  }
}

}  // namespace
}  // namespace hearth::kernels::avx2

#define DEFINE_MULTIPLY(name, Shape, Dots)                                                                                \
  void name(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens, float* acc) {       \
    avx2::multiply_panel<avx2::Shape, Dots>(panel, in, begin, count, first, tokens, acc);                                 \
  }
#define DEFINE_ALL_MULTIPLIES(Dots)                            \
  DEFINE_MULTIPLY(multiply_q4_offset, ShapeQ4Offset, Dots)     \
  DEFINE_MULTIPLY(multiply_q4_minimum, ShapeQ4Minimum, Dots)   \
  DEFINE_MULTIPLY(multiply_q5_offset, ShapeQ5Offset, Dots)     \
  DEFINE_MULTIPLY(multiply_q5_minimum, ShapeQ5Minimum, Dots)   \
  DEFINE_MULTIPLY(multiply_signed, ShapeSigned, Dots)          \
  DEFINE_MULTIPLY(multiply_q2_k, ShapeQ2K, Dots)               \
  DEFINE_MULTIPLY(multiply_q3_k, ShapeQ3K, Dots)               \
  DEFINE_MULTIPLY(multiply_q6_k, ShapeQ6K, Dots)
