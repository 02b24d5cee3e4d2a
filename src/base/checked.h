// Checked 64-bit arithmetic for every number that comes from a file or a request.
//
// Contract: returns false on overflow and leaves `out` unspecified. Thread-safe, no state.
#pragma once

#include <cstdint>

namespace hearth {

[[nodiscard]] inline bool checked_add(uint64_t a, uint64_t b, uint64_t* out) { return !__builtin_add_overflow(a, b, out); }
[[nodiscard]] inline bool checked_mul(uint64_t a, uint64_t b, uint64_t* out) { return !__builtin_mul_overflow(a, b, out); }

// Rounds up to a multiple of `alignment`, a power of two.
[[nodiscard]] inline bool checked_align(uint64_t value, uint64_t alignment, uint64_t* out) {
  if (!checked_add(value, alignment - 1, out)) return false;
  *out &= ~(alignment - 1);
  return true;
}

}  // namespace hearth
