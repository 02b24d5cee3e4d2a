// Byte layout of the GGUF block formats: plain structs and constants, no functions.
//
// Contract: each struct is exactly one block as it lies in a file (little-endian, packed by construction); sizes are
// asserted. Kernel files include this header and nothing else of quant/. f16 fields are raw IEEE half bits.
// Source: the GGUF specification and ggml's public format descriptions; checked against the `gguf` Python package.
// Not here: decoding (quant/<format>.cpp), names and the table of formats (quant/traits.h).
#pragma once

#include <cstdint>

namespace hearth::quant {

// Values are the tensor type numbers of the GGUF file format.
enum class Format : uint32_t {
  kF32 = 0,
  kF16 = 1,
  kQ4_0 = 2,
  kQ4_1 = 3,
  kQ5_0 = 6,
  kQ5_1 = 7,
  kQ8_0 = 8,
  kQ2_K = 10,
  kQ3_K = 11,
  kQ4_K = 12,
  kQ5_K = 13,
  kQ6_K = 14,
  kIQ4_NL = 20,
  kIQ4_XS = 23,
  kBF16 = 30,
};
inline constexpr int kFormatLimit = 31;  // one past the largest Format value; tables are indexed by it

inline constexpr int kSmallBlock = 32;   // values per block of the legacy formats
inline constexpr int kSuperBlock = 256;  // values per block of the K and IQ4_XS formats

struct BlockQ4_0 { uint16_t d; uint8_t qs[16]; };                 // x = d*(q-8); low nibbles are values 0..15
struct BlockQ4_1 { uint16_t d, m; uint8_t qs[16]; };              // x = d*q + m
struct BlockQ5_0 { uint16_t d; uint8_t qh[4]; uint8_t qs[16]; };  // x = d*(q-16); bit i of qh is bit 4 of value i
struct BlockQ5_1 { uint16_t d, m; uint8_t qh[4]; uint8_t qs[16]; };  // x = d*q + m
struct BlockQ8_0 { uint16_t d; int8_t qs[32]; };                  // x = d*q
struct BlockIQ4_NL { uint16_t d; uint8_t qs[16]; };               // x = d*kIq4Values[q]
struct BlockQ2_K {
  uint8_t scales[16];  // per 16 values: low nibble scale, high nibble minimum
  uint8_t qs[64];      // 2 bits a value
  uint16_t d, dmin;    // x = d*scale*q - dmin*minimum
};
struct BlockQ3_K {
  uint8_t hmask[32];   // bit 2 of each value
  uint8_t qs[64];      // bits 0 and 1
  uint8_t scales[12];  // 16 scales of 6 bits
  uint16_t d;          // x = d*(scale-32)*(q-4)
};
struct BlockQ4_K {
  uint16_t d, dmin;
  uint8_t scales[12];  // 8 scales and 8 minimums of 6 bits
  uint8_t qs[128];     // 32 bytes hold 64 values: low nibbles are the first 32
};
struct BlockQ5_K {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t qh[32];      // bit j of byte i is bit 4 of value 32*j + i
  uint8_t qs[128];
};
struct BlockQ6_K {
  uint8_t ql[128];     // low 4 bits
  uint8_t qh[64];      // high 2 bits
  int8_t scales[16];   // per 16 values
  uint16_t d;          // x = d*scale*(q-32)
};
struct BlockIQ4_XS {
  uint16_t d;
  uint16_t scales_h;   // 2 high bits of 8 scales
  uint8_t scales_l[4]; // 4 low bits of 8 scales
  uint8_t qs[128];     // per 32 values 16 bytes: low nibbles are values 0..15; x = d*(scale-32)*kIq4Values[q]
};

static_assert(sizeof(BlockQ4_0) == 18 && sizeof(BlockQ4_1) == 20 && sizeof(BlockQ5_0) == 22);
static_assert(sizeof(BlockQ5_1) == 24 && sizeof(BlockQ8_0) == 34 && sizeof(BlockIQ4_NL) == 18);
static_assert(sizeof(BlockQ2_K) == 84 && sizeof(BlockQ3_K) == 110 && sizeof(BlockQ4_K) == 144);
static_assert(sizeof(BlockQ5_K) == 176 && sizeof(BlockQ6_K) == 210 && sizeof(BlockIQ4_XS) == 136);

// The 16 levels of IQ4_NL and IQ4_XS.
inline constexpr int8_t kIq4Values[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

}  // namespace hearth::quant
