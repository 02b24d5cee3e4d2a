// Sizes, counts and durations for people.
//
// Contract: pure; a point in every locale; three significant digits. Not here: machine-readable output, which prints numbers.
#pragma once

#include <cstdint>
#include <string>

namespace hearth {

std::string format_bytes(uint64_t bytes);     // "98.4 MB": decimal units, as file sizes are given elsewhere
std::string format_count(uint64_t count);     // "134M", "1.54B", "960"
std::string format_duration(double seconds);  // "4 s", "2 min 05 s", "1 h 02 min"

}  // namespace hearth
