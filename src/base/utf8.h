// UTF-8: validation, stepping through characters, and making foreign bytes safe to print.
//
// Contract: exactly the well-formed sequences of the Unicode standard are accepted (no overlong forms, no surrogates,
// nothing above U+10FFFF). Pure functions, thread-safe. Positions and lengths are in bytes.
// Not here: character properties and normalisation (text/).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace hearth {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// One step: `length` bytes (at least 1) at the position. If the bytes there are not a character, `valid` is false, `code`
// is U+FFFD and `length` covers the maximal ill-formed part, as the Unicode standard recommends for replacement.
struct Utf8Step {
  char32_t code;
  int length;
  bool valid;
};
// `position` < text.size().
Utf8Step utf8_step(std::string_view text, size_t position);

bool is_valid_utf8(std::string_view text);

// Bytes at the end of `text` that begin a character and lack its rest: 0 to 3. A stream holds these back.
size_t utf8_incomplete_tail(std::string_view text);

// Appends a code point; surrogates and values above U+10FFFF become U+FFFD.
void append_utf8(std::string* text, char32_t code);

// `text` with every ill-formed part replaced by U+FFFD.
std::string replace_invalid_utf8(std::string_view text);

// `text` for a message or a terminal: control characters (also U+0080-9F, bidirectional overrides) and ill-formed bytes
// as \n, \x1b, \u202e; at most `max_bytes` of input, then "...".
std::string printable(std::string_view text, size_t max_bytes = 200);

}  // namespace hearth
