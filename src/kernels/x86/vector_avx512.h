// Sixteen float32 lanes as one AVX-512 register: the vector type that the shared x86 algorithms are written in.
//
// Contract: each operation is lane-wise and bit-equal to the scalar code in ref/; fold_add is ref's fold of 16 lanes. Internal
// linkage throughout, so nothing compiled for AVX-512 can replace a function elsewhere. Needs AVX-512 F, BW, VL and DQ.
// Not here: algorithms (elementwise_body.h, attention_body.h).
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace hearth::kernels::avx512 {
namespace {

struct Vector {
  using Broadcast = __m512;
  __m512 value;

  // 16-lane columns of a tile of `rows` accumulator rows: at most 24 of the 32 registers.
  static constexpr int tile_columns(int) { return 4; }
  static constexpr bool holds_weights(int rows) { return rows == 1; }  // rather than columns
  static constexpr int kTileRows = 6;

  static Vector load(const float* p) { return {_mm512_loadu_ps(p)}; }
  static Vector load(const uint16_t* p) {
    return {_mm512_cvtph_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)))};
  }
  static Vector load(const int8_t* p) {
    return {_mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))))};
  }
  static __mmask16 first_lanes(int count) {
    return static_cast<__mmask16>(count <= 0 ? 0u : count >= 16 ? 0xffffu : (1u << count) - 1u);
  }
  // The first `count` lanes; the others are +0 and their memory is not touched.
  static Vector load_first(const float* p, int count) { return {_mm512_maskz_loadu_ps(first_lanes(count), p)}; }
  static Vector load_first(const uint16_t* p, int count) {
    return {_mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first_lanes(count), p))};
  }
  static Vector load_first(const int8_t* p, int count) {
    int8_t copy[16] = {};
    for (int i = 0; i < count; ++i) copy[i] = p[i];
    return load(copy);
  }
  void store(float* p) const { _mm512_storeu_ps(p, value); }
  void store_first(float* p, int count) const { _mm512_mask_storeu_ps(p, first_lanes(count), value); }
  // Rounded to nearest even.
  void store_half(uint16_t* p) const {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtps_ph(value, _MM_FROUND_TO_NEAREST_INT));
  }

  static Vector set(float x) { return {_mm512_set1_ps(x)}; }
  static Vector zero() { return {_mm512_setzero_ps()}; }
  static Broadcast broadcast(const float* p) { return _mm512_set1_ps(*p); }

  static Vector add(Vector a, Vector b) { return {_mm512_add_ps(a.value, b.value)}; }
  static Vector sub(Vector a, Vector b) { return {_mm512_sub_ps(a.value, b.value)}; }
  static Vector mul(Vector a, Vector b) { return {_mm512_mul_ps(a.value, b.value)}; }
  static Vector div(Vector a, Vector b) { return {_mm512_div_ps(a.value, b.value)}; }
  static Vector fma(Vector a, Vector b, Vector c) { return {_mm512_fmadd_ps(a.value, b.value, c.value)}; }
  static Vector fma(Broadcast a, Vector b, Vector c) { return {_mm512_fmadd_ps(a, b.value, c.value)}; }
  static Vector times(Broadcast a, Vector b) { return {_mm512_mul_ps(a, b.value)}; }
  // a*b - c, rounded once.
  static Vector fms(Vector a, Vector b, Vector c) { return {_mm512_fmsub_ps(a.value, b.value, c.value)}; }
  // limit < x ? limit : x and limit > x ? limit : x, so that NaN in x stays.
  static Vector at_most(Vector limit, Vector x) { return {_mm512_min_ps(limit.value, x.value)}; }
  static Vector at_least(Vector limit, Vector x) { return {_mm512_max_ps(limit.value, x.value)}; }
  static Vector negate(Vector a) { return {_mm512_xor_ps(a.value, _mm512_set1_ps(-0.0f))}; }
  static Vector magnitude(Vector a) { return {_mm512_andnot_ps(_mm512_set1_ps(-0.0f), a.value)}; }
  static Vector with_sign_of(Vector magnitude, Vector source) {
    return {_mm512_or_ps(magnitude.value, _mm512_and_ps(_mm512_set1_ps(-0.0f), source.value))};
  }
  // x < limit ? yes : no.
  static Vector where_less(Vector x, Vector limit, Vector yes, Vector no) {
    return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(x.value, limit.value, _CMP_LT_OQ), no.value, yes.value)};
  }
  // Lanes [begin, end) of yes, the others of no.
  static Vector where_lanes(int begin, int end, Vector yes, Vector no) {
    const __mmask16 mask = static_cast<__mmask16>(first_lanes(end) & ~first_lanes(begin));
    return {_mm512_mask_blend_ps(mask, no.value, yes.value)};
  }

  static Vector add_exponent(Vector p, Vector shifted) {
    const __m512i exponent = _mm512_slli_epi32(_mm512_castps_si512(shifted.value), 23);
    return {_mm512_castsi512_ps(_mm512_add_epi32(_mm512_castps_si512(p.value), exponent))};
  }
  // x < low ? 0 : x <= high ? value : +inf.
  static Vector exp_range(Vector x, float low, float high, Vector value) {
    const __mmask16 inside = _mm512_cmp_ps_mask(x.value, _mm512_set1_ps(high), _CMP_LE_OQ);
    const __mmask16 zero = _mm512_cmp_ps_mask(x.value, _mm512_set1_ps(low), _CMP_LT_OQ);
    const __m512 bounded = _mm512_mask_blend_ps(inside, _mm512_set1_ps(__builtin_inff()), value.value);
    return {_mm512_mask_blend_ps(zero, bounded, _mm512_setzero_ps())};
  }

  static __m256 upper_half(__m512 a) {
    return _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(a), 1));
  }
  static float fold_add(Vector a) {
    const __m256 by8 = _mm256_add_ps(_mm512_castps512_ps256(a.value), upper_half(a.value));
    const __m128 by4 = _mm_add_ps(_mm256_castps256_ps128(by8), _mm256_extractf128_ps(by8, 1));
    const __m128 by2 = _mm_add_ps(by4, _mm_movehl_ps(by4, by4));
    return _mm_cvtss_f32(_mm_add_ss(by2, _mm_movehdup_ps(by2)));
  }
  static float fold_max(Vector a) {
    const __m256 by8 = _mm256_max_ps(_mm512_castps512_ps256(a.value), upper_half(a.value));
    const __m128 by4 = _mm_max_ps(_mm256_castps256_ps128(by8), _mm256_extractf128_ps(by8, 1));
    const __m128 by2 = _mm_max_ps(by4, _mm_movehl_ps(by4, by4));
    return _mm_cvtss_f32(_mm_max_ss(by2, _mm_movehdup_ps(by2)));
  }
  // The largest bits & 0x7fffffff of both.
  static uint32_t max_magnitude(Vector a, Vector b) {
    const __m512i by16 = _mm512_max_epi32(_mm512_castps_si512(magnitude(a).value), _mm512_castps_si512(magnitude(b).value));
    const __m256i by8 = _mm256_max_epi32(_mm512_castsi512_si256(by16), _mm512_extracti64x4_epi64(by16, 1));
    __m128i by4 = _mm_max_epi32(_mm256_castsi256_si128(by8), _mm256_extracti128_si256(by8, 1));
    by4 = _mm_max_epi32(by4, _mm_shuffle_epi32(by4, 0x4e));
    by4 = _mm_max_epi32(by4, _mm_shuffle_epi32(by4, 0xb1));
    return static_cast<uint32_t>(_mm_cvtsi128_si32(by4));
  }
  // Stores the nearest integers (ties to even) of 16 values below 128 and returns their sum.
  static int32_t store_rounded(Vector x, int8_t* q) {
    const __m512i rounded = _mm512_cvtps_epi32(x.value);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q), _mm512_cvtepi32_epi8(rounded));
    const __m256i by8 = _mm256_add_epi32(_mm512_castsi512_si256(rounded), _mm512_extracti64x4_epi64(rounded, 1));
    __m128i by4 = _mm_add_epi32(_mm256_castsi256_si128(by8), _mm256_extracti128_si256(by8, 1));
    by4 = _mm_add_epi32(by4, _mm_shuffle_epi32(by4, 0x4e));
    by4 = _mm_add_epi32(by4, _mm_shuffle_epi32(by4, 0xb1));
    return _mm_cvtsi128_si32(by4);
  }

  // Integer dot products of int8 keys, 16 positions in lanes, four dimensions at a time. Keys become unsigned by flipping their
  // top bit, and a sum starts at -128 times the sum of its query's block.
  struct Integer {
    __m512i value;
  };
  struct KeyQuad {
    __m512i value;
  };
  struct QueryBlock {
    int32_t quads[8];
    int32_t start;
  };
  static constexpr int kInt8Rows = 6;

  static void prepare(const int8_t* q, QueryBlock* out) {
    __builtin_memcpy(out->quads, q, sizeof(out->quads));
    int32_t sum = 0;
    for (int i = 0; i < 32; ++i) sum += q[i];
    out->start = -128 * sum;
  }
  static Integer start(const QueryBlock& query) { return {_mm512_set1_epi32(query.start)}; }
  static KeyQuad load_keys(const int8_t* p) {
    return {_mm512_xor_si512(_mm512_loadu_si512(reinterpret_cast<const __m512i*>(p)), _mm512_set1_epi8(-128))};
  }
  static Integer dot(const KeyQuad& key, const QueryBlock& query, int quad, Integer sum) {
    return {_mm512_dpbusd_epi32(sum.value, key.value, _mm512_set1_epi32(query.quads[quad]))};
  }
  static Vector to_float(Integer a) { return {_mm512_cvtepi32_ps(a.value)}; }

  // Even and odd elements of the 32 floats a, b.
  static void deinterleave(Vector a, Vector b, Vector* even, Vector* odd) {
    const __m512i evens = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    const __m512i odds = _mm512_add_epi32(evens, _mm512_set1_epi32(1));
    const __m512 first = _mm512_permutex2var_ps(a.value, evens, b.value);
    const __m512 second = _mm512_permutex2var_ps(a.value, odds, b.value);
    *even = {first};
    *odd = {second};
  }
  // Rotates pairs (x0 x1) by pairs (c s): (fma(x0, c, -(x1*s)), fma(x0, s, x1*c)).
  static Vector rotate_pairs(Vector x, Vector cos_sin) {
    const __m512 swapped = _mm512_permute_ps(cos_sin.value, 0xb1);
    const __m512 x0 = _mm512_moveldup_ps(x.value);
    const __m512 product = _mm512_mul_ps(_mm512_movehdup_ps(x.value), swapped);
    return {_mm512_fmaddsub_ps(x0, cos_sin.value, product)};
  }
};

}  // namespace
}  // namespace hearth::kernels::avx512
