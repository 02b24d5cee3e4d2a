// Q4_0: 32 values of 4 bits with one scale. x = d*(q - 8).
//
// Contract: see formats.h. Products are exact in float32. The encoder maps the value of largest magnitude to -8.
// Not here: Q4_1, which adds a minimum.
#include "quant/formats.h"
#include "quant/rounding.h"
#include "quant/traits.h"

namespace hearth::quant {

void decode_q4_0(const void* blocks, int64_t values, float* out) {
  const BlockQ4_0* block = static_cast<const BlockQ4_0*>(blocks);
  for (int64_t base = 0; base < values; base += kSmallBlock, ++block, out += kSmallBlock) {
    const float d = half_to_float(block->d);
    for (int i = 0; i < 16; ++i) {
      out[i] = d * static_cast<float>((block->qs[i] & 15) - 8);
      out[i + 16] = d * static_cast<float>((block->qs[i] >> 4) - 8);
    }
  }
}

void encode_q4_0(const float* values, int64_t count, void* blocks) {
  BlockQ4_0* block = static_cast<BlockQ4_0*>(blocks);
  for (int64_t base = 0; base < count; base += kSmallBlock, ++block, values += kSmallBlock) {
    const float d = signed_maximum(values, kSmallBlock) / -8.0f;
    const float inverse = safe_inverse(d);
    block->d = float_to_half(d);
    for (int i = 0; i < 16; ++i) {
      const int low = truncate_clamped(values[i] * inverse + 8.5f, 0, 15);
      const int high = truncate_clamped(values[i + 16] * inverse + 8.5f, 0, 15);
      block->qs[i] = static_cast<uint8_t>(low | high << 4);
    }
  }
}

}  // namespace hearth::quant
