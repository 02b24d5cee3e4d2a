// SHA-256 digests as 32 bytes, and the running computation of one.
//
// Contract: text becomes a Digest only if it is exactly 64 lower-case hex digits; file names are made from a Digest, never
// from text, so nothing written in a catalogue can name another path.
// Not here: what is hashed.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "hearth/error.h"

namespace hearth {

using Digest = std::array<uint8_t, 32>;

Result<Digest> parse_digest(std::string_view hex);
std::string to_hex(const Digest& digest);

class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;
  void update(std::string_view bytes);
  Digest digest() const;  // of everything so far; more may follow

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

Digest sha256_of(std::string_view bytes);
// Feeds the first `bytes` bytes of an open file into `hash`; `progress` is told how many are done.
Result<void> hash_file(int file_descriptor, const std::string& path, uint64_t bytes, Sha256* hash,
                       const std::function<void(uint64_t)>& progress, const std::atomic<bool>* cancel);

}  // namespace hearth
