// A set of byte values.
//
// Contract: a plain value; no allocation.
// Not here: sets of characters (code_points.h).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace hearth::text::grammar {

struct ByteSet {
  std::array<uint64_t, 4> words{};

  static ByteSet range(int first, int last) {
    ByteSet set;
    for (int b = first; b <= last; ++b) set.add(static_cast<uint8_t>(b));
    return set;
  }
  static ByteSet all() { return range(0, 255); }
  void add(uint8_t byte) { words[byte >> 6] |= uint64_t{1} << (byte & 63); }
  bool has(uint8_t byte) const { return words[byte >> 6] >> (byte & 63) & 1; }
  bool empty() const { return (words[0] | words[1] | words[2] | words[3]) == 0; }
  size_t size() const {
    size_t count = 0;
    for (const uint64_t word : words) count += static_cast<size_t>(std::popcount(word));
    return count;
  }
  ByteSet operator|(const ByteSet& other) const {
    ByteSet result;
    for (size_t i = 0; i < 4; ++i) result.words[i] = words[i] | other.words[i];
    return result;
  }
  ByteSet operator&(const ByteSet& other) const {
    ByteSet result;
    for (size_t i = 0; i < 4; ++i) result.words[i] = words[i] & other.words[i];
    return result;
  }
  ByteSet operator~() const {
    ByteSet result;
    for (size_t i = 0; i < 4; ++i) result.words[i] = ~words[i];
    return result;
  }
  bool operator==(const ByteSet& other) const = default;
};

}  // namespace hearth::text::grammar
