// Q8_0: 32 signed bytes with one scale. x = d*q.
//
// Contract: see formats.h. Products are exact in float32 (11 + 7 bits).
// Not here: the int8 activations of the kernels, which round differently.
#include "quant/formats.h"
#include "quant/rounding.h"
#include "quant/traits.h"

namespace hearth::quant {

void decode_q8_0(const void* blocks, int64_t values, float* out) {
  const BlockQ8_0* block = static_cast<const BlockQ8_0*>(blocks);
  for (int64_t base = 0; base < values; base += kSmallBlock, ++block, out += kSmallBlock) {
    const float d = half_to_float(block->d);
    for (int i = 0; i < kSmallBlock; ++i) out[i] = static_cast<float>(block->qs[i]) * d;
  }
}

void encode_q8_0(const float* values, int64_t count, void* blocks) {
  BlockQ8_0* block = static_cast<BlockQ8_0*>(blocks);
  for (int64_t base = 0; base < count; base += kSmallBlock, ++block, values += kSmallBlock) {
    const float d = std::fabs(signed_maximum(values, kSmallBlock)) / 127.0f;
    const float inverse = safe_inverse(d);
    block->d = float_to_half(d);
    for (int i = 0; i < kSmallBlock; ++i)
      block->qs[i] = static_cast<int8_t>(round_clamped(values[i] * inverse, -127, 127));
  }
}

}  // namespace hearth::quant
