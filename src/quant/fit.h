// The search for scales and minimums that the encoders of the K formats share.
//
// Contract: pure functions; the error that counts is squared, weighted by magnitude. All-equal, all-zero and non-finite
// inputs give finite results.
// Not here: the bit packing of each format.
#pragma once

#include <cstdint>

#include "quant/layout.h"

namespace hearth::quant {

// The signed scale s that makes s*q, q in [-levels, levels - 1], closest to the n (up to 32) values.
float fit_symmetric(const float* x, int n, int levels);

// A super-block of 8 groups of 32 as Q4_K and Q5_K see it: x = d*scale*q - dmin*minimum, q in [0, levels].
struct AffineSuperBlock {
  uint16_t d, dmin;              // half bits
  uint8_t scale[8], minimum[8];  // 6 bits
  uint8_t q[kSuperBlock];
};
AffineSuperBlock fit_affine_super_block(const float* x, int levels);

}  // namespace hearth::quant
