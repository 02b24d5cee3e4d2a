// Fields of formatted text; see number_format.h.
#include "text/jinja/number_format.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "text/jinja/limits.h"
#include "text/jinja/operators.h"
#include "text/jinja/template_error.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

bool is_align(char32_t c) {
  return c == '<' || c == '>' || c == '^' || c == '=';
}

bool read_number(std::string_view text, size_t* i, int64_t* number) {
  if (*i >= text.size() || text[*i] < '0' || text[*i] > '9') return false;
  *number = 0;
  for (; *i < text.size() && text[*i] >= '0' && text[*i] <= '9'; ++*i) {
    *number = *number * 10 + (text[*i] - '0');
    check_format_width(*number);
  }
  return true;
}

std::string group_digits(const std::string& digits, char separator, size_t size) {
  std::string out;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % size == 0) out += separator;
    out += digits[i];
  }
  return out;
}

}  // namespace

void check_format_width(int64_t number) {
  if (number > kMaxFormatWidth) {
    fail_limit("a width or precision in a format is larger than " + std::to_string(kMaxFormatWidth));
  }
}

FieldFormat parse_field_format(std::string_view text) {
  FieldFormat format;
  size_t i = 0;
  bool filled = false;
  if (!text.empty()) {
    size_t next = 0;
    decode(text, &next);
    if (next < text.size() && is_align(static_cast<unsigned char>(text[next]))) {
      format.fill = text.substr(0, next);
      filled = true;
      format.align = text[next];
      i = next + 1;
    } else if (is_align(static_cast<unsigned char>(text[0]))) {
      format.align = text[0];
      i = 1;
    }
  }
  const auto take = [&](std::string_view set) {
    return i < text.size() && set.find(text[i]) != std::string_view::npos ? text[i++] : char{0};
  };
  if (const char sign = take("+- ")) format.sign = sign;
  format.alternate = take("#") != 0;
  if (take("0") != 0) {
    format.zero = true;
    if (!filled) format.fill = "0";
    if (format.align == 0) format.align = '=';
  }
  read_number(text, &i, &format.width);
  format.grouping = take(",_");
  if (take(".") != 0 && !read_number(text, &i, &format.precision)) fail("Format specifier missing precision");
  if (i < text.size()) format.type = text[i++];
  if (i != text.size()) fail("Invalid format specifier");
  return format;
}

std::string real_digits(double value, char type, int precision, bool alternate) {
  const bool upper = type < 'a';
  if (std::isnan(value)) return upper ? "NAN" : "nan";
  if (std::isinf(value)) return upper ? "INF" : "inf";
  check_format_width(precision);
  const std::string pattern = std::string(alternate ? "%#" : "%") + ".*" + type;
  std::string out(static_cast<size_t>(std::snprintf(nullptr, 0, pattern.c_str(), precision, value)), '\0');
  std::snprintf(out.data(), out.size() + 1, pattern.c_str(), precision, value);
  return out;
}

std::string place_text(const FieldFormat& format, std::string_view text, char default_align) {
  const auto length = static_cast<int64_t>(count_characters(text));
  if (length >= format.width) return std::string(text);
  const int64_t total = format.width - length;
  const char align = format.align == 0 ? default_align : format.align;
  const int64_t before = align == '<' ? 0 : align == '^' ? total / 2 : total;
  std::string out;
  for (int64_t i = 0; i < before; ++i) out += format.fill;
  out += text;
  for (int64_t i = before; i < total; ++i) out += format.fill;
  return out;
}

std::string place_number(const FieldFormat& format, bool negative, std::string_view prefix, std::string digits) {
  const std::string sign = negative ? "-" : format.sign == '+' ? "+" : format.sign == ' ' ? " " : "";
  const std::string head = sign + std::string(prefix);
  const size_t whole_end = digits.find_first_not_of("0123456789abcdefABCDEF");
  const bool finite = !digits.empty() && digits[0] >= '0' && digits[0] <= '9';
  const bool hexadecimal = format.type == 'x' || format.type == 'X';
  const size_t end = hexadecimal ? digits.size() : std::min(whole_end, digits.find_first_of(".eE"));
  std::string whole = finite || hexadecimal ? digits.substr(0, end) : digits;
  const std::string tail = whole.size() < digits.size() ? digits.substr(whole.size()) : "";
  if (format.grouping != 0) {
    const size_t size = hexadecimal || format.type == 'b' || format.type == 'o' ? 4 : 3;
    std::string grouped = group_digits(whole, format.grouping, size);
    while (format.align == '=' && format.fill == "0" &&
           static_cast<int64_t>(head.size() + grouped.size() + tail.size()) < format.width) {
      whole.insert(whole.begin(), '0');
      grouped = group_digits(whole, format.grouping, size);
    }
    whole = grouped;
  }
  const std::string body = whole + tail;
  if (format.align != '=') return place_text(format, head + body, '>');
  FieldFormat rest = format;
  rest.width = format.width - static_cast<int64_t>(head.size());
  rest.align = '>';
  return head + place_text(rest, body, '>');
}

std::string format_real(const FieldFormat& format, double value) {
  const bool negative = std::signbit(value) && !std::isnan(value);
  const double size = std::fabs(value);
  const int precision = static_cast<int>(format.precision);
  std::string digits;
  switch (format.type) {
    case 0:
      if (precision < 0) {
        digits = real_repr(size);
      } else {
        // Like g, but with a digit after the point, and scientific one power of ten earlier.
        const int significant = precision == 0 ? 1 : precision;
        const std::string scientific = real_digits(size, 'e', significant - 1, false);
        const size_t mark = scientific.find('e');
        const int exponent = mark == std::string::npos ? 0 : std::atoi(scientific.c_str() + mark + 1);
        digits = real_digits(size, 'g', significant, false);
        if (std::isfinite(size) && exponent + 1 > significant - 1 && exponent + 1 <= significant) {
          std::string mantissa = scientific.substr(0, mark);
          while (mantissa.find('.') != std::string::npos && (mantissa.back() == '0' || mantissa.back() == '.')) {
            const bool point = mantissa.back() == '.';
            mantissa.pop_back();
            if (point) break;
          }
          digits = mantissa + scientific.substr(mark);
        } else if (std::isfinite(size) && digits.find_first_of(".e") == std::string::npos) {
          digits += ".0";
        }
      }
      break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
    case 'g':
    case 'G':
      digits = real_digits(size, format.type, precision < 0 ? 6 : precision, format.alternate);
      break;
    case 'n':
      digits = real_digits(size, 'g', precision < 0 ? 6 : precision, format.alternate);
      break;
    case '%':
      digits = real_digits(size * 100, 'f', precision < 0 ? 6 : precision, format.alternate) + "%";
      break;
    default:
      fail(std::string("Unknown format code '") + format.type + "' for object of type 'float'");
  }
  return place_number(format, negative, "", std::move(digits));
}

}  // namespace hearth::text::jinja
