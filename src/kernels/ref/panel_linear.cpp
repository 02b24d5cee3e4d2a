// Scalar multiplication of a panel with quantised or float activations: the order of every step, stated once.
//
// Contract: docs/numerics.md, rules 2 and 3. Each output is one chain of fma steps over increasing columns; the integer
// sums inside a block are exact, so their order is free.
// Not here: reading block formats (ref/convert_linear.cpp).
#include <cmath>

#include "kernels/ref/linear.h"

namespace hearth::kernels::ref {
namespace {

// sub_scale[0] * (first half) + sub_scale[1] * (second half); |result| < 2^24, so its float32 value is exact.
int32_t block_dot(const QuantPanelBlock& block, int row, const int8_t* q) {
  int32_t half[2] = {0, 0};
  for (int i = 0; i < kBlock; ++i) half[i / 16] += int32_t{block.q[row][i]} * q[i];
  return block.sub_scale[0][row] * half[0] + block.sub_scale[1][row] * half[1];
}

float dot_step(const QuantPanelBlock& block, int row, const int8_t* q, float scale, float acc) {
  const float factor = block.scale[row] * scale;
  return std::fma(static_cast<float>(block_dot(block, row, q)), factor, acc);
}

}  // namespace

void multiply_scaled(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens, float* acc) {
  const auto* blocks = static_cast<const QuantPanelBlock*>(panel);
  for (int t = 0; t < tokens; ++t) {
    const int64_t token = first + t;
    for (int row = 0; row < kPanelRows; ++row) {
      float sum = acc[t * kPanelRows + row];
      for (int64_t b = 0; b < count; ++b) {
        const int64_t at = token * (in.k / kBlock) + begin + b;
        sum = dot_step(blocks[b], row, in.q + at * kBlock, in.scale[at], sum);
      }
      acc[t * kPanelRows + row] = sum;
    }
  }
}

void multiply_minimum(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens, float* acc) {
  const auto* blocks = static_cast<const QuantPanelBlock*>(panel);
  for (int t = 0; t < tokens; ++t) {
    const int64_t token = first + t;
    for (int row = 0; row < kPanelRows; ++row) {
      float sum = acc[t * kPanelRows + row];
      for (int64_t b = 0; b < count; ++b) {
        const int64_t at = token * (in.k / kBlock) + begin + b;
        sum = dot_step(blocks[b], row, in.q + at * kBlock, in.scale[at], sum);
        sum = std::fma(blocks[b].minimum[0][row], in.scale_sum[at], sum);
      }
      acc[t * kPanelRows + row] = sum;
    }
  }
}

void multiply_half_minimums(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens,
                            float* acc) {
  const auto* blocks = static_cast<const QuantPanelBlock*>(panel);
  for (int t = 0; t < tokens; ++t) {
    const int64_t token = first + t;
    for (int row = 0; row < kPanelRows; ++row) {
      float sum = acc[t * kPanelRows + row];
      for (int64_t b = 0; b < count; ++b) {
        const int64_t at = token * (in.k / kBlock) + begin + b;
        const float first_sum = in.scale[at] * static_cast<float>(in.half_sum[2 * at]);
        const float second_sum = in.scale[at] * static_cast<float>(in.half_sum[2 * at + 1]);
        sum = dot_step(blocks[b], row, in.q + at * kBlock, in.scale[at], sum);
        sum = std::fma(blocks[b].minimum[0][row], first_sum, sum);
        sum = std::fma(blocks[b].minimum[1][row], second_sum, sum);
      }
      acc[t * kPanelRows + row] = sum;
    }
  }
}

void multiply_float(const void* panel, const Inputs& in, int64_t begin, int64_t count, int first, int tokens, float* acc) {
  const auto* blocks = static_cast<const FloatPanelBlock*>(panel);
  for (int t = 0; t < tokens; ++t) {
    const float* x = in.x + (first + t) * in.k + begin * kBlock;
    for (int row = 0; row < kPanelRows; ++row) {
      float sum = acc[t * kPanelRows + row];
      for (int64_t b = 0; b < count; ++b) {
        for (int i = 0; i < kBlock; ++i) sum = std::fma(x[b * kBlock + i], blocks[b].w[row][i], sum);
      }
      acc[t * kPanelRows + row] = sum;
    }
  }
}

}  // namespace hearth::kernels::ref
