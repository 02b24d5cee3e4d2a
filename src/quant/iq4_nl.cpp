// IQ4_NL: 32 values of 4 bits that index 16 uneven levels, with one scale. x = d*kIq4Values[q].
//
// Contract: see formats.h. Products are exact in float32.
// Not here: an encoder; the levels pay only with an importance-weighted search.
#include "quant/formats.h"
#include "quant/traits.h"

namespace hearth::quant {

void decode_iq4_nl(const void* blocks, int64_t values, float* out) {
  const BlockIQ4_NL* block = static_cast<const BlockIQ4_NL*>(blocks);
  for (int64_t base = 0; base < values; base += kSmallBlock, ++block, out += kSmallBlock) {
    const float d = half_to_float(block->d);
    for (int i = 0; i < 16; ++i) {
      out[i] = d * static_cast<float>(kIq4Values[block->qs[i] & 15]);
      out[i + 16] = d * static_cast<float>(kIq4Values[block->qs[i] >> 4]);
    }
  }
}

}  // namespace hearth::quant
