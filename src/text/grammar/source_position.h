// Where in a text: for errors about schemas and grammars.
//
// Contract: pure; a position behind the end is the end.
// Not here: JSON pointers.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace hearth::text::grammar {

// "line 3, column 14" of a byte.
inline std::string position_in(std::string_view text, size_t byte) {
  byte = std::min(byte, text.size());
  const auto line = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(byte), '\n') + 1;
  const size_t begin = byte == 0 ? std::string_view::npos : text.rfind('\n', byte - 1);
  const size_t column = begin == std::string_view::npos ? byte + 1 : byte - begin;
  return "line " + std::to_string(line) + ", column " + std::to_string(column);
}

}  // namespace hearth::text::grammar
