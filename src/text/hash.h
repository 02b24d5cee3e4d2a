// Hash of short byte strings and of pairs of ids, for the tokenizers' open-addressing tables.
//
// Contract: pure functions; the value is never stored or shown, so that it may change between versions.
// Not here: the tables.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace hearth::text {

namespace internal {

inline uint64_t fold_multiply(uint64_t a, uint64_t b) {
  const auto product = static_cast<unsigned __int128>(a) * b;
  return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t load64(const char* p) {
  uint64_t value;
  std::memcpy(&value, p, 8);
  return value;
}

inline uint64_t load32(const char* p) {
  uint32_t value;
  std::memcpy(&value, p, 4);
  return value;
}

}  // namespace internal

inline uint64_t hash_bytes(std::string_view bytes) {
  constexpr uint64_t kFirst = 0x9E3779B97F4A7C15u, kSecond = 0xD6E8FEB86659FD93u;
  const char* p = bytes.data();
  size_t n = bytes.size();
  uint64_t state = kFirst ^ n;
  if (n < 4) {
    if (n == 0) return internal::fold_multiply(state, kSecond);
    const auto at = [p](size_t i) { return static_cast<uint64_t>(static_cast<unsigned char>(p[i])); };
    return internal::fold_multiply(state ^ (at(0) | at(n / 2) << 8 | at(n - 1) << 16), kSecond);
  }
  if (n <= 8) {
    return internal::fold_multiply(state ^ (internal::load32(p) | internal::load32(p + n - 4) << 32), kSecond);
  }
  while (n > 16) {
    state = internal::fold_multiply(state ^ internal::load64(p), kSecond ^ internal::load64(p + 8));
    p += 16;
    n -= 16;
  }
  // 9 to 16 bytes are left on the first pass, 1 to 16 later: the last 16 may overlap what was read.
  const char* end = p + n;
  if (bytes.size() >= 16) return internal::fold_multiply(state ^ internal::load64(end - 16), kSecond ^ internal::load64(end - 8));
  return internal::fold_multiply(state ^ internal::load64(p), kSecond ^ internal::load64(end - 8));
}

inline uint64_t hash_pair(int32_t left, int32_t right) {
  const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  return internal::fold_multiply(key ^ 0x9E3779B97F4A7C15u, 0xD6E8FEB86659FD93u);
}

}  // namespace hearth::text
