// UTF-8 decoding, character classes and NFC, as the tokenizers need them.
//
// Contract: every function accepts any bytes; a byte that is not part of well-formed UTF-8 is one character of class kOther
// and length 1. Thread-safe. Classes come from ICU's Unicode tables, white space is Unicode's White_Space property.
// Not here: case mapping, regular expressions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::text {

// Exactly one class per character.
enum class CharClass : uint8_t { kOther, kLetter, kNumber, kSpace, kMark, kPunctuation, kSymbol };

struct DecodedChar {
  uint32_t code_point;  // kInvalidChar where the bytes are not well formed
  uint32_t length;      // bytes, at least 1
};
inline constexpr uint32_t kInvalidChar = 0xFFFFFFFF;

// The character at `position`; position < text.size().
DecodedChar decode_char(std::string_view text, size_t position);
CharClass class_of_code_point(uint32_t code_point);

struct ClassedChar {
  CharClass char_class;
  uint32_t length;
};

namespace internal {
extern const CharClass kAsciiClasses[128];
ClassedChar classed_multibyte(std::string_view text, size_t position);
}  // namespace internal

// Class and length of the character at `position`; position < text.size().
inline ClassedChar classed_char(std::string_view text, size_t position) {
  const auto byte = static_cast<unsigned char>(text[position]);
  if (byte < 0x80) return {internal::kAsciiClasses[byte], 1};
  return internal::classed_multibyte(text, position);
}

// Bytes at the start of `text` that are the beginning of a character, whole or cut short by the end of the text.
// `complete` tells which. 0: the first byte (with `bad` bytes in all) can never become one.
struct CharPrefix {
  size_t length;
  bool complete;
  size_t bad;  // maximal ill-formed part, where length is 0
};
CharPrefix char_prefix(std::string_view text);

bool is_valid_utf8(std::string_view text);
void append_utf8(uint32_t code_point, std::string* out);

// True when NFC would leave the text as it is; invalid bytes are left alone by NFC.
bool is_nfc(std::string_view text);
std::string to_nfc(std::string_view text);

}  // namespace hearth::text
