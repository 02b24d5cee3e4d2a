// Q6_K: 256 values of 6 bits; 16 groups of 16, each with a signed scale of 8 bits. x = d*scale*(q - 32).
//
// Contract: see formats.h. Products are exact in float32 (11 + 7 + 5 bits).
// Not here: the search for good scales (fit.h).
#include "quant/fit.h"
#include "quant/formats.h"
#include "quant/rounding.h"
#include "quant/traits.h"

namespace hearth::quant {

void decode_q6_k(const void* blocks, int64_t values, float* out) {
  const BlockQ6_K* block = static_cast<const BlockQ6_K*>(blocks);
  for (int64_t base = 0; base < values; base += kSuperBlock, ++block, out += kSuperBlock) {
    const float d = half_to_float(block->d);
    for (int i = 0; i < kSuperBlock; ++i) {
      // 64 bytes of ql hold 128 values, 64 in each nibble; 32 bytes of qh hold the same 128, 32 in each pair of bits.
      const int low = block->ql[i / 128 * 64 + i % 64] >> (i % 128 / 64 * 4) & 15;
      const int high = block->qh[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
      const float step = d * static_cast<float>(block->scales[i / 16]);
      out[i] = step * static_cast<float>((low | high << 4) - 32);
    }
  }
}

void encode_q6_k(const float* values, int64_t count, void* blocks) {
  BlockQ6_K* block = static_cast<BlockQ6_K*>(blocks);
  for (int64_t base = 0; base < count; base += kSuperBlock, ++block, values += kSuperBlock) {
    float scale[16];
    for (int group = 0; group < 16; ++group) scale[group] = fit_symmetric(values + group * 16, 16, 32);
    *block = {};
    // The largest scale becomes -128, the end of the signed byte that reaches further.
    block->d = float_to_half(signed_maximum(scale, 16) / -128.0f);
    const float d = half_to_float(block->d);
    for (int group = 0; group < 16; ++group) {
      block->scales[group] = static_cast<int8_t>(round_clamped(scale[group] * safe_inverse(d), -128, 127));
    }
    for (int i = 0; i < kSuperBlock; ++i) {
      const float inverse = safe_inverse(d * static_cast<float>(block->scales[i / 16]));
      const int q = round_clamped(values[i] * inverse, -32, 31) + 32;
      block->ql[i / 128 * 64 + i % 64] |= static_cast<uint8_t>((q & 15) << (i % 128 / 64 * 4));
      block->qh[i / 128 * 32 + i % 32] |= static_cast<uint8_t>((q >> 4) << (i % 128 / 32 * 2));
    }
  }
}

}  // namespace hearth::quant
