// How many steps the largest magnitude of an activation block may be divided into.
//
// Contract: part of the numeric contract (docs/numerics.md, rule 1); every table tries these in this order. Fewer steps are
// coarser, but the values of a block may happen to lie nearer to them.
#pragma once

namespace hearth::kernels::ref {

inline constexpr int kActivationStepChoices = 3;
inline constexpr float kActivationSteps[kActivationStepChoices] = {127.0f, 125.0f, 122.0f};
// (127/steps)^2: what a squared distance counted in such steps is worth.
inline constexpr float kActivationStepAreas[kActivationStepChoices] = {1.0f, 16129.0f / 15625.0f, 16129.0f / 14884.0f};

}  // namespace hearth::kernels::ref
