// Escapes of string literals; see string_literal.h.
#include "text/jinja/string_literal.h"

#include <cstdio>

#include "text/jinja/template_error.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char low = static_cast<char>(c | 0x20);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

char32_t read_hex(std::string_view body, size_t* i, int count, char mark) {
  char32_t value = 0;
  for (int k = 0; k < count; ++k) {
    const int digit = *i < body.size() ? hex_digit(body[*i]) : -1;
    if (digit < 0) fail(std::string("truncated \\") + mark + " escape in a string");
    value = value * 16 + static_cast<char32_t>(digit);
    ++*i;
  }
  if (value > 0x10FFFF) fail("illegal Unicode character in a string");
  if (value >= 0xD800 && value <= 0xDFFF) fail("a lone surrogate in a string is no character");
  return value;
}

char32_t read_name(std::string_view body, size_t* i) {
  const size_t end = *i < body.size() && body[*i] == '{' ? body.find('}', *i) : std::string_view::npos;
  if (end == std::string_view::npos) fail("malformed \\N character escape in a string");
  const char32_t c = character_by_name(std::string(body.substr(*i + 1, end - *i - 1)));
  if (c == 0) fail("unknown Unicode character name in a string");
  *i = end + 1;
  return c;
}

char32_t read_octal(std::string_view body, size_t* i, char first) {
  char32_t value = static_cast<char32_t>(first - '0');
  for (int k = 0; k < 2 && *i < body.size() && body[*i] >= '0' && body[*i] <= '7'; ++k, ++*i) {
    value = value * 8 + static_cast<char32_t>(body[*i] - '0');
  }
  return value;
}

// Python escapes what is not ASCII before it decodes the literal, so a backslash before such a character is followed by
// the character's own escape, spelt out.
void append_spelt_out(std::string_view body, size_t* i, std::string* out) {
  char spelt[16];
  const unsigned c = static_cast<unsigned>(decode(body, i));
  std::snprintf(spelt, sizeof spelt, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
  *out += spelt;
}

void append_escape(std::string_view body, size_t* i, std::string* out) {
  constexpr std::string_view kLetters = "\\'\"abfnrtv";
  constexpr std::string_view kMeanings = "\\'\"\a\b\f\n\r\t\v";
  if (static_cast<unsigned char>(body[*i]) >= 0x80) {
    append_spelt_out(body, i, out);
    return;
  }
  const char c = body[(*i)++];
  const size_t simple = kLetters.find(c);
  if (simple != std::string_view::npos) {
    out->push_back(kMeanings[simple]);
  } else if (c == 'x') {
    append_utf8(out, read_hex(body, i, 2, c));
  } else if (c == 'u') {
    append_utf8(out, read_hex(body, i, 4, c));
  } else if (c == 'U') {
    append_utf8(out, read_hex(body, i, 8, c));
  } else if (c == 'N') {
    append_utf8(out, read_name(body, i));
  } else if (c >= '0' && c <= '7') {
    append_utf8(out, read_octal(body, i, c));
  } else if (c != '\n') {
    out->push_back('\\');
    out->push_back(c);
  }
}

}  // namespace

std::string unescape_string(std::string_view body) {
  std::string result;
  for (size_t i = 0; i < body.size();) {
    if (body[i] != '\\') {
      result.push_back(body[i++]);
    } else {
      ++i;
      append_escape(body, &i, &result);
    }
  }
  return result;
}

}  // namespace hearth::text::jinja
