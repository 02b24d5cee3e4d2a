// Multiplies panels with activations by AVX-512 VNNI: sixteen rows a register, 32 registers.
//
// The panels are those of panel_avx2.h.
// A tile is 32 rows x T tokens with integer and float accumulators in registers. Each activation is broadcast once into a
// register for both halves of the rows: as a memory operand of vpdpbusd it would be bound by loads.
#include "kernels/x86/linear.h"
#include "kernels/x86/vnni.h"

namespace hearth::kernels::avx512 {
namespace {

using avx2::kQuads;
using avx2::Sums;
using avx2::unroll;
using vnni::has_offset;
using vnni::Starts;

constexpr int kRun = 16;  // blocks whose offsets are staged at once

KERNEL_INLINE int32_t load_word(const int8_t* q) {
  int32_t word;
  __builtin_memcpy(&word, q, 4);
  return word;
}

KERNEL_INLINE __m512 load_rows(const uint8_t* p) { return _mm512_load_ps(reinterpret_cast<const float*>(p)); }

// The integer dots of one block, exact as floats: [T][2] registers of rows.
template <class S, int T>
KERNEL_INLINE void block_dots(const uint8_t* block, const int8_t* q, int64_t k, const Starts (&starts)[T][kRun], int b,
                              __m512 (&dot)[T][2]) {
  using Block = avx2::PanelBlock<S>;
  constexpr int kParts = S::kSums == Sums::kHalves ? 2 : 1;
  constexpr int kPartQuads = kQuads / kParts;
  unroll<kParts>([&](auto part) KERNEL_LAMBDA {
    __m512i sum[T][2];
    unroll<T>([&](auto t) KERNEL_LAMBDA {
      sum[t][0] = _mm512_set1_epi32(has_offset<S> ? starts[t][b].value[part] : 0);
      sum[t][1] = sum[t][0];
    });
    unroll<kPartQuads>([&](auto j) KERNEL_LAMBDA {
      const int quad = part * kPartQuads + j;
      __m512i w0 = _mm512_load_si512(block + Block::quad(quad, 0)), w1 = _mm512_load_si512(block + Block::quad(quad, 2));
      if constexpr (S::kSums == Sums::kSigned) {
        const __m512i top_bits = _mm512_set1_epi32(static_cast<int>(0x80808080u));
        w0 = _mm512_xor_si512(w0, top_bits);
        w1 = _mm512_xor_si512(w1, top_bits);
      }
      unroll<T>([&](auto t) KERNEL_LAMBDA {
        const __m512i a = _mm512_set1_epi32(load_word(q + t * k + quad * 4));
        sum[t][0] = _mm512_dpbusd_epi32(sum[t][0], w0, a);
        sum[t][1] = _mm512_dpbusd_epi32(sum[t][1], w1, a);
      });
    });
    unroll<2>([&](auto r) KERNEL_LAMBDA {
      __m512 sub = _mm512_setzero_ps();
      if constexpr (S::kSums == Sums::kHalves) {
        const __m512i pairs = _mm512_load_si512(block + Block::sub_scale(part, 2 * r));
        sub = _mm512_cvtepi32_ps(_mm512_srai_epi32(pairs, 16));
      }
      unroll<T>([&](auto t) KERNEL_LAMBDA {
        const __m512 value = _mm512_cvtepi32_ps(sum[t][r]);
        if constexpr (S::kSums != Sums::kHalves) {
          dot[t][r] = value;
        } else {
          dot[t][r] = part == 0 ? _mm512_mul_ps(value, sub) : _mm512_fmadd_ps(value, sub, dot[t][r]);
        }
      });
    });
  });
}

// The float steps of one block.
template <class S, int T>
KERNEL_INLINE void float_steps(const uint8_t* block, const Inputs& in, int64_t at, const __m512 (&dot)[T][2],
                               __m512 (&sum)[T][2]) {
  using Block = avx2::PanelBlock<S>;
  unroll<T>([&](auto t) KERNEL_LAMBDA {
    const int64_t index = at + t * (in.k / kBlock);
    const __m512 scale = _mm512_set1_ps(in.scale[index]);
    unroll<2>([&](auto r) KERNEL_LAMBDA {
      const __m512 factor = _mm512_mul_ps(load_rows(block + Block::scale(2 * r)), scale);
      sum[t][r] = _mm512_fmadd_ps(dot[t][r], factor, sum[t][r]);
      if constexpr (S::kMinimums == 1) {
        const __m512 minimum = load_rows(block + Block::minimum(0, 2 * r));
        sum[t][r] = _mm512_fmadd_ps(minimum, _mm512_set1_ps(in.scale_sum[index]), sum[t][r]);
      }
      if constexpr (S::kMinimums == 2) {
        const __m512 first = _mm512_mul_ps(scale, _mm512_set1_ps(static_cast<float>(in.half_sum[2 * index])));
        const __m512 second = _mm512_mul_ps(scale, _mm512_set1_ps(static_cast<float>(in.half_sum[2 * index + 1])));
        sum[t][r] = _mm512_fmadd_ps(load_rows(block + Block::minimum(0, 2 * r)), first, sum[t][r]);
        sum[t][r] = _mm512_fmadd_ps(load_rows(block + Block::minimum(1, 2 * r)), second, sum[t][r]);
      }
    });
  });
}

// T tokens over one run of blocks.
template <class S, int T>
__attribute__((noinline)) void tile(const avx2::PanelBlock<S>* blocks, const Inputs& inputs, int64_t begin, int count,
                                    int64_t token, float* acc) {
  const Inputs in = inputs;
  Starts starts[T][kRun];
  for (int t = 0; t < T; ++t) vnni::stage_starts<S>(in, begin, count, token + t, starts[t]);
  __m512 sum[T][2];
  unroll<T>([&](auto t) KERNEL_LAMBDA {
    unroll<2>([&](auto r) KERNEL_LAMBDA { sum[t][r] = _mm512_load_ps(acc + t * kPanelRows + r * 16); });
  });
  const int8_t* q = in.q + token * in.k + begin * kBlock;
  for (int b = 0; b < count; ++b, q += kBlock) {
    __m512 dot[T][2];
    block_dots<S, T>(blocks[b].bytes, q, in.k, starts, b, dot);
    float_steps<S, T>(blocks[b].bytes, in, token * (in.k / kBlock) + begin + b, dot, sum);
  }
  unroll<T>([&](auto t) KERNEL_LAMBDA {
    unroll<2>([&](auto r) KERNEL_LAMBDA { _mm512_store_ps(acc + t * kPanelRows + r * 16, sum[t][r]); });
  });
}

template <class S>
KERNEL_INLINE void multiply_panel(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens,
                                  float* acc) {
  // Sub-scales need further registers for the half sums.
  constexpr int kMaxTokens = S::kSums == Sums::kHalves ? 4 : 6;
  const auto* blocks = static_cast<const avx2::PanelBlock<S>*>(panel);
  for (int64_t at = 0; at < count; at += kRun) {
    const int run = static_cast<int>(count - at < kRun ? count - at : kRun);
    avx2::for_tiles<kMaxTokens>(tokens, [&](auto size, int t) KERNEL_LAMBDA {
      tile<S, size.kValue>(blocks + at, in, begin + at, run, first + t, acc + t * kPanelRows);
    });
  }
}

}  // namespace

#define DEFINE_MULTIPLY(name, Shape)                                                                                      \
  void name(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens, float* acc) {       \
    multiply_panel<avx2::Shape>(panel, in, begin, count, first, tokens, acc);                                             \
  }
DEFINE_MULTIPLY(multiply_q4_offset, ShapeQ4Offset)
DEFINE_MULTIPLY(multiply_q4_minimum, ShapeQ4Minimum)
DEFINE_MULTIPLY(multiply_q5_offset, ShapeQ5Offset)
DEFINE_MULTIPLY(multiply_q5_minimum, ShapeQ5Minimum)
DEFINE_MULTIPLY(multiply_signed, ShapeSigned)
DEFINE_MULTIPLY(multiply_q2_k, ShapeQ2K)
DEFINE_MULTIPLY(multiply_q3_k, ShapeQ3K)
DEFINE_MULTIPLY(multiply_q6_k, ShapeQ6K)
#undef DEFINE_MULTIPLY

}  // namespace hearth::kernels::avx512
