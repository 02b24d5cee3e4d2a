// A few tokens against rows as they lie in the file, by vpmaddubsw and vpmaddwd.
#include "kernels/x86/decode_body.h"

namespace hearth::kernels::avx2 {
namespace {

template <class S>
struct Dots {
  using Staged = avx2::Staged;
  const int8_t* q;
  const Staged* staged;
  __m256i narrow[8];  // kSingle: int16 sums
  __m256i dot[8];     // else: int32 sums

  KERNEL_INLINE void stage(const Inputs& in, int64_t block, int64_t count, int64_t token, Staged* out) {
    avx2::stage<S>(in, block, count, token, out);
  }
  __attribute__((always_inline)) void begin(const int8_t* block, const Staged* block_staged) {
    q = block, staged = block_staged;
  }

  __attribute__((always_inline)) void half(int part, int h, const Quads& quads, __m256i sub) {
    const int8_t* a = q + part * kBlock + h * 16;
    const __m256i ones = _mm256_set1_epi16(1);
    if constexpr (S::kSums == Sums::kSigned) {
      unroll<4>([&](auto i) KERNEL_LAMBDA {
        const __m256i w = quads.v[i];
        const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(broadcast_quad(a + 4 * i), w));
        const __m256i wide = _mm256_madd_epi16(pairs, ones);
        dot[part] = h == 0 && i == 0 ? wide : _mm256_add_epi32(dot[part], wide);
      });
      return;
    }
    __m256i sum;
    unroll<4>([&](auto i) KERNEL_LAMBDA {
      const __m256i product = _mm256_maddubs_epi16(quads.v[i], broadcast_quad(a + 4 * i));
      sum = i == 0 ? product : _mm256_add_epi16(sum, product);
    });
    if constexpr (S::kSums == Sums::kSingle) {
      narrow[part] = h == 0 ? sum : _mm256_add_epi16(narrow[part], sum);
    } else {
      __m256i factor = ones;
      if constexpr (S::kSums == Sums::kHalves) {
        if (S::kOffset != 0) sum = _mm256_add_epi16(sum, _mm256_set1_epi32(staged[part].value[h]));
        factor = sub;
      }
      const __m256i wide = _mm256_madd_epi16(sum, factor);
      dot[part] = h == 0 ? wide : _mm256_add_epi32(dot[part], wide);
    }
  }

  __attribute__((always_inline)) __m256 value(int part) {
    if constexpr (S::kSums == Sums::kSingle) dot[part] = _mm256_madd_epi16(narrow[part], _mm256_set1_epi16(1));
    if constexpr (S::kOffset != 0 && S::kSums != Sums::kHalves) {
      dot[part] = _mm256_add_epi32(dot[part], _mm256_set1_epi32(staged[part].value[0]));
    }
    return _mm256_cvtepi32_ps(dot[part]);
  }
};

}  // namespace

DEFINE_ALL_DECODES(Dots)

}  // namespace hearth::kernels::avx2
