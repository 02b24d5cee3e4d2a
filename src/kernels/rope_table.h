// Rotary position tables: inverse frequencies with their scalings, and the cosines and sines of one position.
//
// Contract: own double arithmetic (kernels/ref/math.h), rounded once to float32, so every machine computes the same bits.
// Frequency i is base^(-2i/rotary_dim), scaled in double, then rounded; the angle is double(position) * double(frequency).
// Pure and thread-safe. Not here: rotating (KernelTable::rope), which scaling a model asks for (model/).
#pragma once

#include <cstdint>

namespace hearth::kernels {

struct RopeScaling {
  enum class Kind : uint8_t {
    kNone,
    kLinear,  // frequency / factor
    kByWavelength,  // wavelengths above original_context/low_freq_factor are divided by factor, below .../high_freq_factor kept
    kYarn,    // interpolated between the rotations beta_slow and beta_fast make in original_context
  };
  Kind kind = Kind::kNone;
  double factor = 1.0;
  double low_freq_factor = 1.0;
  double high_freq_factor = 4.0;
  double original_context = 8192.0;
  double beta_fast = 32.0;
  double beta_slow = 1.0;
};

// Writes `pairs` frequencies. `divisors` (per pair, such as the tensor rope_freqs.weight) may be null.
void rope_frequencies(int pairs, int rotary_dim, double base, const RopeScaling& scaling, const float* divisors,
                      float* frequencies);

// By how much YaRN multiplies cosines and sines: 0.1*ln(factor) + 1; 1 for every other kind.
float rope_magnitude(const RopeScaling& scaling);

// cos_sin is [pairs][2] for KernelTable::rope; each value is double cos or sin times magnitude, rounded once.
void rope_cos_sin(const float* frequencies, int pairs, int64_t position, float magnitude, float* cos_sin);

}  // namespace hearth::kernels
