// See rope_table.h. The scalings follow the published definitions of Llama 3.1 and YaRN (arXiv:2309.00071).
#include "kernels/rope_table.h"

#include "kernels/ref/math.h"

namespace hearth::kernels {

namespace {

constexpr double kPi = 0x1.921fb54442d18p+1;

double scale_by_wavelength(double frequency, const RopeScaling& scaling) {
  const double wavelength = 2.0 * kPi / frequency;
  if (wavelength < scaling.original_context / scaling.high_freq_factor) return frequency;
  if (wavelength > scaling.original_context / scaling.low_freq_factor) return frequency / scaling.factor;
  const double smooth = (scaling.original_context / wavelength - scaling.low_freq_factor) /
                        (scaling.high_freq_factor - scaling.low_freq_factor);
  return (1.0 - smooth) * (frequency / scaling.factor) + smooth * frequency;
}

// The (fractional) pair index whose frequency makes `rotations` full turns within the original context.
double yarn_index(double rotations, int rotary_dim, double base, double context) {
  return static_cast<double>(rotary_dim) * ref::log64(context / (rotations * 2.0 * kPi)) / (2.0 * ref::log64(base));
}

double floor_of(double x) {
  const double truncated = static_cast<double>(static_cast<int64_t>(x));
  return truncated > x ? truncated - 1.0 : truncated;
}

// 1 where a pair keeps its frequency, 0 where it is fully interpolated, a ramp between.
double yarn_kept_share(int pair, int rotary_dim, double base, const RopeScaling& scaling) {
  double low = floor_of(yarn_index(scaling.beta_fast, rotary_dim, base, scaling.original_context));
  double high = -floor_of(-yarn_index(scaling.beta_slow, rotary_dim, base, scaling.original_context));
  low = low < 0.0 ? 0.0 : low;
  high = high > rotary_dim - 1.0 ? rotary_dim - 1.0 : high;
  if (low == high) high = high + 0.001;
  const double ramp = (static_cast<double>(pair) - low) / (high - low);
  return 1.0 - (ramp < 0.0 ? 0.0 : ramp > 1.0 ? 1.0 : ramp);
}

double scale_frequency(double frequency, int pair, int rotary_dim, double base, const RopeScaling& scaling) {
  switch (scaling.kind) {
    case RopeScaling::Kind::kNone:
      return frequency;
    case RopeScaling::Kind::kLinear:
      return frequency / scaling.factor;
    case RopeScaling::Kind::kByWavelength:
      return scale_by_wavelength(frequency, scaling);
    case RopeScaling::Kind::kYarn: {
      const double kept = yarn_kept_share(pair, rotary_dim, base, scaling);
      return (frequency / scaling.factor) * (1.0 - kept) + frequency * kept;
    }
  }
  return frequency;
}

}  // namespace

void rope_frequencies(int pairs, int rotary_dim, double base, const RopeScaling& scaling, const float* divisors,
                      float* frequencies) {
  for (int i = 0; i < pairs; ++i) {
    double frequency = ref::pow64(base, -2.0 * i / rotary_dim);
    if (divisors != nullptr) frequency = frequency / static_cast<double>(divisors[i]);
    frequencies[i] = static_cast<float>(scale_frequency(frequency, i, rotary_dim, base, scaling));
  }
}

float rope_magnitude(const RopeScaling& scaling) {
  if (scaling.kind != RopeScaling::Kind::kYarn || !(scaling.factor > 1.0)) return 1.0f;
  return static_cast<float>(0.1 * ref::log64(scaling.factor) + 1.0);
}

void rope_cos_sin(const float* frequencies, int pairs, int64_t position, float magnitude, float* cos_sin) {
  for (int i = 0; i < pairs; ++i) {
    double sine = 0.0;
    double cosine = 0.0;
    ref::sin_cos64(static_cast<double>(position) * static_cast<double>(frequencies[i]), &sine, &cosine);
    cos_sin[2 * i] = static_cast<float>(cosine * static_cast<double>(magnitude));
    cos_sin[2 * i + 1] = static_cast<float>(sine * static_cast<double>(magnitude));
  }
}

}  // namespace hearth::kernels
