// Hash of short byte strings and of pairs of ids, for the tokenizers' open-addressing tables.
//
// Contract: pure functions; the values are never stored or shown, so that they may change between versions.
// Not here: the tables.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace hearth::text {

namespace internal {

inline constexpr uint64_t kFirstFactor = 0x9E3779B97F4A7C15u, kSecondFactor = 0xD6E8FEB86659FD93u;

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

// Together with the length these are all the bytes of a string of at most 16: equal keys and lengths mean equal strings.
// Up to 8 bytes `second` is 0.
struct ShortKey {
  uint64_t first, second;
};
inline constexpr size_t kShortKeyBytes = 16;

inline ShortKey short_key(std::string_view bytes) {
  const char* p = bytes.data();
  const size_t n = bytes.size();
  if (n > 8) return {internal::load64(p), internal::load64(p + n - 8)};
  if (n >= 4) return {internal::load32(p) | internal::load32(p + n - 4) << 32, 0};
  if (n == 0) return {0, 0};
  const auto at = [p](size_t i) { return static_cast<uint64_t>(static_cast<unsigned char>(p[i])); };
  return {at(0) | at(n / 2) << 8 | at(n - 1) << 16, 0};
}

inline uint64_t hash_short(ShortKey key, size_t length) {
  return internal::fold_multiply(key.first ^ internal::kFirstFactor ^ length, key.second ^ internal::kSecondFactor);
}

inline uint64_t hash_bytes(std::string_view bytes) {
  if (bytes.size() <= kShortKeyBytes) return hash_short(short_key(bytes), bytes.size());
  const char* p = bytes.data();
  const char* end = p + bytes.size();
  uint64_t state = internal::kFirstFactor ^ bytes.size();
  for (; end - p > 16; p += 16) {
    state = internal::fold_multiply(state ^ internal::load64(p), internal::kSecondFactor ^ internal::load64(p + 8));
  }
  return internal::fold_multiply(state ^ internal::load64(end - 16), internal::kSecondFactor ^ internal::load64(end - 8));
}

// One step of a hash over a sequence of numbers.
inline uint64_t mix_hash(uint64_t state, uint64_t value) {
  return internal::fold_multiply(state ^ value ^ internal::kFirstFactor, internal::kSecondFactor ^ (state << 7));
}

inline uint64_t hash_pair(int32_t left, int32_t right) {
  const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(left)) << 32 | static_cast<uint32_t>(right);
  return internal::fold_multiply(key ^ internal::kFirstFactor, internal::kSecondFactor);
}

}  // namespace hearth::text
