// UTF-8 and the character properties of Python's str.
//
// Contract: text is UTF-8; a byte that is no part of a valid sequence counts as one character of its own (a code point
// in kStrayByte..kStrayByte+255) and is written back as that byte, so nothing is lost. Pure functions.
// Not here: operations on values (string_methods.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::text::jinja {

inline constexpr char32_t kStrayByte = 0x110000;

char32_t decode(std::string_view text, size_t* position);  // position < text.size(); advances
void append_utf8(std::string* out, char32_t c);
std::u32string decode_all(std::string_view text);
std::string encode_all(std::u32string_view text);
size_t previous_position(std::string_view text, size_t position);  // start of the character that ends at position > 0
size_t count_characters(std::string_view text);
size_t byte_offset(std::string_view text, size_t characters);  // clamped to the end
// First byte that is no valid UTF-8, or npos.
size_t find_invalid_utf8(std::string_view text);

bool is_space(char32_t c);
bool is_line_break(char32_t c);
bool is_printable(char32_t c);
bool is_word(char32_t c);
bool is_alpha(char32_t c);
bool is_decimal(char32_t c);
bool is_digit(char32_t c);
bool is_numeric(char32_t c);
bool is_upper(char32_t c);
bool is_lower(char32_t c);
bool is_title(char32_t c);
bool is_cased(char32_t c);
int decimal_value(char32_t c);  // -1: none
bool is_identifier(std::string_view text);
char32_t character_by_name(const std::string& name);  // 0: none

std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string fold_case(std::string_view text);
std::string to_title(std::string_view text);    // str.title()
std::string capitalize(std::string_view text);  // str.capitalize()
std::string swap_case(std::string_view text);

std::string_view strip_left(std::string_view text);
std::string_view strip_right(std::string_view text);
inline std::string_view strip(std::string_view text) {
  return strip_left(strip_right(text));
}

}  // namespace hearth::text::jinja
