// Ends an answer at the first stop string, wherever token borders fall, and never lets a byte of one out.
//
// Contract: a match is the one that is complete first, reading byte by byte (the longest of those that end together), so
// the text that comes out does not depend on how it was cut into pieces. What could still become a stop string is held
// back. Not thread-safe.
// Not here: stop tokens (engine/generate.h), whole characters (StreamDecoder).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/error.h"

namespace hearth::text {

inline constexpr size_t kMaxStopStrings = 64;
inline constexpr size_t kMaxStopStringBytes = 1024;

// Refuses empty strings and more or longer ones than the limits; the error names the entry.
Result<void> validate_stop_strings(const std::vector<std::string>& stops);

class StopStrings {
 public:
  explicit StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {}

  // Appends what is now certain to be answer to `out`. True once a stop string is complete; pieces after it are ignored.
  bool push(std::string_view piece, std::string* out);
  // The answer ended without a stop string: what was held back belongs to it.
  void finish(std::string* out);
  bool stopped() const { return !matched_.empty(); }
  const std::string& matched() const { return matched_; }  // the stop string, empty if none

 private:
  std::vector<std::string> stops_;
  std::string held_;
  std::string matched_;
};

}  // namespace hearth::text
