// Multiplies AVX2 panels of quantised weights with quantised activations by vpmaddubsw and vpmaddwd.
#include "kernels/x86/multiply_body.h"

namespace hearth::kernels::avx2 {
namespace {

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

template <class S>
struct Dots {
  using Staged = avx2::Staged;
  static constexpr int kMaxTokens = 4;
  static constexpr int groups(int tokens) { return tokens >= 3 ? 2 : 4; }

  KERNEL_INLINE void stage(const Inputs& in, int64_t block, int64_t count, int64_t token, Staged* out) {
    avx2::stage<S>(in, block, count, token, out);
  }

  template <int R, int T>
  KERNEL_INLINE void dots(const uint8_t* block, const int8_t* q, int64_t k, const Staged (&staged)[T][kRun], int b,
                          __m256 (&dot)[R][T]) {
    __m256i integers[R][T];
    if constexpr (S::kSums == Sums::kSigned) {
      signed_dots<R, T>(block, q, k, integers);
    } else {
      integer_dots<S, R, T>(block, q, k, staged, b, integers);
    }
    unroll<T>([&](auto t) KERNEL_LAMBDA {
      unroll<R>([&](auto r) KERNEL_LAMBDA { dot[r][t] = _mm256_cvtepi32_ps(integers[r][t]); });
    });
  }
};

}  // namespace

DEFINE_ALL_MULTIPLIES(Dots)

}  // namespace hearth::kernels::avx2
