// The one table of block formats: name, block size, scalar decode and encode.
//
// Contract: `traits(format)` is null for a number that this build does not read; nothing else decides what is supported.
// decode_row is exact (the value the format defines, rounded once to float32). All functions are pure and thread-safe.
// Not here: byte layouts (quant/layout.h), vector code (kernels/).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "quant/layout.h"

namespace hearth::quant {

struct FormatTraits {
  Format format;
  const char* name;         // as the field writes it: "Q4_K"
  uint32_t block_bytes;
  uint32_t block_values;
  // `values` is a multiple of block_values.
  void (*decode_row)(const void* blocks, int64_t values, float* out);
  void (*encode_row)(const float* values, int64_t count, void* blocks);
};

// Null if the GGUF tensor type number is unknown or not read by this build.
const FormatTraits* traits(uint32_t gguf_type);
const FormatTraits& traits(Format format);

// The public name of any GGUF tensor type number, also of those not read here ("IQ2_XXS"); "type 99" style names are the caller's.
std::optional<std::string_view> gguf_type_name(uint32_t gguf_type);

float half_to_float(uint16_t bits);
uint16_t float_to_half(float value);  // round to nearest even, overflow to infinity
float bfloat16_to_float(uint16_t bits);
uint16_t float_to_bfloat16(float value);  // round to nearest even

}  // namespace hearth::quant
