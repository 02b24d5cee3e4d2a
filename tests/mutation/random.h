// A small deterministic random source for tests.
//
// Contract: the same seed gives the same numbers on every machine. Not thread-safe.
// Not here: the sampler's generator.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace hearth::mutation {

class Random {  // splitmix64
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  uint64_t below(uint64_t limit) { return limit == 0 ? 0 : next() % limit; }
  template <class Container>
  const auto& pick(const Container& items) {
    return items[below(std::size(items))];
  }

 private:
  uint64_t state_;
};

}  // namespace hearth::mutation
