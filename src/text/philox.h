// Philox4x64-10: counter-based random numbers (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
//
// Contract: a pure function of key and counter, so a draw depends on nothing but its (seed, choice, position, draw) and
// never on what was drawn before. Checked against the published known-answer vectors and numpy's Philox.
// Not here: what is drawn (text/sampler.h). Not for secrets.
#pragma once

#include <array>
#include <cstdint>

namespace hearth::text {

inline std::array<uint64_t, 4> philox(std::array<uint64_t, 4> counter, std::array<uint64_t, 2> key) {
  constexpr uint64_t kMultiplier0 = 0xD2E7470EE14C6C93u, kMultiplier1 = 0xCA5A826395121157u;
  constexpr uint64_t kWeyl0 = 0x9E3779B97F4A7C15u, kWeyl1 = 0xBB67AE8584CAA73Bu;
  for (int round = 0; round < 10; ++round) {
    const unsigned __int128 product0 = static_cast<unsigned __int128>(kMultiplier0) * counter[0];
    const unsigned __int128 product1 = static_cast<unsigned __int128>(kMultiplier1) * counter[2];
    counter = {static_cast<uint64_t>(product1 >> 64) ^ counter[1] ^ key[0], static_cast<uint64_t>(product1),
               static_cast<uint64_t>(product0 >> 64) ^ counter[3] ^ key[1], static_cast<uint64_t>(product0)};
    key[0] += kWeyl0;
    key[1] += kWeyl1;
  }
  return counter;
}

// The sampler's uniform in [0, 1) with 53 random bits.
inline double uniform(uint64_t seed, uint64_t choice, uint64_t position, uint64_t draw) {
  return static_cast<double>(philox({position, draw, 0, 0}, {seed, choice})[0] >> 11) * 0x1p-53;
}

}  // namespace hearth::text
