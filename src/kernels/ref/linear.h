// The scalar linear kernels: how a weight of each block format meets activations (docs/numerics.md, rules 2 and 3).
//
// Contract: these functions are the specification. Every other table computes the same bits for the same inputs.
// The panel here is the plainest one: per 32 columns and row, 32 signed integers with their offsets already removed,
// two integer sub-scales and the float factors.
// Not here: quantising activations (ref/elementwise.h), vector code (x86/).
#pragma once

#include "kernels/table.h"

namespace hearth::kernels::ref {

void convert_q4_0(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
void convert_q4_1(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
void convert_q5_0(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
void convert_q5_1(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
void convert_q8_0(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
void convert_q2_k(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
void convert_q3_k(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
void convert_q4_k(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
void convert_q5_k(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
void convert_q6_k(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
void convert_iq4_nl(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
void convert_iq4_xs(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
void convert_f32(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
void convert_f16(const WeightRows& weights, int64_t begin, int64_t count, void* panel);
void convert_bf16(const WeightRows& weights, int64_t begin, int64_t count, void* panel);

// One dot step per block.
void multiply_scaled(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens, float* acc);
// A dot step, then one step for the minimum of the block.
void multiply_minimum(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens, float* acc);
// A dot step, then one step for the minimum of each half (Q2_K).
void multiply_half_minimums(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens,
                            float* acc);
// Float weights: one fma per column.
void multiply_float(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens, float* acc);

// 32 columns x 32 rows of integer weights.
struct QuantPanelBlock {
  float scale[kPanelRows];
  float minimum[2][kPanelRows];     // added as minimum * (activation scale * sum): [0] alone, or one per half
  int8_t sub_scale[2][kPanelRows];  // per half; 1 for formats without
  int8_t q[kPanelRows][kBlock];     // offset removed
};
struct FloatPanelBlock {
  float w[kPanelRows][kBlock];
};

constexpr void fill_linear(FormatKernels* formats) {
  auto set = [formats](quant::Format format, size_t bytes, auto convert, auto multiply) {
    formats[static_cast<uint32_t>(format)] = {bytes, convert, multiply, nullptr, 0};
  };
  constexpr size_t kQuantBytes = sizeof(QuantPanelBlock), kFloatBytes = sizeof(FloatPanelBlock);
  using quant::Format;
  set(Format::kF32, kFloatBytes, convert_f32, multiply_float);
  set(Format::kF16, kFloatBytes, convert_f16, multiply_float);
  set(Format::kBF16, kFloatBytes, convert_bf16, multiply_float);
  set(Format::kQ4_0, kQuantBytes, convert_q4_0, multiply_scaled);
  set(Format::kQ4_1, kQuantBytes, convert_q4_1, multiply_minimum);
  set(Format::kQ5_0, kQuantBytes, convert_q5_0, multiply_scaled);
  set(Format::kQ5_1, kQuantBytes, convert_q5_1, multiply_minimum);
  set(Format::kQ8_0, kQuantBytes, convert_q8_0, multiply_scaled);
  set(Format::kQ2_K, kQuantBytes, convert_q2_k, multiply_half_minimums);
  set(Format::kQ3_K, kQuantBytes, convert_q3_k, multiply_scaled);
  set(Format::kQ4_K, kQuantBytes, convert_q4_k, multiply_minimum);
  set(Format::kQ5_K, kQuantBytes, convert_q5_k, multiply_minimum);
  set(Format::kQ6_K, kQuantBytes, convert_q6_k, multiply_scaled);
  set(Format::kIQ4_NL, kQuantBytes, convert_iq4_nl, multiply_scaled);
  set(Format::kIQ4_XS, kQuantBytes, convert_iq4_xs, multiply_scaled);
}

}  // namespace hearth::kernels::ref
