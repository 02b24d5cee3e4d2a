// Q4_1: 32 values of 4 bits with a scale and a minimum. x = d*q + m.
//
// Contract: see formats.h. The product is exact in float32, the sum rounds once.
// Not here: Q4_0, which is symmetric.
#include "quant/formats.h"
#include "quant/rounding.h"
#include "quant/traits.h"

namespace hearth::quant {

void decode_q4_1(const void* blocks, int64_t values, float* out) {
  const BlockQ4_1* block = static_cast<const BlockQ4_1*>(blocks);
  for (int64_t base = 0; base < values; base += kSmallBlock, ++block, out += kSmallBlock) {
    const float d = half_to_float(block->d), m = half_to_float(block->m);
    for (int i = 0; i < 16; ++i) {
      out[i] = d * static_cast<float>(block->qs[i] & 15) + m;
      out[i + 16] = d * static_cast<float>(block->qs[i] >> 4) + m;
    }
  }
}

void encode_q4_1(const float* values, int64_t count, void* blocks) {
  BlockQ4_1* block = static_cast<BlockQ4_1*>(blocks);
  for (int64_t base = 0; base < count; base += kSmallBlock, ++block, values += kSmallBlock) {
    const auto [low_value, high_value] = std::minmax_element(values, values + kSmallBlock);
    const float m = *low_value;
    const float d = (*high_value - m) / 15.0f;
    const float inverse = safe_inverse(d);
    block->d = float_to_half(d);
    block->m = float_to_half(m);
    for (int i = 0; i < 16; ++i) {
      const int low = truncate_clamped((values[i] - m) * inverse + 0.5f, 0, 15);
      const int high = truncate_clamped((values[i + 16] - m) * inverse + 0.5f, 0, 15);
      block->qs[i] = static_cast<uint8_t>(low | high << 4);
    }
  }
}

}  // namespace hearth::quant
