// Q5_0: 32 values of 5 bits with one scale. x = d*(q - 16); the fifth bits lie together in qh.
//
// Contract: see formats.h. Products are exact in float32. The encoder maps the value of largest magnitude to -16.
// Not here: Q5_1, which adds a minimum.
#include "quant/formats.h"
#include "quant/rounding.h"
#include "quant/traits.h"

namespace hearth::quant {

void decode_q5_0(const void* blocks, int64_t values, float* out) {
  const BlockQ5_0* block = static_cast<const BlockQ5_0*>(blocks);
  for (int64_t base = 0; base < values; base += kSmallBlock, ++block, out += kSmallBlock) {
    const float d = half_to_float(block->d);
    for (int i = 0; i < kSmallBlock; ++i) {
      const int low = i < 16 ? block->qs[i] & 15 : block->qs[i - 16] >> 4;
      const int high = block->qh[i / 8] >> (i % 8) & 1;
      out[i] = d * static_cast<float>((low | high << 4) - 16);
    }
  }
}

void encode_q5_0(const float* values, int64_t count, void* blocks) {
  BlockQ5_0* block = static_cast<BlockQ5_0*>(blocks);
  for (int64_t base = 0; base < count; base += kSmallBlock, ++block, values += kSmallBlock) {
    const float d = signed_maximum(values, kSmallBlock) / -16.0f;
    const float inverse = safe_inverse(d);
    *block = {};
    block->d = float_to_half(d);
    for (int i = 0; i < kSmallBlock; ++i) {
      const int q = truncate_clamped(values[i] * inverse + 16.5f, 0, 31);
      block->qs[i % 16] |= static_cast<uint8_t>((q & 15) << (i < 16 ? 0 : 4));
      block->qh[i / 8] |= static_cast<uint8_t>((q >> 4) << (i % 8));
    }
  }
}

}  // namespace hearth::quant
