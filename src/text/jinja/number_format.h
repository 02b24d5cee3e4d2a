// Numbers and strings in a field: what format specifications and the % operator share.
//
// Contract: widths and precisions beyond kMaxFormatWidth are an error. Pure functions. Not here: parsing of templates
// of text (brace_format.cpp, percent_format.cpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace hearth::text::jinja {

struct FieldFormat {
  std::string fill = " ";
  char align = 0;  // < > ^ =, 0: the default of the type
  char sign = '-';
  bool alternate = false;
  bool zero = false;
  int64_t width = 0;
  char grouping = 0;
  int64_t precision = -1;
  char type = 0;
};

FieldFormat parse_field_format(std::string_view specification);
void check_format_width(int64_t number);

// printf's e, f, g (and E, F, G) with Python's inf and nan.
std::string real_digits(double value, char type, int precision, bool alternate);
// Sign, prefix and digits laid out in the field.
std::string place_number(const FieldFormat& format, bool negative, std::string_view prefix, std::string digits);
std::string place_text(const FieldFormat& format, std::string_view text, char default_align);
std::string format_real(const FieldFormat& format, double value);

}  // namespace hearth::text::jinja
