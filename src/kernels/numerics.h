// The version of the arithmetic.
//
// Contract: raised by every change that alters a bit of what a model computes (docs/numerics.md), so that what was computed
// before and kept is not continued by other arithmetic.
// Not here: the arithmetic (kernels/ref).
#pragma once

namespace hearth::kernels {

inline constexpr int kNumericsVersion = 1;

}  // namespace hearth::kernels
