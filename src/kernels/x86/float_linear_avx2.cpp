// F32, F16 and BF16 weights on AVX2: panels of float32 in column order, one fma per column.
//
// A panel block is [32 columns][32 rows]. Twelve accumulators (32 rows x 3 tokens) stay in registers over all blocks.
#include "kernels/x86/linear.h"
#include "kernels/x86/read_avx2.h"

namespace hearth::kernels::avx2 {
namespace {

constexpr int64_t kBlockFloats = int64_t{kBlock} * kPanelRows;

template <int T>
__attribute__((noinline)) void float_tile(const float* panel, const Inputs& in, int64_t begin, int64_t count, int64_t token,
                                          float* acc) {
  const float* x = in.x + token * in.k + begin * kBlock;
  __m256 sum[kGroups][T];
  unroll<T>([&](auto t) KERNEL_LAMBDA {
    unroll<kGroups>([&](auto g) KERNEL_LAMBDA { sum[g][t] = load_floats(acc + t * kPanelRows + g * kGroupRows); });
  });
  for (int64_t column = 0; column < count * kBlock; ++column) {
    const float* w = panel + column * kPanelRows;
    __m256 a[T];
    unroll<T>([&](auto t) KERNEL_LAMBDA { a[t] = _mm256_set1_ps(x[t * in.k + column]); });
    unroll<kGroups>([&](auto g) KERNEL_LAMBDA {
      const __m256 rows = load_floats(w + g * kGroupRows);
      unroll<T>([&](auto t) KERNEL_LAMBDA { sum[g][t] = _mm256_fmadd_ps(a[t], rows, sum[g][t]); });
    });
  }
  unroll<T>([&](auto t) KERNEL_LAMBDA {
    unroll<kGroups>([&](auto g) KERNEL_LAMBDA { store_floats(acc + t * kPanelRows + g * kGroupRows, sum[g][t]); });
  });
}

struct FromF32 {
  static constexpr int kBytes = 4;
};
struct FromF16 {
  static constexpr int kBytes = 2;
  KERNEL_INLINE __m256 load(const uint8_t* p) {
    return _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  }
};
struct FromBF16 {
  static constexpr int kBytes = 2;
  KERNEL_INLINE __m256 load(const uint8_t* p) {
    const __m256i words = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
    return _mm256_castsi256_ps(_mm256_slli_epi32(words, 16));
  }
};

KERNEL_INLINE __m256 load_halves(const uint8_t* low, const uint8_t* high) {
  return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(reinterpret_cast<const float*>(low))),
                              _mm_loadu_ps(reinterpret_cast<const float*>(high)), 1);
}

struct Columns {
  __m256 v[8];
};

// Eight columns of eight rows, transposed: lanes are rows.
template <class From>
KERNEL_INLINE Columns load_columns(const RowPointers& rows, int64_t at) {
  __m256 b[8];  // columns 0-3 of rows i and i + 4, then columns 4-7
  if constexpr (From::kBytes == 4) {  // halves straight from memory: eight whole rows and two sums do not fit the registers
    unroll<4>([&](auto i) KERNEL_LAMBDA {
      b[i] = load_halves(rows.row[i] + at, rows.row[i + 4] + at);
      b[i + 4] = load_halves(rows.row[i] + at + 16, rows.row[i + 4] + at + 16);
    });
  } else {
    __m256 a[8];
    unroll<8>([&](auto i) KERNEL_LAMBDA { a[i] = From::load(rows.row[i] + at); });
    unroll<4>([&](auto i) KERNEL_LAMBDA {
      b[i] = _mm256_permute2f128_ps(a[i], a[i + 4], 0x20);
      b[i + 4] = _mm256_permute2f128_ps(a[i], a[i + 4], 0x31);
    });
  }
  Columns out;
  unroll<2>([&](auto side) KERNEL_LAMBDA {
    const __m256* v = b + side * 4;
    const __m256d c0 = _mm256_castps_pd(_mm256_unpacklo_ps(v[0], v[1])), c1 = _mm256_castps_pd(_mm256_unpackhi_ps(v[0], v[1]));
    const __m256d c2 = _mm256_castps_pd(_mm256_unpacklo_ps(v[2], v[3])), c3 = _mm256_castps_pd(_mm256_unpackhi_ps(v[2], v[3]));
    out.v[side * 4] = _mm256_castpd_ps(_mm256_unpacklo_pd(c0, c2));
    out.v[side * 4 + 1] = _mm256_castpd_ps(_mm256_unpackhi_pd(c0, c2));
    out.v[side * 4 + 2] = _mm256_castpd_ps(_mm256_unpacklo_pd(c1, c3));
    out.v[side * 4 + 3] = _mm256_castpd_ps(_mm256_unpackhi_pd(c1, c3));
  });
  return out;
}

template <class From>
KERNEL_INLINE void convert_float(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  for (int group = 0; group < kGroups; ++group) {
    const RowPointers rows = group_rows(weights, group);
    float* out = static_cast<float*>(panel) + group * kGroupRows;
    for (int64_t column = 0; column < count * kBlock; column += 8) {
      const Columns columns = load_columns<From>(rows, (begin * kBlock + column) * From::kBytes);
      unroll<8>([&](auto i) KERNEL_LAMBDA { store_floats(out + (column + i) * kPanelRows, columns.v[i]); });
    }
  }
}

// One token, two groups of rows at a time: the additions of one wait for each other while the other's go on. The second group
// lags a cache line behind, since rows of a power of two bytes all want the same set of the first-level cache. What comes next
// in memory is fetched as one stream (decode_body.h).
template <class From>
KERNEL_INLINE void decode_float(const WeightRows& weights, const Inputs& in, int token, float* acc) {
  constexpr int64_t kStep = 8, kLag = 64 / From::kBytes;
  const float* x = in.x + token * in.k;
  for (int group = 0; group * kGroupRows < weights.rows; group += 2) {
    const RowPointers rows[2] = {group_rows(weights, group), group_rows(weights, group + 1)};
    __m256 sums[2] = {_mm256_setzero_ps(), _mm256_setzero_ps()};
    const auto step = [&](auto g, int64_t column) KERNEL_LAMBDA {
      const Columns columns = load_columns<From>(rows[g], column * From::kBytes);
      unroll<8>([&](auto i) KERNEL_LAMBDA { sums[g] = _mm256_fmadd_ps(_mm256_set1_ps(x[column + i]), columns.v[i], sums[g]); });
    };
    const char* next = reinterpret_cast<const char*>(rows[0].row[0]) + 2 * kGroupRows * weights.row_bytes;
    const char* ahead = next;
    for (int64_t column = 0; column < in.k + kLag; column += kStep) {
      ahead += 2 * kGroupRows * kStep * From::kBytes;
      for (; next < ahead; next += 64) _mm_prefetch(next, _MM_HINT_T1);
      unroll<2>([&](auto g) KERNEL_LAMBDA {
        const int64_t at = column - g * kLag;
        if (at >= 0 && at < in.k) step(g, at);
      });
    }
    unroll<2>([&](auto g) KERNEL_LAMBDA { store_floats(acc + (group + g) * kGroupRows, sums[g]); });
  }
}

}  // namespace

void convert_f32(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_float<FromF32>(weights, begin, count, panel);
}
void convert_f16(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_float<FromF16>(weights, begin, count, panel);
}
void convert_bf16(const WeightRows& weights, int64_t begin, int64_t count, void* panel) {
  convert_float<FromBF16>(weights, begin, count, panel);
}

void decode_f32(const WeightRows& weights, const Inputs& in, int first, int tokens, float* acc) {
  for (int t = 0; t < tokens; ++t) decode_float<FromF32>(weights, in, first + t, acc + t * kPanelRows);
}
void decode_f16(const WeightRows& weights, const Inputs& in, int first, int tokens, float* acc) {
  for (int t = 0; t < tokens; ++t) decode_float<FromF16>(weights, in, first + t, acc + t * kPanelRows);
}
void decode_bf16(const WeightRows& weights, const Inputs& in, int first, int tokens, float* acc) {
  for (int t = 0; t < tokens; ++t) decode_float<FromBF16>(weights, in, first + t, acc + t * kPanelRows);
}

void multiply_float(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens, float* acc) {
  constexpr int64_t kRun = 4;  // 16 KiB of panel
  for (int64_t at = 0; at < count; at += kRun) {
    const int64_t run = count - at < kRun ? count - at : kRun;
    const float* blocks = static_cast<const float*>(panel) + at * kBlockFloats;
    for_tiles<3>(tokens, [&](auto size, int t) KERNEL_LAMBDA {
      float_tile<size.kValue>(blocks, in, begin + at, run, first + t, acc + t * kPanelRows);
    });
  }
}

}  // namespace hearth::kernels::avx2
