// One token against rows as they lie in the file: eight rows are transposed in registers and multiplied at once.
//
// The same readers as conversion, without the panel between: each weight is loaded once and never stored.
#include "kernels/x86/linear.h"
#include "kernels/x86/read_avx2.h"

namespace hearth::kernels::avx2 {
namespace {

constexpr int kStagedBlocks = 512;  // 16384 columns at a time

// Multiplies what a reader hands over.
template <class S>
struct DotSink {
  // One block of the token each; advanced per unit.
  const int8_t* q;
  const float* scale;
  const float* scale_sum;
  const int32_t* half_sum;
  const Staged* staged;
  __m256 acc;
  __m256i narrow[8];  // kSingle: int16 sums
  __m256i dot[8];     // else: int32 sums

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

  __attribute__((always_inline)) void finish(int part, __m256 w_scale, __m256 minimum, __m256 second) {
    if constexpr (S::kSums == Sums::kSingle) dot[part] = _mm256_madd_epi16(narrow[part], _mm256_set1_epi16(1));
    if constexpr (S::kOffset != 0 && S::kSums != Sums::kHalves) {
      dot[part] = _mm256_add_epi32(dot[part], _mm256_set1_epi32(staged[part].value[0]));
    }
    const __m256 s = _mm256_set1_ps(scale[part]);
    acc = _mm256_fmadd_ps(_mm256_cvtepi32_ps(dot[part]), _mm256_mul_ps(w_scale, s), acc);
    if constexpr (S::kMinimums == 1) acc = _mm256_fmadd_ps(minimum, _mm256_set1_ps(scale_sum[part]), acc);
    if constexpr (S::kMinimums == 2) {
      const __m256 low = _mm256_mul_ps(s, _mm256_set1_ps(static_cast<float>(half_sum[2 * part])));
      const __m256 high = _mm256_mul_ps(s, _mm256_set1_ps(static_cast<float>(half_sum[2 * part + 1])));
      acc = _mm256_fmadd_ps(minimum, low, acc);
      acc = _mm256_fmadd_ps(second, high, acc);
    }
  }
};

template <class Reader>
KERNEL_INLINE void decode(const WeightRows& weights, const Inputs& in, int token, float* acc) {
  using S = typename Reader::S;
  const int64_t blocks = in.k / kBlock;
  for (int row = 0; row < kPanelRows; row += kGroupRows) store_floats(acc + row, _mm256_setzero_ps());
  Staged staged[kStagedBlocks];
  for (int64_t begin = 0; begin < blocks; begin += kStagedBlocks) {
    const int64_t count = blocks - begin < kStagedBlocks ? blocks - begin : kStagedBlocks;
    stage<S>(in, begin, count, token, staged);
    for (int group = 0; group * kGroupRows < weights.rows; ++group) {
      const RowPointers rows = group_rows(weights, group);
      __m256 sum = load_floats(acc + group * kGroupRows);
      for (int64_t b = 0; b < count; b += Reader::kParts) {
        const int64_t at = token * blocks + begin + b;
        DotSink<S> sink;
        sink.q = in.q + at * kBlock, sink.scale = in.scale + at, sink.scale_sum = in.scale_sum + at;
        sink.half_sum = in.half_sum + 2 * at, sink.staged = staged + b, sink.acc = sum;
        const int64_t offset = (begin + b) / Reader::kParts * Reader::kBytes;
        prefetch_rows<Reader::kBytes>(rows.row, weights.row_bytes, offset);
        Reader::read(rows.row, offset, sink);
        sum = sink.acc;
      }
      store_floats(acc + group * kGroupRows, sum);
    }
  }
}

}  // namespace

#define DEFINE_DECODE(name, Reader)                                                        \
  void name(const WeightRows& weights, const Inputs& in, int token, float* acc) {          \
    decode<Reader>(weights, in, token, acc);                                               \
  }
DEFINE_DECODE(decode_q4_0, ReadQ4_0)
DEFINE_DECODE(decode_q4_1, ReadQ4_1)
DEFINE_DECODE(decode_q5_0, ReadQ5_0)
DEFINE_DECODE(decode_q5_1, ReadQ5_1)
DEFINE_DECODE(decode_q8_0, ReadQ8_0)
DEFINE_DECODE(decode_iq4_nl, ReadIQ4_NL)
DEFINE_DECODE(decode_iq4_xs, ReadIQ4_XS)
DEFINE_DECODE(decode_q2_k, ReadQ2_K)
DEFINE_DECODE(decode_q3_k, ReadQ3_K)
DEFINE_DECODE(decode_q4_k, ReadQ4_K)
DEFINE_DECODE(decode_q5_k, ReadQ5_K)
DEFINE_DECODE(decode_q6_k, ReadQ6_K)
#undef DEFINE_DECODE

}  // namespace hearth::kernels::avx2
