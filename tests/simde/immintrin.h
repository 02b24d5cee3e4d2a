// Stands in for <immintrin.h> in kernels_simde_test: AVX-512 and AVX-VNNI intrinsics become portable ones, so those kernel
// files run, bit for bit, on any CPU with AVX2 and FMA.
//
// Contract: the intrinsics that Debian 12's SIMDe (0.7.4) lacks are written out here, lane by lane, from Intel's definition.
// Not here: speed. Never on the include path of the program itself.
#pragma once

#include_next <immintrin.h>

#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>

namespace hearth_simde {

// Lanes of a vector as an array, and back.
template <class Lane, int kCount, class Vector>
struct Lanes {
  static_assert(sizeof(Vector) == sizeof(Lane) * kCount);
  Lane lane[kCount];
  explicit Lanes(const Vector& vector) { __builtin_memcpy(lane, &vector, sizeof(lane)); }
  Lanes() : lane{} {}
  operator Vector() const {
    Vector vector;
    __builtin_memcpy(&vector, lane, sizeof(lane));
    return vector;
  }
};
using F32 = Lanes<float, 16, simde__m512>;
using I32 = Lanes<int32_t, 16, simde__m512i>;
using U16x16 = Lanes<uint16_t, 16, __m256i>;

inline simde__m512 maskz_loadu_ps(uint16_t mask, const void* memory) {
  F32 result;
  for (int i = 0; i < 16; ++i) {
    if ((mask >> i) & 1) __builtin_memcpy(&result.lane[i], static_cast<const float*>(memory) + i, sizeof(float));
  }
  return result;
}

inline void mask_storeu_ps(void* memory, uint16_t mask, simde__m512 value) {
  const F32 lanes(value);
  for (int i = 0; i < 16; ++i) {
    if ((mask >> i) & 1) __builtin_memcpy(static_cast<float*>(memory) + i, &lanes.lane[i], sizeof(float));
  }
}

inline __m256i maskz_loadu_epi16(uint16_t mask, const void* memory) {
  U16x16 result;
  for (int i = 0; i < 16; ++i) {
    if ((mask >> i) & 1) __builtin_memcpy(&result.lane[i], static_cast<const uint16_t*>(memory) + i, sizeof(uint16_t));
  }
  return result;
}

inline simde__m512 cvtph_ps(__m256i halves) {
  F32 result;
  const __m256 low = _mm256_cvtph_ps(_mm256_castsi256_si128(halves));
  const __m256 high = _mm256_cvtph_ps(_mm256_extracti128_si256(halves, 1));
  __builtin_memcpy(result.lane, &low, sizeof(low));
  __builtin_memcpy(result.lane + 8, &high, sizeof(high));
  return result;
}

inline __m256i cvtps_ph_nearest(simde__m512 value) {
  const F32 lanes(value);
  const __m128i low = _mm256_cvtps_ph(_mm256_loadu_ps(lanes.lane), _MM_FROUND_TO_NEAREST_INT);
  const __m128i high = _mm256_cvtps_ph(_mm256_loadu_ps(lanes.lane + 8), _MM_FROUND_TO_NEAREST_INT);
  return _mm256_set_m128i(high, low);
}

inline simde__m512i cvtps_epi32(simde__m512 value) {
  const F32 lanes(value);
  I32 result;
  for (int i = 0; i < 16; ++i) result.lane[i] = _mm_cvtss_si32(_mm_set_ss(lanes.lane[i]));
  return result;
}

inline __m128i cvtepi32_epi8(simde__m512i value) {
  const I32 lanes(value);
  alignas(16) int8_t bytes[16];
  for (int i = 0; i < 16; ++i) bytes[i] = static_cast<int8_t>(lanes.lane[i]);
  return _mm_load_si128(reinterpret_cast<const __m128i*>(bytes));
}

inline simde__m512i cvtepi8_epi32(__m128i bytes) {
  alignas(16) int8_t values[16];
  _mm_store_si128(reinterpret_cast<__m128i*>(values), bytes);
  I32 result;
  for (int i = 0; i < 16; ++i) result.lane[i] = values[i];
  return result;
}

// Lane i of the result is lane source(i) of the value.
template <class Source>
inline simde__m512 shuffled(simde__m512 value, Source source) {
  const F32 lanes(value);
  F32 result;
  for (int i = 0; i < 16; ++i) result.lane[i] = lanes.lane[source(i)];
  return result;
}

inline simde__m512 moveldup_ps(simde__m512 value) { return shuffled(value, [](int i) { return i & ~1; }); }
inline simde__m512 movehdup_ps(simde__m512 value) { return shuffled(value, [](int i) { return i | 1; }); }
inline simde__m512 permute_ps(simde__m512 value, int select) {
  return shuffled(value, [select](int i) { return (i & ~3) + ((select >> (2 * (i & 3))) & 3); });
}

inline simde__m512 fmaddsub_ps(simde__m512 a, simde__m512 b, simde__m512 c) {
  const F32 x(a), y(b), z(c);
  F32 result;
  for (int i = 0; i < 16; ++i) result.lane[i] = __builtin_fmaf(x.lane[i], y.lane[i], (i & 1) != 0 ? z.lane[i] : -z.lane[i]);
  return result;
}

__attribute__((noinline)) inline simde__m512 cvtepi32_ps(simde__m512i value) {
  const I32 lanes(value);
  F32 result;
  for (int i = 0; i < 16; ++i) result.lane[i] = static_cast<float>(lanes.lane[i]);
  return result;
}

__attribute__((noinline)) inline simde__m512i srai_epi32(simde__m512i value, int count) {
  I32 lanes(value);
  for (int32_t& lane : lanes.lane) lane >>= count;
  return lanes;
}

// sum + four products of unsigned and signed bytes per lane, without saturation. Kept out of line, as are the others that
// unrolled tiles call hundreds of times: inlined, they take minutes to compile.
template <class Words, class Bytes, class SignedBytes, class Vector>
__attribute__((noinline)) Vector dot_bytes(Vector sum, Vector unsigned_bytes, Vector signed_bytes) {
  Words result(sum);
  const Bytes u(unsigned_bytes);
  const SignedBytes s(signed_bytes);
  for (size_t i = 0; i < sizeof(u.lane); ++i) result.lane[i / 4] += int32_t{u.lane[i]} * s.lane[i];
  return result;
}
inline simde__m512i dpbusd(simde__m512i sum, simde__m512i u, simde__m512i s) {
  return dot_bytes<I32, Lanes<uint8_t, 64, simde__m512i>, Lanes<int8_t, 64, simde__m512i>>(sum, u, s);
}
inline __m256i dpbusd(__m256i sum, __m256i u, __m256i s) {
  return dot_bytes<Lanes<int32_t, 8, __m256i>, Lanes<uint8_t, 32, __m256i>, Lanes<int8_t, 32, __m256i>>(sum, u, s);
}

}  // namespace hearth_simde

#define _mm512_maskz_loadu_ps(mask, memory) hearth_simde::maskz_loadu_ps(mask, memory)
#define _mm512_mask_storeu_ps(memory, mask, value) hearth_simde::mask_storeu_ps(memory, mask, value)
#define _mm256_maskz_loadu_epi16(mask, memory) hearth_simde::maskz_loadu_epi16(mask, memory)
#define _mm512_cvtph_ps(halves) hearth_simde::cvtph_ps(halves)
#define _mm512_cvtps_ph(value, rounding) hearth_simde::cvtps_ph_nearest(value)
#define _mm512_cvtps_epi32(value) hearth_simde::cvtps_epi32(value)
#define _mm512_cvtepi32_epi8(value) hearth_simde::cvtepi32_epi8(value)
#define _mm512_cvtepi8_epi32(bytes) hearth_simde::cvtepi8_epi32(bytes)
#define _mm512_moveldup_ps(value) hearth_simde::moveldup_ps(value)
#define _mm512_movehdup_ps(value) hearth_simde::movehdup_ps(value)
#define _mm512_permute_ps(value, select) hearth_simde::permute_ps(value, select)
#define _mm512_fmaddsub_ps(a, b, c) hearth_simde::fmaddsub_ps(a, b, c)
#undef _mm512_dpbusd_epi32
#undef _mm256_dpbusd_epi32
#define _mm512_dpbusd_epi32(sum, u, s) hearth_simde::dpbusd(sum, u, s)
#define _mm256_dpbusd_epi32(sum, u, s) hearth_simde::dpbusd(sum, u, s)
#define _mm256_dpbusd_avx_epi32(sum, u, s) hearth_simde::dpbusd(sum, u, s)
#define _mm512_cvtepi32_ps(value) hearth_simde::cvtepi32_ps(value)
#define _mm512_srai_epi32(value, count) hearth_simde::srai_epi32(value, count)
