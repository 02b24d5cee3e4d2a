// F32, F16 and BF16 weights on AVX-512: the float32 panels of the AVX2 table, one fma per column.
//
// Twelve accumulators (32 rows x 6 tokens) stay in registers over a run of blocks.
#include "kernels/x86/linear.h"
#include "kernels/x86/panel_avx2.h"

namespace hearth::kernels::avx512 {
namespace {

using avx2::unroll;

constexpr int kMaxTokens = 6;

template <int T>
__attribute__((noinline)) void float_tile(const float* panel, const Inputs& in, int64_t begin, int64_t count, int64_t token,
                                          float* acc) {
  const float* x = in.x + token * in.k + begin * kBlock;
  const int64_t k = in.k;
  __m512 sum[T][2];
  unroll<T>([&](auto t) KERNEL_LAMBDA {
    unroll<2>([&](auto r) KERNEL_LAMBDA { sum[t][r] = _mm512_load_ps(acc + t * kPanelRows + r * 16); });
  });
  for (int64_t column = 0; column < count * kBlock; ++column, panel += kPanelRows) {
    const __m512 w0 = _mm512_load_ps(panel), w1 = _mm512_load_ps(panel + 16);
    unroll<T>([&](auto t) KERNEL_LAMBDA {
      const __m512 a = _mm512_set1_ps(x[t * k + column]);
      sum[t][0] = _mm512_fmadd_ps(a, w0, sum[t][0]);
      sum[t][1] = _mm512_fmadd_ps(a, w1, sum[t][1]);
    });
  }
  unroll<T>([&](auto t) KERNEL_LAMBDA {
    unroll<2>([&](auto r) KERNEL_LAMBDA { _mm512_store_ps(acc + t * kPanelRows + r * 16, sum[t][r]); });
  });
}

}  // namespace

void multiply_float(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens, float* acc) {
  constexpr int64_t kRun = 8;  // 32 KiB of panel
  for (int64_t at = 0; at < count; at += kRun) {
    const int64_t run = count - at < kRun ? count - at : kRun;
    const float* blocks = static_cast<const float*>(panel) + at * kBlock * kPanelRows;
    avx2::for_tiles<kMaxTokens>(tokens, [&](auto size, int t) KERNEL_LAMBDA {
      float_tile<size.kValue>(blocks, in, begin + at, run, first + t, acc + t * kPanelRows);
    });
  }
}

}  // namespace hearth::kernels::avx512
