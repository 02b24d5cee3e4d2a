// F32: the values themselves.
//
// Contract: see formats.h. A copy, bit for bit.
// Not here: float16 formats.
#include <cstring>

#include "quant/formats.h"

namespace hearth::quant {

void decode_f32(const void* blocks, int64_t values, float* out) {
  std::memcpy(out, blocks, static_cast<size_t>(values) * sizeof(float));
}

void encode_f32(const float* values, int64_t count, void* blocks) {
  std::memcpy(blocks, values, static_cast<size_t>(count) * sizeof(float));
}

}  // namespace hearth::quant
