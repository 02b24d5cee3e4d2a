// Byte by byte: the held text is always the longest suffix of what was read that begins some stop string.
// Contract and exclusions: text/stop_strings.h.
#include "text/stop_strings.h"

#include <algorithm>

namespace hearth::text {

Result<void> validate_stop_strings(const std::vector<std::string>& stops) {
  if (stops.size() > kMaxStopStrings) {
    return Error{ErrorCode::kInvalidArgument, "stop has " + std::to_string(stops.size()) + " strings; at most " +
                                                  std::to_string(kMaxStopStrings) + " are possible"};
  }
  for (size_t i = 0; i < stops.size(); ++i) {
    if (!stops[i].empty() && stops[i].size() <= kMaxStopStringBytes) continue;
    return Error{ErrorCode::kInvalidArgument,
                 "stop string " + std::to_string(i + 1) + " has " + std::to_string(stops[i].size()) +
                     " bytes; it must have 1 to " + std::to_string(kMaxStopStringBytes)};
  }
  return {};
}

bool StopStrings::push(std::string_view piece, std::string* out) {
  if (stopped()) return true;
  if (stops_.empty()) {
    out->append(piece);
    return false;
  }
  for (const char byte : piece) {
    held_ += byte;
    const std::string* longest = nullptr;
    for (const std::string& stop : stops_) {
      if (held_.ends_with(stop) && (longest == nullptr || stop.size() > longest->size())) longest = &stop;
    }
    if (longest != nullptr) {
      matched_ = *longest;
      out->append(held_, 0, held_.size() - longest->size());
      held_.clear();
      return true;
    }
    // Bytes leave at the front until the rest begins a stop string.
    size_t gone = 0;
    const auto may_begin = [&](const std::string& stop) {
      return std::string_view(stop).starts_with(std::string_view(held_).substr(gone));
    };
    while (gone < held_.size() && std::none_of(stops_.begin(), stops_.end(), may_begin)) ++gone;
    out->append(held_, 0, gone);
    held_.erase(0, gone);
  }
  return false;
}

void StopStrings::finish(std::string* out) {
  out->append(held_);
  held_.clear();
}

}  // namespace hearth::text
