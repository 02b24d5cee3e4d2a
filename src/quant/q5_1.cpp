// Q5_1: 32 values of 5 bits with a scale and a minimum. x = d*q + m; the fifth bits lie together in qh.
//
// Contract: see formats.h. The product is exact in float32, the sum rounds once.
// Not here: Q5_0, which is symmetric.
#include "quant/formats.h"
#include "quant/rounding.h"
#include "quant/traits.h"

namespace hearth::quant {

void decode_q5_1(const void* blocks, int64_t values, float* out) {
  const BlockQ5_1* block = static_cast<const BlockQ5_1*>(blocks);
  for (int64_t base = 0; base < values; base += kSmallBlock, ++block, out += kSmallBlock) {
    const float d = half_to_float(block->d), m = half_to_float(block->m);
    for (int i = 0; i < kSmallBlock; ++i) {
      const int low = i < 16 ? block->qs[i] & 15 : block->qs[i - 16] >> 4;
      const int high = block->qh[i / 8] >> (i % 8) & 1;
      out[i] = d * static_cast<float>(low | high << 4) + m;
    }
  }
}

void encode_q5_1(const float* values, int64_t count, void* blocks) {
  BlockQ5_1* block = static_cast<BlockQ5_1*>(blocks);
  for (int64_t base = 0; base < count; base += kSmallBlock, ++block, values += kSmallBlock) {
    const auto [low_value, high_value] = std::minmax_element(values, values + kSmallBlock);
    const float m = *low_value;
    const float d = (*high_value - m) / 31.0f;
    const float inverse = safe_inverse(d);
    *block = {};
    block->d = float_to_half(d);
    block->m = float_to_half(m);
    for (int i = 0; i < kSmallBlock; ++i) {
      const int q = truncate_clamped((values[i] - m) * inverse + 0.5f, 0, 31);
      block->qs[i % 16] |= static_cast<uint8_t>((q & 15) << (i < 16 ? 0 : 4));
      block->qh[i / 8] |= static_cast<uint8_t>((q >> 4) << (i % 8));
    }
  }
}

}  // namespace hearth::quant
