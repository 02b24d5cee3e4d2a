// Scales by trying several step sizes and solving least squares for each.
//
// Contract: see fit.h. A fixed number of candidates, so the time does not depend on the values.
// Not here: importance matrices.
#include "quant/fit.h"

#include <algorithm>
#include <cmath>

#include "quant/rounding.h"
#include "quant/traits.h"

namespace hearth::quant {
namespace {

constexpr int kGroup = 32;
constexpr float kCandidateStep = 0.1f;   // candidates differ by this many levels
constexpr int kAffineCandidates = 21;    // from one level fewer to one more
constexpr int kSymmetricCandidates = 9;  // on either side

struct Affine {
  float scale = 0.0f, minimum = 0.0f;  // x = scale*q - minimum, minimum >= 0
};

// Weighted sums over one assignment of levels, enough to solve for scale and minimum and to know the error.
struct Sums {
  float w = 0, x = 0, xx = 0, q = 0, qq = 0, qx = 0;
};

Sums sum_up(const float* x, const float* weight, float low, float inverse, int levels) {
  Sums s;
  for (int i = 0; i < kGroup; ++i) {
    const float q = static_cast<float>(round_clamped((x[i] - low) * inverse, 0, levels));
    s.w += weight[i];
    s.x += weight[i] * x[i];
    s.xx += weight[i] * x[i] * x[i];
    s.q += weight[i] * q;
    s.qq += weight[i] * q * q;
    s.qx += weight[i] * q * x[i];
  }
  return s;
}

Affine solve(const Sums& s) {
  const float determinant = s.w * s.qq - s.q * s.q;
  if (determinant > 0.0f) {
    const Affine result{(s.w * s.qx - s.q * s.x) / determinant, (s.q * s.qx - s.qq * s.x) / determinant};
    if (result.minimum >= 0.0f) return result;
  }
  return {s.qq > 0.0f ? s.qx / s.qq : 0.0f, 0.0f};  // a positive offset cannot be stored
}

float squared_error(const Sums& s, const Affine& a) {
  return s.xx - 2.0f * a.scale * s.qx + 2.0f * a.minimum * s.x + a.scale * a.scale * s.qq -
         2.0f * a.scale * a.minimum * s.q + a.minimum * a.minimum * s.w;
}

Affine fit_affine(const float* x, int levels) {
  float mean_square = 0.0f;
  for (int i = 0; i < kGroup; ++i) mean_square += x[i] * x[i] / kGroup;
  float weight[kGroup];
  for (int i = 0; i < kGroup; ++i) weight[i] = std::sqrt(mean_square) + std::fabs(x[i]);

  const auto [low_value, high_value] = std::minmax_element(x, x + kGroup);
  const float low = std::min(*low_value, 0.0f);
  const float range = *high_value - low;
  if (!(range > 0.0f) || !std::isfinite(range)) return {0.0f, std::isfinite(low) ? -low : 0.0f};

  Affine best{range / static_cast<float>(levels), -low};
  float best_error = squared_error(sum_up(x, weight, low, safe_inverse(best.scale), levels), best);
  for (int candidate = 0; candidate < kAffineCandidates; ++candidate) {
    const float target = static_cast<float>(levels) - 1.0f + kCandidateStep * static_cast<float>(candidate);
    const Sums sums = sum_up(x, weight, low, target / range, levels);
    const Affine solution = solve(sums);
    const float error = squared_error(sums, solution);
    if (solution.scale > 0.0f && error < best_error) {
      best = solution;
      best_error = error;
    }
  }
  return best;
}

}  // namespace

float fit_symmetric(const float* x, int n, int levels) {
  const float extreme = signed_maximum(x, n);
  if (extreme == 0.0f || !std::isfinite(extreme)) return 0.0f;
  float best_scale = extreme / static_cast<float>(-levels), best_gain = -1.0f;
  for (int candidate = -kSymmetricCandidates; candidate <= kSymmetricCandidates; ++candidate) {
    const float inverse = -(static_cast<float>(levels) + kCandidateStep * static_cast<float>(candidate)) / extreme;
    float qx = 0.0f, qq = 0.0f;
    for (int i = 0; i < n; ++i) {
      const float q = static_cast<float>(round_clamped(x[i] * inverse, -levels, levels - 1));
      const float weight = x[i] * x[i];
      qx += weight * q * x[i];
      qq += weight * q * q;
    }
    // With the best scale qx/qq the error is sum(x^2) - qx^2/qq, so the largest gain wins.
    if (qq > 0.0f && qx * qx > best_gain * qq) {
      best_gain = qx * qx / qq;
      best_scale = qx / qq;
    }
  }
  return std::isfinite(best_scale) ? best_scale : 0.0f;
}

AffineSuperBlock fit_affine_super_block(const float* x, int levels) {
  Affine group[8];
  float largest_scale = 0.0f, largest_minimum = 0.0f;
  for (int i = 0; i < 8; ++i) {
    group[i] = fit_affine(x + i * kGroup, levels);
    largest_scale = std::max(largest_scale, group[i].scale);
    largest_minimum = std::max(largest_minimum, group[i].minimum);
  }
  AffineSuperBlock result{};
  result.d = float_to_half(largest_scale / 63.0f);
  result.dmin = float_to_half(largest_minimum / 63.0f);
  const float d = half_to_float(result.d), dmin = half_to_float(result.dmin);
  for (int i = 0; i < 8; ++i) {
    result.scale[i] = static_cast<uint8_t>(round_clamped(group[i].scale * safe_inverse(d), 0, 63));
    result.minimum[i] = static_cast<uint8_t>(round_clamped(group[i].minimum * safe_inverse(dmin), 0, 63));
    const float inverse = safe_inverse(d * static_cast<float>(result.scale[i]));
    const float minimum = dmin * static_cast<float>(result.minimum[i]);
    for (int j = i * kGroup; j < (i + 1) * kGroup; ++j) {
      result.q[j] = static_cast<uint8_t>(round_clamped((x[j] + minimum) * inverse, 0, levels));
    }
  }
  return result;
}

}  // namespace hearth::quant
