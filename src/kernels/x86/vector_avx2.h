// Sixteen float32 lanes as two AVX2 registers: the vector type that the shared x86 algorithms are written in.
//
// Contract: each operation is lane-wise and bit-equal to the scalar code in ref/; fold_add is ref's fold of 16 lanes. Internal
// linkage throughout, so nothing compiled for AVX2 can replace a function elsewhere.
// Not here: algorithms (elementwise_body.h, attention_body.h).
#pragma once

#include <immintrin.h>

#include <cstdint>

namespace hearth::kernels::avx2 {
namespace {

struct Vector {
  using Broadcast = __m256;  // one value for all 16 lanes needs one register only
  __m256 low, high;

  // 16-lane columns of a tile of `rows` accumulator rows that fill the registers: 16 less those for operands.
  static constexpr int tile_columns(int rows) { return rows == 1 ? 4 : rows == 2 ? 2 : 1; }
  static constexpr bool holds_weights(int rows) { return rows == 1; }  // rather than columns
  static constexpr int kTileRows = 6;

  static Vector load(const float* p) { return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)}; }
  static Vector load(const uint16_t* p) {
    return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p))),
            _mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p + 8)))};
  }
  static Vector load(const int8_t* p) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
    return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)), _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_srli_si128(bytes, 8)))};
  }
  static __m256i first_lanes(int count) {
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
  }
  // The first `count` lanes; the others are +0 and their memory is not touched.
  static Vector load_first(const float* p, int count) {
    return {_mm256_maskload_ps(p, first_lanes(count)), _mm256_maskload_ps(p + 8, first_lanes(count - 8))};
  }
  static Vector load_first(const uint16_t* p, int count) {
    uint16_t copy[16] = {};
    for (int i = 0; i < count; ++i) copy[i] = p[i];
    return load(copy);
  }
  static Vector load_first(const int8_t* p, int count) {
    int8_t copy[16] = {};
    for (int i = 0; i < count; ++i) copy[i] = p[i];
    return load(copy);
  }
  void store(float* p) const {
    _mm256_storeu_ps(p, low);
    _mm256_storeu_ps(p + 8, high);
  }
  void store_first(float* p, int count) const {
    _mm256_maskstore_ps(p, first_lanes(count), low);
    _mm256_maskstore_ps(p + 8, first_lanes(count - 8), high);
  }
  // Rounded to nearest even.
  void store_half(uint16_t* p) const {
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(low, _MM_FROUND_TO_NEAREST_INT));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(p + 8), _mm256_cvtps_ph(high, _MM_FROUND_TO_NEAREST_INT));
  }

  static Vector set(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }
  static Vector zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }
  static Broadcast broadcast(const float* p) { return _mm256_broadcast_ss(p); }

  static Vector add(Vector a, Vector b) { return {_mm256_add_ps(a.low, b.low), _mm256_add_ps(a.high, b.high)}; }
  static Vector sub(Vector a, Vector b) { return {_mm256_sub_ps(a.low, b.low), _mm256_sub_ps(a.high, b.high)}; }
  static Vector mul(Vector a, Vector b) { return {_mm256_mul_ps(a.low, b.low), _mm256_mul_ps(a.high, b.high)}; }
  static Vector div(Vector a, Vector b) { return {_mm256_div_ps(a.low, b.low), _mm256_div_ps(a.high, b.high)}; }
  static Vector fma(Vector a, Vector b, Vector c) {
    return {_mm256_fmadd_ps(a.low, b.low, c.low), _mm256_fmadd_ps(a.high, b.high, c.high)};
  }
  static Vector fma(Broadcast a, Vector b, Vector c) {
    return {_mm256_fmadd_ps(a, b.low, c.low), _mm256_fmadd_ps(a, b.high, c.high)};
  }
  static Vector times(Broadcast a, Vector b) { return {_mm256_mul_ps(a, b.low), _mm256_mul_ps(a, b.high)}; }
  // a*b - c, rounded once.
  static Vector fms(Vector a, Vector b, Vector c) {
    return {_mm256_fmsub_ps(a.low, b.low, c.low), _mm256_fmsub_ps(a.high, b.high, c.high)};
  }
  // limit < x ? limit : x and limit > x ? limit : x, so that NaN in x stays.
  static Vector at_most(Vector limit, Vector x) { return {_mm256_min_ps(limit.low, x.low), _mm256_min_ps(limit.high, x.high)}; }
  static Vector at_least(Vector limit, Vector x) { return {_mm256_max_ps(limit.low, x.low), _mm256_max_ps(limit.high, x.high)}; }
  static Vector negate(Vector a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_xor_ps(a.low, sign), _mm256_xor_ps(a.high, sign)};
  }
  static Vector magnitude(Vector a) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_andnot_ps(sign, a.low), _mm256_andnot_ps(sign, a.high)};
  }
  static Vector with_sign_of(Vector magnitude, Vector source) {
    const __m256 sign = _mm256_set1_ps(-0.0f);
    return {_mm256_or_ps(magnitude.low, _mm256_and_ps(sign, source.low)),
            _mm256_or_ps(magnitude.high, _mm256_and_ps(sign, source.high))};
  }
  // x < limit ? yes : no.
  static Vector where_less(Vector x, Vector limit, Vector yes, Vector no) {
    return {_mm256_blendv_ps(no.low, yes.low, _mm256_cmp_ps(x.low, limit.low, _CMP_LT_OQ)),
            _mm256_blendv_ps(no.high, yes.high, _mm256_cmp_ps(x.high, limit.high, _CMP_LT_OQ))};
  }
  // Lanes [begin, end) of yes, the others of no.
  static Vector where_lanes(int begin, int end, Vector yes, Vector no) {
    const __m256i low_mask = _mm256_andnot_si256(first_lanes(begin), first_lanes(end));
    const __m256i high_mask = _mm256_andnot_si256(first_lanes(begin - 8), first_lanes(end - 8));
    return {_mm256_blendv_ps(no.low, yes.low, _mm256_castsi256_ps(low_mask)),
            _mm256_blendv_ps(no.high, yes.high, _mm256_castsi256_ps(high_mask))};
  }

  static __m256 add_exponent(__m256 p, __m256 shifted) {
    return _mm256_castsi256_ps(
        _mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_castps_si256(shifted), 23)));
  }
  static Vector add_exponent(Vector p, Vector shifted) {
    return {add_exponent(p.low, shifted.low), add_exponent(p.high, shifted.high)};
  }
  // x < low ? 0 : x <= high ? value : +inf.
  static __m256 exp_range(__m256 x, float low, float high, __m256 value) {
    const __m256 inside = _mm256_blendv_ps(_mm256_set1_ps(__builtin_inff()), value,
                                           _mm256_cmp_ps(x, _mm256_set1_ps(high), _CMP_LE_OQ));
    return _mm256_andnot_ps(_mm256_cmp_ps(x, _mm256_set1_ps(low), _CMP_LT_OQ), inside);
  }
  static Vector exp_range(Vector x, float low, float high, Vector value) {
    return {exp_range(x.low, low, high, value.low), exp_range(x.high, low, high, value.high)};
  }

  static float fold_add(Vector a) {
    const __m256 by8 = _mm256_add_ps(a.low, a.high);
    const __m128 by4 = _mm_add_ps(_mm256_castps256_ps128(by8), _mm256_extractf128_ps(by8, 1));
    const __m128 by2 = _mm_add_ps(by4, _mm_movehl_ps(by4, by4));
    return _mm_cvtss_f32(_mm_add_ss(by2, _mm_movehdup_ps(by2)));
  }
  static float fold_max(Vector a) {
    const __m256 by8 = _mm256_max_ps(a.low, a.high);
    const __m128 by4 = _mm_max_ps(_mm256_castps256_ps128(by8), _mm256_extractf128_ps(by8, 1));
    const __m128 by2 = _mm_max_ps(by4, _mm_movehl_ps(by4, by4));
    return _mm_cvtss_f32(_mm_max_ss(by2, _mm_movehdup_ps(by2)));
  }
  // The largest bits & 0x7fffffff of both.
  static uint32_t max_magnitude(Vector a, Vector b) {
    const Vector x = magnitude(a);
    const Vector y = magnitude(b);
    const __m256i by16 = _mm256_max_epi32(_mm256_castps_si256(x.low), _mm256_castps_si256(x.high));
    const __m256i rest = _mm256_max_epi32(_mm256_castps_si256(y.low), _mm256_castps_si256(y.high));
    const __m256i by8 = _mm256_max_epi32(by16, rest);
    __m128i by4 = _mm_max_epi32(_mm256_castsi256_si128(by8), _mm256_extracti128_si256(by8, 1));
    by4 = _mm_max_epi32(by4, _mm_shuffle_epi32(by4, 0x4e));
    by4 = _mm_max_epi32(by4, _mm_shuffle_epi32(by4, 0xb1));
    return static_cast<uint32_t>(_mm_cvtsi128_si32(by4));
  }
  // Stores the nearest integers (ties to even) of 16 values below 128 and returns their sum.
  static int32_t store_rounded(Vector x, int8_t* q) {
    const __m256i low = _mm256_cvtps_epi32(x.low);
    const __m256i high = _mm256_cvtps_epi32(x.high);
    const __m256i words = _mm256_permute4x64_epi64(_mm256_packs_epi32(low, high), 0xd8);
    const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(q), bytes);
    const __m256i by8 = _mm256_add_epi32(low, high);
    __m128i by4 = _mm_add_epi32(_mm256_castsi256_si128(by8), _mm256_extracti128_si256(by8, 1));
    by4 = _mm_add_epi32(by4, _mm_shuffle_epi32(by4, 0x4e));
    by4 = _mm_add_epi32(by4, _mm_shuffle_epi32(by4, 0xb1));
    return _mm_cvtsi128_si32(by4);
  }

  // Integer dot products of int8 keys, 16 positions in lanes, four dimensions at a time. Bytes are widened to pairs of int16,
  // even dimensions apart from odd ones: vpmaddubsw would saturate, and takes as many instructions.
  struct Integer {
    __m256i low, high;
  };
  struct KeyQuad {
    __m256i even_low, odd_low, even_high, odd_high;
  };
  struct QueryBlock {
    int32_t even[8], odd[8];  // pairs (0, 2) and (1, 3) of each four dimensions
  };
  static constexpr int kInt8Rows = 3;

  static void prepare(const int8_t* q, QueryBlock* out) {
    const __m256i bytes = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(q));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out->even), _mm256_srai_epi16(_mm256_slli_epi16(bytes, 8), 8));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out->odd), _mm256_srai_epi16(bytes, 8));
  }
  static Integer start(const QueryBlock&) { return {_mm256_setzero_si256(), _mm256_setzero_si256()}; }
  static KeyQuad load_keys(const int8_t* p) {
    const __m256i low = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
    const __m256i high = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p + 32));
    return {_mm256_srai_epi16(_mm256_slli_epi16(low, 8), 8), _mm256_srai_epi16(low, 8),
            _mm256_srai_epi16(_mm256_slli_epi16(high, 8), 8), _mm256_srai_epi16(high, 8)};
  }
  static Integer dot(const KeyQuad& key, const QueryBlock& query, int quad, Integer sum) {
    const __m256i even = _mm256_set1_epi32(query.even[quad]), odd = _mm256_set1_epi32(query.odd[quad]);
    sum.low = _mm256_add_epi32(sum.low, _mm256_madd_epi16(key.even_low, even));
    sum.high = _mm256_add_epi32(sum.high, _mm256_madd_epi16(key.even_high, even));
    sum.low = _mm256_add_epi32(sum.low, _mm256_madd_epi16(key.odd_low, odd));
    sum.high = _mm256_add_epi32(sum.high, _mm256_madd_epi16(key.odd_high, odd));
    return sum;
  }
  static Vector to_float(Integer a) { return {_mm256_cvtepi32_ps(a.low), _mm256_cvtepi32_ps(a.high)}; }

  // Even and odd elements of the 32 floats a, b.
  static void deinterleave(Vector a, Vector b, Vector* even, Vector* odd) {
    *even = {take(a, 0x88), take(b, 0x88)};
    *odd = {take(a, 0xdd), take(b, 0xdd)};
  }
  // Rotates pairs (x0 x1) by pairs (c s): (fma(x0, c, -(x1*s)), fma(x0, s, x1*c)).
  static Vector rotate_pairs(Vector x, Vector cos_sin) {
    return {rotate_pairs(x.low, cos_sin.low), rotate_pairs(x.high, cos_sin.high)};
  }

 private:
  template <int kSelect>
  static __m256 take_selected(Vector a) {
    const __m256 mixed = _mm256_shuffle_ps(a.low, a.high, kSelect);
    return _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(mixed), 0xd8));
  }
  static __m256 take(Vector a, int select) { return select == 0x88 ? take_selected<0x88>(a) : take_selected<0xdd>(a); }
  static __m256 rotate_pairs(__m256 x, __m256 cos_sin) {
    const __m256 swapped = _mm256_permute_ps(cos_sin, 0xb1);
    return _mm256_fmaddsub_ps(_mm256_moveldup_ps(x), cos_sin, _mm256_mul_ps(_mm256_movehdup_ps(x), swapped));
  }
};

}  // namespace
}  // namespace hearth::kernels::avx2
