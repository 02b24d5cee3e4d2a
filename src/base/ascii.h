// Letters of ASCII, as protocols compare them: without the locale.
//
// Contract: bytes outside A to Z stay as they are, those of UTF-8 too.
// Not here: letters of other scripts (text/unicode.h).
#pragma once

#include <string>
#include <string_view>

namespace hearth {

inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace hearth
