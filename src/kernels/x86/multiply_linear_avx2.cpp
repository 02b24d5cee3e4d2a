// Multiplies AVX2 panels of quantised weights with quantised activations.
//
// A tile is R groups of eight rows x T tokens. Its int16 or int32 accumulators are registers; the float accumulators live
// in `acc` (L1) and take one step per block, so sixteen registers are enough for eight or more chains.
// Panels are walked in runs of eight blocks (about 10 KiB: L1) over all tokens.
#include "kernels/x86/linear.h"
#include "kernels/x86/panel_avx2.h"

namespace hearth::kernels::avx2 {
namespace {

constexpr int kRun = 8;        // blocks of a panel that stay in L1 while all tokens pass

// The exact integer dots of one block: R groups of rows x T tokens.
template <class S, int R, int T>
KERNEL_INLINE void integer_dots(const uint8_t* block, const int8_t* q, int64_t k, const Staged (&staged)[T][kRun], int b,
                                __m256i (&dot)[R][T]) {
  using Block = PanelBlock<S>;
  const __m256i ones = _mm256_set1_epi16(1);
  constexpr int kParts = S::kSums == Sums::kSingle ? 1 : 2;
  constexpr int kPartQuads = kQuads / kParts;
  unroll<kParts>([&](auto part) KERNEL_LAMBDA {
    __m256i sum[R][T];
    unroll<kPartQuads>([&](auto j) KERNEL_LAMBDA {
      const int quad = part * kPartQuads + j;
      __m256i w[R];
      unroll<R>([&](auto r) KERNEL_LAMBDA { w[r] = load_256(block + Block::quad(quad, r)); });
      unroll<T>([&](auto t) KERNEL_LAMBDA {
        const __m256i a = broadcast_quad(q + t * k + quad * 4);
        unroll<R>([&](auto r) KERNEL_LAMBDA {
          const __m256i product = _mm256_maddubs_epi16(w[r], a);
          sum[r][t] = j == 0 ? product : _mm256_add_epi16(sum[r][t], product);
          keep(sum[r][t]);
        });
      });
    });
    unroll<T>([&](auto t) KERNEL_LAMBDA {
      unroll<R>([&](auto r) KERNEL_LAMBDA {
        __m256i value = sum[r][t], factor = ones;
        if constexpr (S::kSums == Sums::kHalves) {
          if (S::kOffset != 0) value = _mm256_add_epi16(value, _mm256_set1_epi32(staged[t][b].value[part]));
          factor = load_256(block + Block::sub_scale(part, r));
        }
        const __m256i wide = _mm256_madd_epi16(value, factor);
        dot[r][t] = part == 0 ? wide : _mm256_add_epi32(dot[r][t], wide);
      });
    });
  });
  if constexpr (S::kOffset != 0 && S::kSums != Sums::kHalves) {
    unroll<T>([&](auto t) KERNEL_LAMBDA {
      unroll<R>([&](auto r) KERNEL_LAMBDA { dot[r][t] = _mm256_add_epi32(dot[r][t], _mm256_set1_epi32(staged[t][b].value[0])); });
    });
  }
}

// int8 weights: vpmaddubsw would saturate on w + 128, so |w| meets a with w's sign. 128 * 127 * 2 fits int16.
template <int R, int T>
KERNEL_INLINE void signed_dots(const uint8_t* block, const int8_t* q, int64_t k, __m256i (&dot)[R][T]) {
  using Block = PanelBlock<ShapeSigned>;
  const __m256i ones = _mm256_set1_epi16(1);
  unroll<kQuads>([&](auto quad) KERNEL_LAMBDA {
    __m256i w[R], magnitude[R];
    unroll<R>([&](auto r) KERNEL_LAMBDA {
      w[r] = load_256(block + Block::quad(quad, r));
      magnitude[r] = _mm256_abs_epi8(w[r]);
    });
    unroll<T>([&](auto t) KERNEL_LAMBDA {
      const __m256i a = broadcast_quad(q + t * k + quad * 4);
      unroll<R>([&](auto r) KERNEL_LAMBDA {
        const __m256i pairs = _mm256_maddubs_epi16(magnitude[r], _mm256_sign_epi8(a, w[r]));
        const __m256i wide = _mm256_madd_epi16(pairs, ones);
        dot[r][t] = quad == 0 ? wide : _mm256_add_epi32(dot[r][t], wide);
        keep(dot[r][t]);
      });
    });
  });
}

// The float steps of one block.
template <class S, int R, int T>
KERNEL_INLINE void float_steps(const uint8_t* block, const Inputs& in, int64_t at, const __m256i (&dot)[R][T], float* acc) {
  using Block = PanelBlock<S>;
  unroll<T>([&](auto t) KERNEL_LAMBDA {
    const int64_t index = at + t * (in.k / kBlock);
    const __m256 scale = _mm256_set1_ps(in.scale[index]);
    unroll<R>([&](auto r) KERNEL_LAMBDA {
      float* out = acc + t * kPanelRows + r * kGroupRows;
      const __m256 factor = _mm256_mul_ps(load_floats(block + Block::scale(r)), scale);
      __m256 sum = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot[r][t]), factor, load_floats(out));
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

// T tokens over one run of blocks.
template <class S, int T>
__attribute__((noinline)) void tile(const PanelBlock<S>* blocks, const Inputs& inputs, int64_t begin, int count, int64_t token,
                                    float* acc) {
  constexpr int R = T >= 3 ? 2 : 4;
  const Inputs in = inputs;
  Staged staged[T][kRun];
  for (int t = 0; t < T; ++t) stage<S>(in, begin, count, token + t, staged[t]);
  for (int group = 0; group < kGroups; group += R) {
    const uint8_t* block = blocks->bytes + group * 32;
    const int8_t* q = in.q + token * in.k + begin * kBlock;
    for (int b = 0; b < count; ++b, block += sizeof(PanelBlock<S>), q += kBlock) {
      keep_memory();
      __m256i dot[R][T];
      if constexpr (S::kSums == Sums::kSigned) {
        signed_dots<R, T>(block, q, in.k, dot);
      } else {
        integer_dots<S, R, T>(block, q, in.k, staged, b, dot);
      }
      float_steps<S, R, T>(block, in, token * (in.k / kBlock) + begin + b, dot, acc + group * kGroupRows);
    }
  }
}

template <class S>
KERNEL_INLINE void multiply_panel(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens,
                                  float* acc) {
  const auto* blocks = static_cast<const PanelBlock<S>*>(panel);
  for (int64_t at = 0; at < count; at += kRun) {
    const int run = static_cast<int>(count - at < kRun ? count - at : kRun);
    for (int t = 0; t < tokens;) {
      float* out = acc + t * kPanelRows;
      const int left = tokens - t;
      if (left >= 4) {
        tile<S, 4>(blocks + at, in, begin + at, run, first + t, out), t += 4;
      } else if (left == 3) {
        tile<S, 3>(blocks + at, in, begin + at, run, first + t, out), t += 3;
      } else if (left == 2) {
        tile<S, 2>(blocks + at, in, begin + at, run, first + t, out), t += 2;
      } else {
        tile<S, 1>(blocks + at, in, begin + at, run, first + t, out), t += 1;
      }
    }
  }
}

}  // namespace

#define DEFINE_MULTIPLY(name, Shape)                                                                                      \
  void name(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens, float* acc) {       \
    multiply_panel<Shape>(panel, in, begin, count, first, tokens, acc);                                                   \
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

}  // namespace hearth::kernels::avx2
