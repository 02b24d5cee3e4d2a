// The packing of 8 scales and 8 minimums of 6 bits that Q4_K and Q5_K share.
//
// Contract: index 0..7, values 0..63. Bytes 0-3 and 4-7 hold the low six bits of scales and minimums 0-3 and, above
// them, two high bits of entries 4-7; bytes 8-11 hold the low nibbles of entries 4-7. Not here: the 16 scales of Q3_K,
// packed in another way.
#pragma once

#include <cstdint>

namespace hearth::quant {

struct ScaleMin {
  int scale, minimum;
};

inline ScaleMin unpack_k_scale(const uint8_t scales[12], int index) {
  if (index < 4) return {scales[index] & 63, scales[index + 4] & 63};
  return {(scales[index + 4] & 15) | (scales[index - 4] >> 6 << 4),
          (scales[index + 4] >> 4) | (scales[index] >> 6 << 4)};
}

// The 12 bytes start as zeros; every index is packed once.
inline void pack_k_scale(uint8_t scales[12], int index, ScaleMin value) {
  if (index < 4) {
    scales[index] |= static_cast<uint8_t>(value.scale);
    scales[index + 4] |= static_cast<uint8_t>(value.minimum);
    return;
  }
  scales[index + 4] |= static_cast<uint8_t>((value.scale & 15) | (value.minimum & 15) << 4);
  scales[index - 4] |= static_cast<uint8_t>(value.scale >> 4 << 6);
  scales[index] |= static_cast<uint8_t>(value.minimum >> 4 << 6);
}

}  // namespace hearth::quant
