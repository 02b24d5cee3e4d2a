// Elementwise operations, norms, reductions and activation quantisation: the scalar specification of their operation order.
//
// Contract: see elementwise.h. Where a float sum runs over a vector it has 16 lanes, lane j takes elements j, j+16, ...;
// absent elements of the last group contribute nothing; then lanes are folded by +8, +4, +2, +1.
// Not here: attention (ref/attention.cpp), weight formats.
#include "kernels/ref/elementwise.h"

#include "kernels/ref/activation_steps.h"
#include "kernels/ref/half.h"
#include "kernels/ref/int8_scale.h"
#include "kernels/ref/lanes.h"
#include "kernels/ref/math.h"

namespace hearth::kernels::ref {

namespace {

// How far the block's values lie from integers once they are multiplied by r, squared and summed in 16 lanes.
float rounding_error(const float* values, float r) {
  float lanes[kLanes] = {};
  for (int i = 0; i < kBlock; ++i) {
    const float scaled = values[i] * r;
    const float distance = scaled - static_cast<float>(round_to_int(scaled));
    lanes[i % kLanes] = fma32(distance, distance, lanes[i % kLanes]);
  }
  return fold_add(lanes);
}

// Of kActivationSteps the one whose rounding loses least, in units of the value; the first of equals.
float best_steps(const float* values, float amax) {
  float best = kActivationSteps[0];
  float least = rounding_error(values, best / amax) * kActivationStepAreas[0];
  for (int i = 1; i < kActivationStepChoices; ++i) {
    const float error = rounding_error(values, kActivationSteps[i] / amax) * kActivationStepAreas[i];
    if (error < least) {
      least = error;
      best = kActivationSteps[i];
    }
  }
  return best;
}

}  // namespace

bool quantise(const float* x, int64_t n, int8_t* q, float* scale, int32_t* half_sum, float* scale_sum) {
  for (int64_t block = 0; block < n / kBlock; ++block) {
    const float* values = x + block * kBlock;
    uint32_t amax_bits = 0;
    for (int i = 0; i < kBlock; ++i) {
      const uint32_t bits = magnitude_bits(values[i]);
      amax_bits = bits > amax_bits ? bits : amax_bits;
    }
    if (amax_bits >= kInfinityBits) return false;
    const float amax = __builtin_bit_cast(float, amax_bits);
    const bool tiny = amax < kSmallestAmax;
    const float steps = tiny ? 0.0f : best_steps(values, amax);
    const float s = tiny ? 0.0f : amax / steps;
    const float r = tiny ? 0.0f : steps / amax;
    int32_t sums[2] = {0, 0};
    for (int i = 0; i < kBlock; ++i) {
      const int32_t value = round_to_int(values[i] * r);
      q[block * kBlock + i] = static_cast<int8_t>(value);
      sums[i / 16] += value;
    }
    scale[block] = s;
    half_sum[2 * block] = sums[0];
    half_sum[2 * block + 1] = sums[1];
    scale_sum[block] = s * static_cast<float>(sums[0] + sums[1]);
  }
  return true;
}

void rms_norm(const float* x, const float* w, float eps, int64_t n, float* y) {
  float lanes[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i % kLanes] = fma32(x[i], x[i], lanes[i % kLanes]);
  const float mean = fold_add(lanes) / static_cast<float>(n);
  const float inverse = 1.0f / __builtin_sqrtf(mean + eps);
  for (int64_t i = 0; i < n; ++i) y[i] = (x[i] * inverse) * w[i];
}

void add(float* x, const float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] = x[i] + y[i];
}

void multiply_scalar(float* x, float factor, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] = x[i] * factor;
}

void silu_gate(const float* g, const float* u, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) y[i] = (g[i] / (1.0f + exp32(-g[i]))) * u[i];
}

// 0.5*g*(1 + tanh(z)) = g/(1 + exp(-2z)), 2z = g*(k + k*0.044715*g^2), k = 2*sqrt(2/pi).
void gelu_gate(const float* g, const float* u, int64_t n, float* y) {
  for (int64_t i = 0; i < n; ++i) {
    const float twice_z = g[i] * fma32(g[i] * g[i], kGeluCubic, kGeluLinear);
    y[i] = (g[i] / (1.0f + exp32(-twice_z))) * u[i];
  }
}

void rope(float* x, int heads, int head_dim, int pairs, const float* cos_sin, bool neox) {
  const int step = neox ? 1 : 2;
  const int distance = neox ? pairs : 1;
  for (int head = 0; head < heads; ++head) {
    float* values = x + static_cast<int64_t>(head) * head_dim;
    for (int i = 0; i < pairs; ++i) {
      const float c = cos_sin[2 * i];
      const float s = cos_sin[2 * i + 1];
      const float x0 = values[i * step];
      const float x1 = values[i * step + distance];
      values[i * step] = fma32(x0, c, -(x1 * s));
      values[i * step + distance] = fma32(x0, s, x1 * c);
    }
  }
}

float maximum(const float* x, int64_t n) {
  float best = -__builtin_inff();
  for (int64_t i = 0; i < n; ++i) best = x[i] > best ? x[i] : best;
  return best + 0.0f;  // -0 becomes +0, so the result does not depend on the order of comparison
}

float exp_sum(const float* x, float m, float inverse_temperature, int64_t n, float* y) {
  float lanes[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) {
    y[i] = exp32((x[i] - m) * inverse_temperature);
    lanes[i % kLanes] = lanes[i % kLanes] + y[i];
  }
  return fold_add(lanes);
}

void soft_cap(float* x, float cap, int64_t n) {
  for (int64_t i = 0; i < n; ++i) x[i] = cap * tanh32(x[i] / cap);
}

bool finite(const float* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    if (magnitude_bits(x[i]) >= kInfinityBits) return false;
  }
  return true;
}

}  // namespace hearth::kernels::ref
