// UTF-8 and character properties; see unicode.h. Properties and case mappings come from ICU's Unicode tables.
#include "text/jinja/unicode.h"

#include <unicode/uchar.h>
#include <unicode/ustring.h>

#include "text/jinja/template_error.h"

namespace hearth::text::jinja {

char32_t decode(std::string_view text, size_t* position) {
  const size_t at = *position;
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(at);
  *position = at + 1;
  if (lead < 0x80) return lead;
  const int extra = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : 1;
  if (lead < 0xC2 || lead > 0xF4 || at + extra >= text.size()) return kStrayByte + lead;
  char32_t c = lead & (0x3F >> extra);
  for (int i = 1; i <= extra; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return kStrayByte + lead;
    c = (c << 6) | (byte(at + i) & 0x3F);
  }
  const bool overlong = (extra == 2 && c < 0x800) || (extra == 3 && c < 0x10000);
  if (overlong || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) return kStrayByte + lead;
  *position = at + 1 + extra;
  return c;
}

void append_utf8(std::string* out, char32_t c) {
  if (c >= kStrayByte) {
    out->push_back(static_cast<char>(c - kStrayByte));
  } else if (c < 0x80) {
    out->push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out->push_back(static_cast<char>(0xC0 | (c >> 6)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | (c >> 12)));
    out->push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | (c >> 18)));
    out->push_back(static_cast<char>(0x80 | ((c >> 12) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | ((c >> 6) & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

std::u32string decode_all(std::string_view text) {
  std::u32string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size();) result.push_back(decode(text, &i));
  return result;
}

std::string encode_all(std::u32string_view text) {
  std::string result;
  result.reserve(text.size());
  for (char32_t c : text) append_utf8(&result, c);
  return result;
}

size_t previous_position(std::string_view text, size_t position) {
  for (size_t back = 2; back <= 4 && back <= position; ++back) {
    size_t at = position - back;
    if (decode(text, &at) < kStrayByte && at == position) return position - back;
  }
  return position - 1;
}

size_t count_characters(std::string_view text) {
  size_t ascii = 0;
  for (char c : text) ascii += static_cast<uint8_t>(c) < 0x80;
  if (ascii == text.size()) return ascii;
  size_t count = 0;
  for (size_t i = 0; i < text.size(); ++count) decode(text, &i);
  return count;
}

size_t byte_offset(std::string_view text, size_t characters) {
  size_t i = 0;
  while (characters > 0 && i < text.size()) {
    decode(text, &i);
    --characters;
  }
  return i;
}

size_t find_invalid_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const size_t at = i;
    if (decode(text, &i) >= kStrayByte) return at;
  }
  return std::string_view::npos;
}

bool is_space(char32_t c) {
  if (c < 0x80) return (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x20);
  return c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 ||
         c == 0x202F || c == 0x205F || c == 0x3000;
}

bool is_line_break(char32_t c) {
  return (c >= 0x0A && c <= 0x0D) || (c >= 0x1C && c <= 0x1E) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

namespace {

uint32_t category_mask(char32_t c) {
  return c >= kStrayByte ? 0 : U_GET_GC_MASK(static_cast<UChar32>(c));
}

int numeric_type(char32_t c) {
  return c >= kStrayByte ? 0 : u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_NUMERIC_TYPE);
}

bool has(char32_t c, UProperty property) {
  return c < kStrayByte && u_hasBinaryProperty(static_cast<UChar32>(c), property);
}

using CaseMapping = int32_t (*)(UChar*, int32_t, const UChar*, int32_t, UErrorCode*);

// Maps a run of valid text with a full (one to many) Unicode mapping. Case mapping at most triples UTF-16 units.
std::string map_valid(std::u32string_view text, CaseMapping mapping) {
  std::u16string source;
  for (char32_t c : text) {
    if (c >= 0x10000) {
      source.push_back(static_cast<char16_t>(0xD7C0 + (c >> 10)));
      source.push_back(static_cast<char16_t>(0xDC00 + (c & 0x3FF)));
    } else {
      source.push_back(static_cast<char16_t>(c));
    }
  }
  std::u16string target(source.size() * 3 + 4, u'\0');
  UErrorCode status = U_ZERO_ERROR;
  const int32_t length = mapping(target.data(), static_cast<int32_t>(target.size()), source.data(),
                                 static_cast<int32_t>(source.size()), &status);
  if (U_FAILURE(status)) fail("a case mapping failed");
  std::string result;
  for (int32_t i = 0; i < length;) {
    UChar32 c;
    U16_NEXT(target.data(), i, length, c);
    append_utf8(&result, static_cast<char32_t>(c));
  }
  return result;
}

int32_t upper_mapping(UChar* out, int32_t capacity, const UChar* text, int32_t length, UErrorCode* status) {
  return u_strToUpper(out, capacity, text, length, "", status);
}
int32_t lower_mapping(UChar* out, int32_t capacity, const UChar* text, int32_t length, UErrorCode* status) {
  return u_strToLower(out, capacity, text, length, "", status);
}
int32_t title_mapping(UChar* out, int32_t capacity, const UChar* text, int32_t length, UErrorCode* status) {
  return u_strToTitle(out, capacity, text, length, nullptr, "", status);
}
int32_t fold_mapping(UChar* out, int32_t capacity, const UChar* text, int32_t length, UErrorCode* status) {
  return u_strFoldCase(out, capacity, text, length, U_FOLD_CASE_DEFAULT, status);
}

std::string map_text(std::string_view text, CaseMapping mapping) {
  if (text.size() > (1u << 29)) fail_limit("a string is too long for a case mapping");
  std::string result;
  std::u32string run;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = decode(text, &i);
    if (c < kStrayByte) {
      run.push_back(c);
      continue;
    }
    result += map_valid(run, mapping);
    run.clear();
    append_utf8(&result, c);
  }
  return result + map_valid(run, mapping);
}

std::string title_of(char32_t c) {
  std::string result;
  if (is_cased(c)) return map_valid(std::u32string_view(&c, 1), title_mapping);
  append_utf8(&result, c);
  return result;
}

std::string ascii_case(std::string_view text, char first, char last) {
  std::string result(text);
  for (char& c : result) {
    if (c >= first && c <= last) c = static_cast<char>(c ^ 0x20);
  }
  return result;
}

bool is_ascii(std::string_view text) {
  uint8_t any = 0;
  for (char c : text) any |= static_cast<uint8_t>(c);
  return any < 0x80;
}

// The lower-case form of character i, with the Greek final sigma decided by what surrounds it.
std::string lower_at(const std::u32string& text, size_t i) {
  if (text[i] != 0x3A3)
    return text[i] < kStrayByte ? map_valid(std::u32string_view(&text[i], 1), lower_mapping)
                                : encode_all(std::u32string_view(&text[i], 1));
  const auto ignorable = [&](size_t k) { return has(text[k], UCHAR_CASE_IGNORABLE); };
  size_t before = i;
  while (before > 0 && ignorable(before - 1)) --before;
  bool final_sigma = before > 0 && is_cased(text[before - 1]);
  if (final_sigma) {
    size_t after = i + 1;
    while (after < text.size() && ignorable(after)) ++after;
    final_sigma = after == text.size() || !is_cased(text[after]);
  }
  return final_sigma ? "\xCF\x82" : "\xCF\x83";
}

}  // namespace

bool is_printable(char32_t c) {
  if (c == ' ') return true;
  if (c >= kStrayByte) return false;
  return (category_mask(c) & (U_GC_C_MASK | U_GC_Z_MASK)) == 0;
}
bool is_word(char32_t c) {
  return c == '_' || (category_mask(c) & (U_GC_L_MASK | U_GC_N_MASK)) != 0 || (c > 0x7F && is_numeric(c));
}
bool is_alpha(char32_t c) {
  return (category_mask(c) & U_GC_L_MASK) != 0;
}
bool is_decimal(char32_t c) {
  return numeric_type(c) == U_NT_DECIMAL;
}
bool is_digit(char32_t c) {
  return numeric_type(c) == U_NT_DECIMAL || numeric_type(c) == U_NT_DIGIT;
}
bool is_numeric(char32_t c) {
  return numeric_type(c) != U_NT_NONE;
}
bool is_upper(char32_t c) {
  return has(c, UCHAR_UPPERCASE);
}
bool is_lower(char32_t c) {
  return has(c, UCHAR_LOWERCASE);
}
bool is_title(char32_t c) {
  return (category_mask(c) & U_GC_LT_MASK) != 0;
}
bool is_cased(char32_t c) {
  return has(c, UCHAR_CASED);
}
int decimal_value(char32_t c) {
  if (c >= '0' && c <= '9') return static_cast<int>(c - '0');
  return c < 0x80 || !is_decimal(c) ? -1 : u_charDigitValue(static_cast<UChar32>(c));
}

bool is_identifier(std::string_view text) {
  if (text.empty()) return false;
  for (size_t i = 0; i < text.size();) {
    const bool first = i == 0;
    const char32_t c = decode(text, &i);
    if (c == '_') continue;
    if (!has(c, first ? UCHAR_XID_START : UCHAR_XID_CONTINUE)) return false;
  }
  return true;
}

char32_t character_by_name(const std::string& name) {
  for (const UCharNameChoice choice : {U_UNICODE_CHAR_NAME, U_CHAR_NAME_ALIAS}) {
    UErrorCode status = U_ZERO_ERROR;
    const UChar32 c = u_charFromName(choice, name.c_str(), &status);
    if (U_SUCCESS(status)) return static_cast<char32_t>(c);
  }
  return 0;
}

std::string to_upper(std::string_view text) {
  return is_ascii(text) ? ascii_case(text, 'a', 'z') : map_text(text, upper_mapping);
}
std::string to_lower(std::string_view text) {
  return is_ascii(text) ? ascii_case(text, 'A', 'Z') : map_text(text, lower_mapping);
}
std::string fold_case(std::string_view text) {
  return is_ascii(text) ? ascii_case(text, 'A', 'Z') : map_text(text, fold_mapping);
}

std::string to_title(std::string_view text) {
  const std::u32string characters = decode_all(text);
  std::string result;
  bool inside = false;
  for (size_t i = 0; i < characters.size(); ++i) {
    result += inside ? lower_at(characters, i) : title_of(characters[i]);
    inside = is_cased(characters[i]);
  }
  return result;
}

std::string capitalize(std::string_view text) {
  if (text.empty()) return "";
  if (is_ascii(text)) return ascii_case(text.substr(0, 1), 'a', 'z') + ascii_case(text.substr(1), 'A', 'Z');
  const std::u32string characters = decode_all(text);
  std::string result = title_of(characters[0]);
  for (size_t i = 1; i < characters.size(); ++i) result += lower_at(characters, i);
  return result;
}

std::string swap_case(std::string_view text) {
  const std::u32string characters = decode_all(text);
  std::string result;
  for (size_t i = 0; i < characters.size(); ++i) {
    const std::u32string_view one(&characters[i], 1);
    if (is_upper(characters[i])) {
      result += lower_at(characters, i);
    } else if (is_lower(characters[i])) {
      result += map_valid(one, upper_mapping);
    } else {
      result += encode_all(one);
    }
  }
  return result;
}

std::string_view strip_left(std::string_view text) {
  size_t start = 0;
  while (start < text.size()) {
    size_t next = start;
    if (!is_space(decode(text, &next))) break;
    start = next;
  }
  return text.substr(start);
}

std::string_view strip_right(std::string_view text) {
  size_t end = text.size();
  while (end > 0) {
    const size_t previous = previous_position(text, end);
    size_t at = previous;
    if (!is_space(decode(text, &at))) break;
    end = previous;
  }
  return text.substr(0, end);
}

}  // namespace hearth::text::jinja
