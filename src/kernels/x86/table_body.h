// Fills the block formats of one x86 table. Included by table_*.cpp only.
//
// DEFINE_LINEAR_TABLE(isa) defines fill_linear(FormatKernels*): conversions of the AVX2 table, products of namespace isa.
#pragma once

#include "kernels/x86/linear.h"
#include "kernels/x86/panel_avx2.h"

namespace hearth::kernels {
namespace {

struct FormatSetter {
  FormatKernels* formats;
  constexpr void floats(quant::Format format, Convert* convert, Multiply* multiply, Decode* decode) const {
    set(format, sizeof(float) * kBlock * kPanelRows, convert, multiply, decode, 1);
  }
  template <class Shape>
  constexpr void blocks(quant::Format format, int tokens, Convert* convert, Multiply* multiply, Decode* decode) const {
    set(format, sizeof(avx2::PanelBlock<Shape>), convert, multiply, decode, tokens);
  }
  constexpr void set(quant::Format format, size_t bytes, Convert* convert, Multiply* multiply, Decode* decode, int tokens) const {
    formats[static_cast<uint32_t>(format)] = {bytes, convert, multiply, decode, tokens};
  }
};

#define DEFINE_LINEAR_TABLE(isa)                                                                    \
  constexpr void fill_linear(FormatKernels* formats) {                                              \
    using quant::Format;                                                                            \
    const FormatSetter set{formats};                                                                \
    set.floats(Format::kF32, avx2::convert_f32, isa::multiply_float, avx2::decode_f32);             \
    set.floats(Format::kF16, avx2::convert_f16, isa::multiply_float, avx2::decode_f16);             \
    set.floats(Format::kBF16, avx2::convert_bf16, isa::multiply_float, avx2::decode_bf16);          \
    set.blocks<avx2::ShapeQ4Offset>(Format::kQ4_0, isa::kBlockTokens, avx2::convert_q4_0,           \
               isa::multiply_q4_offset, isa::decode_q4_0);                                          \
    set.blocks<avx2::ShapeQ4Minimum>(Format::kQ4_1, isa::kBlockTokens, avx2::convert_q4_1,          \
               isa::multiply_q4_minimum, isa::decode_q4_1);                                         \
    set.blocks<avx2::ShapeQ5Offset>(Format::kQ5_0, isa::kBlockTokens, avx2::convert_q5_0,           \
               isa::multiply_q5_offset, isa::decode_q5_0);                                          \
    set.blocks<avx2::ShapeQ5Minimum>(Format::kQ5_1, isa::kBlockTokens, avx2::convert_q5_1,          \
               isa::multiply_q5_minimum, isa::decode_q5_1);                                         \
    set.blocks<avx2::ShapeSigned>(Format::kQ8_0, isa::kBlockTokens, avx2::convert_q8_0,             \
               isa::multiply_signed, isa::decode_q8_0);                                             \
    set.blocks<avx2::ShapeQ2K>(Format::kQ2_K, kSuperBlockTokens, avx2::convert_q2_k,                \
               isa::multiply_q2_k, isa::decode_q2_k);                                               \
    set.blocks<avx2::ShapeQ3K>(Format::kQ3_K, kSuperBlockTokens, avx2::convert_q3_k,                \
               isa::multiply_q3_k, isa::decode_q3_k);                                               \
    set.blocks<avx2::ShapeQ4Minimum>(Format::kQ4_K, kSuperBlockTokens, avx2::convert_q4_k,          \
               isa::multiply_q4_minimum, isa::decode_q4_k);                                         \
    set.blocks<avx2::ShapeQ5Minimum>(Format::kQ5_K, kSuperBlockTokens, avx2::convert_q5_k,          \
               isa::multiply_q5_minimum, isa::decode_q5_k);                                         \
    set.blocks<avx2::ShapeQ6K>(Format::kQ6_K, kSuperBlockTokens, avx2::convert_q6_k,                \
               isa::multiply_q6_k, isa::decode_q6_k);                                               \
    set.blocks<avx2::ShapeSigned>(Format::kIQ4_NL, isa::kBlockTokens, avx2::convert_iq4_nl,         \
               isa::multiply_signed, isa::decode_iq4_nl);                                           \
    set.blocks<avx2::ShapeSigned>(Format::kIQ4_XS, kSuperBlockTokens, avx2::convert_iq4_xs,         \
               isa::multiply_signed, isa::decode_iq4_xs);                                           \
  }

}  // namespace
}  // namespace hearth::kernels
