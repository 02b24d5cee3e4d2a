// The vector linear kernels of x86-64: what the tables of this folder are filled from.
//
// Contract: the bits of ref/linear.h. The panels (panel_avx2.h) and the conversions to them are shared by all tables.
#pragma once

#include "kernels/table.h"

namespace hearth::kernels {

using Convert = void(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
using Multiply = void(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens, float* acc);
using Decode = void(const WeightRows& weights, const Inputs& in, int first, int tokens, float* acc);

// Up to so many tokens are multiplied straight from the rows: of formats whose block is 32 columns (by table, since the cheaper
// a product is, the sooner a panel pays) and of those with blocks of 256.
inline constexpr int kSuperBlockTokens = 3;

// What every instruction set has: panels multiplied, by their shape (panel_avx2.h), and a few tokens straight from the rows.
#define DECLARE_QUANTISED_PRODUCTS                                                                             \
  Multiply multiply_signed, multiply_q4_offset, multiply_q4_minimum, multiply_q5_offset, multiply_q5_minimum;  \
  Multiply multiply_q2_k, multiply_q3_k, multiply_q6_k;                                                        \
  Decode decode_q4_0, decode_q4_1, decode_q5_0, decode_q5_1, decode_q8_0, decode_iq4_nl, decode_iq4_xs;        \
  Decode decode_q2_k, decode_q3_k, decode_q4_k, decode_q5_k, decode_q6_k;

namespace avx2 {
inline constexpr int kBlockTokens = 8;
Convert convert_f32, convert_f16, convert_bf16;
Convert convert_q4_0, convert_q4_1, convert_q5_0, convert_q5_1, convert_q8_0, convert_iq4_nl, convert_iq4_xs;
Convert convert_q2_k, convert_q3_k, convert_q4_k, convert_q5_k, convert_q6_k;
Multiply multiply_float;
Decode decode_f32, decode_f16, decode_bf16;
DECLARE_QUANTISED_PRODUCTS
}  // namespace avx2

namespace avxvnni {
inline constexpr int kBlockTokens = 4;
using avx2::multiply_float;
DECLARE_QUANTISED_PRODUCTS
}  // namespace avxvnni

namespace avx512 {
inline constexpr int kBlockTokens = 4;
Multiply multiply_float;
DECLARE_QUANTISED_PRODUCTS
}  // namespace avx512

#undef DECLARE_QUANTISED_PRODUCTS

}  // namespace hearth::kernels
