// The elementwise functions on 16 lanes, shared by the x86 tables.
//
// Contract: bit-equal to ref/elementwise.cpp, which states the orders; V is the Vector of one instruction set. A last group of
// fewer than 16 elements goes through the same lanes with the others zero and its memory untouched.
// Not here: attention (attention_body.h).
#pragma once

#include <cstdint>

#include "kernels/ref/activation_steps.h"
#include "kernels/table.h"
#include "kernels/x86/math.h"

namespace hearth::kernels {
namespace {

constexpr int kLaneCount = 16;

// Calls full(i) for each whole group of 16 and rest(i, count) for what remains.
template <class Full, class Rest>
inline void for_groups(int64_t n, Full full, Rest rest) {
  int64_t i = 0;
  for (; i + kLaneCount <= n; i += kLaneCount) full(i);
  if (i < n) rest(i, static_cast<int>(n - i));
}

// y[i] = function(a[i], b[i]); all three may be the same.
template <class V, class F>
inline void map_two(const float* a, const float* b, int64_t n, float* y, F function) {
  for_groups(
      n, [&](int64_t i) { function(V::load(a + i), V::load(b + i)).store(y + i); },
      [&](int64_t i, int count) {
        function(V::load_first(a + i, count), V::load_first(b + i, count)).store_first(y + i, count);
      });
}

template <class V, class F>
inline void map_one(const float* x, int64_t n, float* y, F function) {
  for_groups(
      n, [&](int64_t i) { function(V::load(x + i)).store(y + i); },
      [&](int64_t i, int count) { function(V::load_first(x + i, count)).store_first(y + i, count); });
}

template <class V>
inline V distance_to_integer(V x) {
  const V magic = V::set(ref::kRoundMagic);
  return V::sub(x, V::sub(V::add(x, magic), magic));
}

template <class V>
inline float rounding_error(V first, V second, float r) {
  const V a = distance_to_integer(V::mul(first, V::set(r)));
  const V b = distance_to_integer(V::mul(second, V::set(r)));
  return V::fold_add(V::fma(b, b, V::mul(a, a)));
}

template <class V>
inline float best_steps(V first, V second, float amax) {
  float best = ref::kActivationSteps[0];
  float least = rounding_error(first, second, best / amax) * ref::kActivationStepAreas[0];
  for (int i = 1; i < ref::kActivationStepChoices; ++i) {
    const float error = rounding_error(first, second, ref::kActivationSteps[i] / amax) * ref::kActivationStepAreas[i];
    best = error < least ? ref::kActivationSteps[i] : best;
    least = error < least ? error : least;
  }
  return best;
}

template <class V>
inline bool quantise_blocks(const float* x, int64_t n, int8_t* q, float* scale, int32_t* half_sum, float* scale_sum) {
  for (int64_t block = 0; block < n / kBlock; ++block) {
    const V first = V::load(x + block * kBlock);
    const V second = V::load(x + block * kBlock + kLaneCount);
    const uint32_t amax_bits = V::max_magnitude(first, second);
    if (amax_bits >= 0x7f800000u) return false;
    const float amax = __builtin_bit_cast(float, amax_bits);
    const bool tiny = amax < 0x1p-100f;
    const float steps = tiny ? 0.0f : best_steps(first, second, amax);
    const float s = tiny ? 0.0f : amax / steps;
    const V r = V::set(tiny ? 0.0f : steps / amax);
    const int32_t sum0 = V::store_rounded(V::mul(first, r), q + block * kBlock);
    const int32_t sum1 = V::store_rounded(V::mul(second, r), q + block * kBlock + kLaneCount);
    scale[block] = s;
    half_sum[2 * block] = sum0;
    half_sum[2 * block + 1] = sum1;
    scale_sum[block] = s * static_cast<float>(sum0 + sum1);
  }
  return true;
}

template <class V>
inline void rms_norm_lanes(const float* x, const float* w, float eps, int64_t n, float* y) {
  V lanes = V::zero();
  for_groups(
      n, [&](int64_t i) { lanes = V::fma(V::load(x + i), V::load(x + i), lanes); },
      [&](int64_t i, int count) { lanes = V::fma(V::load_first(x + i, count), V::load_first(x + i, count), lanes); });
  const float mean = V::fold_add(lanes) / static_cast<float>(n);
  const V inverse = V::set(1.0f / __builtin_sqrtf(mean + eps));
  map_two<V>(x, w, n, y, [&](V value, V weight) { return V::mul(V::mul(value, inverse), weight); });
}

// (g / (1 + exp(-z))) * u.
template <class V>
inline V gate(V g, V z, V u) {
  return V::mul(V::div(g, V::add(V::set(1.0f), exp_lanes(V::negate(z)))), u);
}

template <class V>
inline void silu_gate_lanes(const float* g, const float* u, int64_t n, float* y) {
  map_two<V>(g, u, n, y, [](V a, V b) { return gate(a, a, b); });
}

template <class V>
inline void gelu_gate_lanes(const float* g, const float* u, int64_t n, float* y) {
  map_two<V>(g, u, n, y, [](V a, V b) {
    return gate(a, V::mul(a, V::fma(V::mul(a, a), V::set(ref::kGeluCubic), V::set(ref::kGeluLinear))), b);
  });
}

// Pairs (i, i + pairs): the table is split into cosines and sines once for all heads.
template <class V>
inline void rope_halves(float* x, int heads, int head_dim, int pairs, const float* cos_sin) {
  for_groups(
      pairs,
      [&](int64_t i) {
        V c, s;
        V::deinterleave(V::load(cos_sin + 2 * i), V::load(cos_sin + 2 * i + kLaneCount), &c, &s);
        for (int head = 0; head < heads; ++head) {
          float* p = x + static_cast<int64_t>(head) * head_dim + i;
          const V x0 = V::load(p);
          const V x1 = V::load(p + pairs);
          V::fms(x0, c, V::mul(x1, s)).store(p);
          V::fma(x0, s, V::mul(x1, c)).store(p + pairs);
        }
      },
      [&](int64_t i, int count) {
        const int values = 2 * count;
        V c, s;
        V::deinterleave(V::load_first(cos_sin + 2 * i, values < kLaneCount ? values : kLaneCount),
                        V::load_first(cos_sin + 2 * i + kLaneCount, values - kLaneCount), &c, &s);
        for (int head = 0; head < heads; ++head) {
          float* p = x + static_cast<int64_t>(head) * head_dim + i;
          const V x0 = V::load_first(p, count);
          const V x1 = V::load_first(p + pairs, count);
          V::fms(x0, c, V::mul(x1, s)).store_first(p, count);
          V::fma(x0, s, V::mul(x1, c)).store_first(p + pairs, count);
        }
      });
}

template <class V>
inline void rope_lanes(float* x, int heads, int head_dim, int pairs, const float* cos_sin, bool neox) {
  if (neox) {
    rope_halves<V>(x, heads, head_dim, pairs, cos_sin);
    return;
  }
  for (int head = 0; head < heads; ++head) {
    float* values = x + static_cast<int64_t>(head) * head_dim;
    map_two<V>(values, cos_sin, 2 * pairs, values, [](V a, V b) { return V::rotate_pairs(a, b); });
  }
}

template <class V>
inline float maximum_lanes(const float* x, int64_t n) {
  V best = V::set(-__builtin_inff());
  float rest_best = -__builtin_inff();
  for_groups(
      n, [&](int64_t i) { best = V::at_least(best, V::load(x + i)); },
      [&](int64_t i, int count) {
        for (int j = 0; j < count; ++j) rest_best = x[i + j] > rest_best ? x[i + j] : rest_best;
      });
  const float lanes_best = V::fold_max(best);
  return (lanes_best > rest_best ? lanes_best : rest_best) + 0.0f;
}

template <class V>
inline float exp_sum_lanes(const float* x, float m, float inverse_temperature, int64_t n, float* y) {
  const V maximum = V::set(m);
  const V factor = V::set(inverse_temperature);
  V lanes = V::zero();
  for_groups(
      n,
      [&](int64_t i) {
        const V e = exp_lanes(V::mul(V::sub(V::load(x + i), maximum), factor));
        e.store(y + i);
        lanes = V::add(lanes, e);
      },
      [&](int64_t i, int count) {
        const V e = exp_lanes(V::mul(V::sub(V::load_first(x + i, count), maximum), factor));
        e.store_first(y + i, count);
        lanes = V::add(lanes, V::where_lanes(0, count, e, V::zero()));
      });
  return V::fold_add(lanes);
}

template <class V>
inline bool finite_lanes(const float* x, int64_t n) {
  bool result = true;
  for_groups(
      n, [&](int64_t i) { result = result && V::max_magnitude(V::load(x + i), V::zero()) < 0x7f800000u; },
      [&](int64_t i, int count) {
        result = result && V::max_magnitude(V::load_first(x + i, count), V::zero()) < 0x7f800000u;
      });
  return result;
}

}  // namespace
}  // namespace hearth::kernels
