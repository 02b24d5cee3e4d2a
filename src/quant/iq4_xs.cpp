// IQ4_XS: 256 values of 4 bits that index 16 uneven levels; 8 groups of 32, each with a signed scale of 6 bits.
// x = d*(scale - 32)*kIq4Values[q].
//
// Contract: see formats.h. Products are exact in float32 (11 + 5 + 7 bits).
// Not here: an encoder; the levels pay only with an importance-weighted search.
#include "quant/formats.h"
#include "quant/traits.h"

namespace hearth::quant {

void decode_iq4_xs(const void* blocks, int64_t values, float* out) {
  const BlockIQ4_XS* block = static_cast<const BlockIQ4_XS*>(blocks);
  for (int64_t base = 0; base < values; base += kSuperBlock, ++block, out += kSuperBlock) {
    const float d = half_to_float(block->d);
    for (int group = 0; group < 8; ++group) {
      const int low = block->scales_l[group / 2] >> (group % 2 * 4) & 15;
      const int high = block->scales_h >> (group * 2) & 3;
      const float step = d * static_cast<float>((low | high << 4) - 32);
      const uint8_t* qs = block->qs + group * 16;
      for (int i = 0; i < 16; ++i) {
        out[group * 32 + i] = step * static_cast<float>(kIq4Values[qs[i] & 15]);
        out[group * 32 + i + 16] = step * static_cast<float>(kIq4Values[qs[i] >> 4]);
      }
    }
  }
}

}  // namespace hearth::quant
