// BF16: the upper half of a float32, one value a block.
//
// Contract: see formats.h. Decoding is exact, encoding rounds to nearest even.
// Not here: the conversion of one value (half.cpp).
#include "quant/formats.h"
#include "quant/traits.h"

namespace hearth::quant {

void decode_bf16(const void* blocks, int64_t values, float* out) {
  const uint16_t* in = static_cast<const uint16_t*>(blocks);
  for (int64_t i = 0; i < values; ++i) out[i] = bfloat16_to_float(in[i]);
}

void encode_bf16(const float* values, int64_t count, void* blocks) {
  uint16_t* out = static_cast<uint16_t*>(blocks);
  for (int64_t i = 0; i < count; ++i) out[i] = float_to_bfloat16(values[i]);
}

}  // namespace hearth::quant
