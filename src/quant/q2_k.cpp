// Q2_K: 256 values of 2 bits; 16 groups of 16, each with a scale and a minimum of 4 bits. x = d*scale*q - dmin*minimum.
//
// Contract: see formats.h. Both products are exact in float32, the difference rounds once.
// Not here: an encoder; two bits need an importance-weighted search to be of use.
#include "quant/formats.h"
#include "quant/traits.h"

namespace hearth::quant {

void decode_q2_k(const void* blocks, int64_t values, float* out) {
  const BlockQ2_K* block = static_cast<const BlockQ2_K*>(blocks);
  for (int64_t base = 0; base < values; base += kSuperBlock, ++block, out += kSuperBlock) {
    const float d = half_to_float(block->d), dmin = half_to_float(block->dmin);
    for (int i = 0; i < kSuperBlock; ++i) {
      // 32 bytes hold 128 values, 32 in each pair of bits.
      const int q = block->qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
      const uint8_t scale = block->scales[i / 16];
      const float step = d * static_cast<float>(scale & 15);
      const float minimum = dmin * static_cast<float>(scale >> 4);
      out[i] = step * static_cast<float>(q) - minimum;
    }
  }
}

}  // namespace hearth::quant
