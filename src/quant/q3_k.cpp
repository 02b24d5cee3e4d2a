// Q3_K: 256 values of 3 bits; 16 groups of 16, each with a signed scale of 6 bits. x = d*(scale - 32)*(q - 4).
//
// Contract: see formats.h. Products are exact in float32 (11 + 5 + 2 bits).
// Not here: an encoder; three bits need an importance-weighted search to be of use.
#include "quant/formats.h"
#include "quant/traits.h"

namespace hearth::quant {
namespace {

// Bytes 0-7 hold the low nibbles of scales 0-7 and, above them, of 8-15; bytes 8-11 hold the two high bits of scales
// j, j+4, j+8, j+12.
int unpack_scale(const uint8_t scales[12], int index) {
  const int low = scales[index % 8] >> (index / 8 * 4) & 15;
  const int high = scales[8 + index % 4] >> (index / 4 * 2) & 3;
  return (low | high << 4) - 32;
}

}  // namespace

void decode_q3_k(const void* blocks, int64_t values, float* out) {
  const BlockQ3_K* block = static_cast<const BlockQ3_K*>(blocks);
  for (int64_t base = 0; base < values; base += kSuperBlock, ++block, out += kSuperBlock) {
    const float d = half_to_float(block->d);
    for (int group = 0; group < 16; ++group) {
      const float step = d * static_cast<float>(unpack_scale(block->scales, group));
      for (int i = group * 16; i < group * 16 + 16; ++i) {
        const int low = block->qs[i / 128 * 32 + i % 32] >> (i % 128 / 32 * 2) & 3;
        const int high = block->hmask[i % 32] >> (i / 32) & 1;
        out[i] = step * static_cast<float>(low + 4 * high - 4);
      }
    }
  }
}

}  // namespace hearth::quant
