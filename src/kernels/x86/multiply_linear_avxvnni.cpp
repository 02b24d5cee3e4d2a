// Multiplies AVX2 panels of quantised weights with quantised activations by the 256-bit vpdpbusd of AVX-VNNI.
#include "kernels/x86/multiply_body.h"
#include "kernels/x86/vnni.h"

namespace hearth::kernels::avxvnni {
namespace {

using avx2::kRun;
using avx2::Sums;
using avx2::unroll;

template <class S>
struct Dots {
  using Staged = vnni::Starts;
  static constexpr bool kHalves = S::kSums == Sums::kHalves;
  // Sixteen registers: integer sums, for halves the floats of the first half beside them, weights, one activation.
  static constexpr int kMaxTokens = kHalves ? 3 : 6;
  static constexpr int groups(int tokens) { return tokens >= (kHalves ? 2 : 3) ? 2 : 4; }

  KERNEL_INLINE void stage(const Inputs& in, int64_t block, int64_t count, int64_t token, Staged* out) {
    vnni::stage_starts<S>(in, block, count, token, out);
  }

  template <int R, int T>
  KERNEL_INLINE void dots(const uint8_t* block, const int8_t* q, int64_t k, const Staged (&starts)[T][kRun], int b,
                          __m256 (&dot)[R][T]) {
    using Block = avx2::PanelBlock<S>;
    constexpr int kParts = kHalves ? 2 : 1;
    constexpr int kPartQuads = avx2::kQuads / kParts;
    unroll<kParts>([&](auto part) KERNEL_LAMBDA {
      __m256i sum[R][T];
      unroll<T>([&](auto t) KERNEL_LAMBDA {
        const __m256i start = _mm256_set1_epi32(vnni::has_offset<S> ? starts[t][b].value[part] : 0);
        unroll<R>([&](auto r) KERNEL_LAMBDA { sum[r][t] = start; });
      });
      unroll<kPartQuads>([&](auto j) KERNEL_LAMBDA {
        const int quad = part * kPartQuads + j;
        __m256i w[R];
        unroll<R>([&](auto r) KERNEL_LAMBDA { w[r] = vnni::unsigned_weights<S>(avx2::load_256(block + Block::quad(quad, r))); });
        unroll<T>([&](auto t) KERNEL_LAMBDA {
          const __m256i a = avx2::broadcast_quad(q + t * k + quad * 4);
          unroll<R>([&](auto r) KERNEL_LAMBDA { sum[r][t] = _mm256_dpbusd_avx_epi32(sum[r][t], w[r], a); });
        });
      });
      unroll<R>([&](auto r) KERNEL_LAMBDA {
        __m256 sub = _mm256_setzero_ps();
        if constexpr (kHalves) {
          sub = _mm256_cvtepi32_ps(_mm256_srai_epi32(avx2::load_256(block + Block::sub_scale(part, r)), 16));
        }
        unroll<T>([&](auto t) KERNEL_LAMBDA {
          const __m256 value = _mm256_cvtepi32_ps(sum[r][t]);
          if constexpr (!kHalves) {
            dot[r][t] = value;
          } else {
            dot[r][t] = part == 0 ? _mm256_mul_ps(value, sub) : _mm256_fmadd_ps(value, sub, dot[r][t]);
          }
        });
      });
    });
  }
};

}  // namespace

DEFINE_ALL_MULTIPLIES(Dots)

}  // namespace hearth::kernels::avxvnni
