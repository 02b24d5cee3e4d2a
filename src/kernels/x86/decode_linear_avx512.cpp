// One token against rows as they lie in the file, by 256-bit VNNI: eight rows are transposed in registers and multiplied.
//
// The readers are those of the AVX2 table; vpdpbusd replaces its multiply, add and widen.
#include "kernels/x86/linear.h"
#include "kernels/x86/read_avx2.h"
#include "kernels/x86/vnni_avx512.h"

namespace hearth::kernels::avx512 {
namespace {

using avx2::group_rows;
using avx2::kGroupRows;
using avx2::load_floats;
using avx2::prefetch_rows;
using avx2::Quads;
using avx2::RowPointers;
using avx2::store_floats;

constexpr int kStagedBlocks = 512;  // 16384 columns at a time

// Multiplies what a reader hands over.
template <class S>
struct DotSink {
  // One block of the token each; advanced per unit.
  const int8_t* q;
  const float* scale;
  const float* scale_sum;
  const int32_t* half_sum;
  const Starts* starts;
  __m256 acc;
  __m256i dot[8];   // integer sums by part
  __m256 scaled[8];  // kHalves: sub-scale times half sum, exact

  __attribute__((always_inline)) void half(int part, int h, const Quads& quads, __m256i sub) {
    const int8_t* a = q + part * kBlock + h * 16;
    __m256i sum = dot[part];
    if (h == 0 || S::kSums == Sums::kHalves) sum = _mm256_set1_epi32(has_offset<S> ? starts[part].value[h] : 0);
    unroll<4>([&](auto i) KERNEL_LAMBDA {
      __m256i w = quads.v[i];
      if (S::kSums == Sums::kSigned) w = _mm256_xor_si256(w, _mm256_set1_epi32(static_cast<int>(0x80808080u)));
      sum = _mm256_dpbusd_epi32(sum, w, avx2::broadcast_quad(a + 4 * i));
    });
    dot[part] = sum;
    if constexpr (S::kSums == Sums::kHalves) {
      const __m256 factor = _mm256_cvtepi32_ps(_mm256_srai_epi32(sub, 16)), value = _mm256_cvtepi32_ps(sum);
      scaled[part] = h == 0 ? _mm256_mul_ps(value, factor) : _mm256_fmadd_ps(value, factor, scaled[part]);
    }
  }

  __attribute__((always_inline)) void finish(int part, __m256 w_scale, __m256 minimum, __m256 second) {
    const __m256 value = S::kSums == Sums::kHalves ? scaled[part] : _mm256_cvtepi32_ps(dot[part]);
    const __m256 s = _mm256_set1_ps(scale[part]);
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

template <class Reader>
KERNEL_INLINE void decode(const WeightRows& weights, const Inputs& in, int token, float* acc) {
  using S = typename Reader::S;
  const int64_t blocks = in.k / kBlock;
  for (int row = 0; row < kPanelRows; row += kGroupRows) store_floats(acc + row, _mm256_setzero_ps());
  Starts starts[kStagedBlocks];
  for (int64_t begin = 0; begin < blocks; begin += kStagedBlocks) {
    const int64_t count = blocks - begin < kStagedBlocks ? blocks - begin : kStagedBlocks;
    stage_starts<S>(in, begin, count, token, starts);
    for (int group = 0; group * kGroupRows < weights.rows; ++group) {
      const RowPointers rows = group_rows(weights, group);
      __m256 sum = load_floats(acc + group * kGroupRows);
      for (int64_t b = 0; b < count; b += Reader::kParts) {
        const int64_t at = token * blocks + begin + b;
        DotSink<S> sink;
        sink.q = in.q + at * kBlock, sink.scale = in.scale + at, sink.scale_sum = in.scale_sum + at;
        sink.half_sum = in.half_sum + 2 * at, sink.starts = starts + b, sink.acc = sum;
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
    decode<avx2::Reader>(weights, in, token, acc);                                         \
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

}  // namespace hearth::kernels::avx512
