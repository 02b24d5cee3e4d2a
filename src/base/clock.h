// Monotonic time for measuring, never for results.
//
// Contract: nanoseconds since an arbitrary start; thread-safe. What decides by measured times takes a Clock, so that a test
// can give it any. Not here: wall-clock dates.
#pragma once

#include <cstdint>
#include <ctime>

namespace hearth {

inline int64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

inline double seconds_since(int64_t start_ns) { return static_cast<double>(monotonic_ns() - start_ns) * 1e-9; }

class Clock {
 public:
  virtual ~Clock() = default;
  virtual int64_t now_ns() const = 0;
};

class MonotonicClock final : public Clock {
 public:
  int64_t now_ns() const override { return monotonic_ns(); }
};

inline const Clock& monotonic_clock() {
  static const MonotonicClock clock;
  return clock;
}

}  // namespace hearth
