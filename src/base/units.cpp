// Decimal scaling and formatting with snprintf, which is enough for numbers that are read once.
//
// Contract: see units.h.
#include "base/units.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace hearth {
namespace {

std::string scaled(uint64_t number, const std::array<const char*, 5>& units) {
  double value = static_cast<double>(number) / 1000;
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < units.size()) {
    value /= 1000;
    ++unit;
  }
  std::array<char, 32> buffer;
  const char* format = value < 9.995 ? "%.2f%s" : value < 99.95 ? "%.1f%s" : "%.0f%s";
  std::snprintf(buffer.data(), buffer.size(), format, value, units[unit]);
  return buffer.data();
}

}  // namespace

std::string format_bytes(uint64_t bytes) {
  return bytes < 1000 ? std::to_string(bytes) + " B" : scaled(bytes, {" kB", " MB", " GB", " TB", " PB"});
}

std::string format_count(uint64_t count) {
  return count < 1000 ? std::to_string(count) : scaled(count, {"K", "M", "B", "T", "P"});
}

std::string format_duration(double seconds) {
  std::array<char, 48> buffer;
  const auto whole = static_cast<long long>(std::clamp(seconds, 0.0, 3.6e9) + 0.5);
  if (whole < 60) {
    std::snprintf(buffer.data(), buffer.size(), "%lld s", whole);
  } else if (whole < 3600) {
    std::snprintf(buffer.data(), buffer.size(), "%lld min %02lld s", whole / 60, whole % 60);
  } else {
    std::snprintf(buffer.data(), buffer.size(), "%lld h %02lld min", whole / 3600, whole / 60 % 60);
  }
  return buffer.data();
}

}  // namespace hearth
