// Q4_K: 256 values of 4 bits; 8 groups of 32, each with a scale and a minimum of 6 bits. x = d*scale*q - dmin*minimum.
//
// Contract: see formats.h. Both products are exact in float32, the difference rounds once.
// Not here: the packing of the scales (k_scales.h), the search for good ones (fit.h).
#include "quant/fit.h"
#include "quant/formats.h"
#include "quant/k_scales.h"
#include "quant/traits.h"

namespace hearth::quant {

void decode_q4_k(const void* blocks, int64_t values, float* out) {
  const BlockQ4_K* block = static_cast<const BlockQ4_K*>(blocks);
  for (int64_t base = 0; base < values; base += kSuperBlock, ++block, out += kSuperBlock) {
    const float d = half_to_float(block->d), dmin = half_to_float(block->dmin);
    for (int group = 0; group < 8; ++group) {
      const ScaleMin packed = unpack_k_scale(block->scales, group);
      const float step = d * static_cast<float>(packed.scale), minimum = dmin * static_cast<float>(packed.minimum);
      const uint8_t* qs = block->qs + group / 2 * 32;
      const int shift = group % 2 * 4;
      for (int i = 0; i < 32; ++i) out[group * 32 + i] = step * static_cast<float>(qs[i] >> shift & 15) - minimum;
    }
  }
}

void encode_q4_k(const float* values, int64_t count, void* blocks) {
  BlockQ4_K* block = static_cast<BlockQ4_K*>(blocks);
  for (int64_t base = 0; base < count; base += kSuperBlock, ++block, values += kSuperBlock) {
    const AffineSuperBlock fitted = fit_affine_super_block(values, 15);
    *block = {};
    block->d = fitted.d;
    block->dmin = fitted.dmin;
    for (int group = 0; group < 8; ++group)
      pack_k_scale(block->scales, group, {fitted.scale[group], fitted.minimum[group]});
    for (int i = 0; i < kSuperBlock; ++i) {
      block->qs[i / 64 * 32 + i % 32] |= static_cast<uint8_t>(fitted.q[i] << (i / 32 % 2 * 4));
    }
  }
}

}  // namespace hearth::quant
