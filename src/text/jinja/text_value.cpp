// Values as text: str(), repr(), escaping, and numbers read from text; see operators.h.
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "text/jinja/limits.h"
#include "text/jinja/operators.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

void append_repr(Interpreter& interpreter, const Value& value, std::string* out, int depth);

// `[a, b]`, `(a,)`
void append_items(Interpreter& interpreter, const std::vector<Value>& items, std::string* out, int depth) {
  bool first = true;
  for (const Value& item : items) {
    if (!first) *out += ", ";
    first = false;
    append_repr(interpreter, item, out, depth + 1);
  }
}

void append_entries(Interpreter& interpreter, const DictObject& dict, DictViewObject::Part part, std::string* out,
                    int depth) {
  bool first = true;
  for (const auto& [key, value] : dict.entries()) {
    if (!first) *out += ", ";
    first = false;
    if (part == DictViewObject::Part::kItems) *out += "(";
    if (part != DictViewObject::Part::kValues) append_repr(interpreter, key, out, depth + 1);
    if (part == DictViewObject::Part::kItems) *out += ", ";
    if (part != DictViewObject::Part::kKeys) append_repr(interpreter, value, out, depth + 1);
    if (part == DictViewObject::Part::kItems) *out += ")";
  }
}

void append_dict(Interpreter& interpreter, const DictObject& dict, std::string* out, int depth) {
  *out += "{";
  bool first = true;
  for (const auto& [key, value] : dict.entries()) {
    if (!first) *out += ", ";
    first = false;
    append_repr(interpreter, key, out, depth + 1);
    *out += ": ";
    append_repr(interpreter, value, out, depth + 1);
  }
  *out += "}";
}

std::string range_repr(const RangeObject& range) {
  std::string text = "range(" + std::to_string(range.start) + ", " + std::to_string(range.stop);
  if (range.step != 1) text += ", " + std::to_string(range.step);
  return text + ")";
}

void append_object_repr(Interpreter& interpreter, const Value& value, std::string* out, int depth) {
  switch (value.kind()) {
    case Kind::kString:
      *out += value.string().markup() ? "Markup(" + repr_text(value.text()) + ")" : repr_text(value.text());
      break;
    case Kind::kList:
      *out += "[";
      append_items(interpreter, value.items(), out, depth);
      *out += "]";
      break;
    case Kind::kTuple:
      *out += "(";
      append_items(interpreter, value.items(), out, depth);
      *out += value.items().size() == 1 ? ",)" : ")";
      break;
    case Kind::kDict:
      append_dict(interpreter, value.dict(), out, depth);
      break;
    case Kind::kDictView:
      *out += std::string(type_name(value)) + "([";
      append_entries(interpreter, value.dict_view().dict(), value.dict_view().part(), out, depth);
      *out += "])";
      break;
    case Kind::kRange:
      *out += range_repr(value.range());
      break;
    case Kind::kIterator:
      *out += "<generator object>";
      break;
    case Kind::kNative: {
      const Interpreter::Depth level(interpreter);
      *out += value.native().repr(interpreter);
      break;
    }
    default:
      *out += "Undefined";
      break;
  }
}

void append_repr(Interpreter& interpreter, const Value& value, std::string* out, int depth) {
  interpreter.step();
  if (depth > kMaxValueDepth) {
    fail_limit("a value is nested deeper than " + std::to_string(kMaxValueDepth) + " levels");
  }
  if ((out->size() & 0xFFF) < 64) interpreter.heap().ensure(out->size());
  switch (value.kind()) {
    case Kind::kMissing:
    case Kind::kNone:
      *out += "None";
      break;
    case Kind::kBool:
      *out += value.as_bool() ? "True" : "False";
      break;
    case Kind::kInteger:
      *out += integer_text(value.as_integer());
      break;
    case Kind::kFloat:
      *out += real_repr(value.as_real());
      break;
    default: {
      const size_t before = out->size();
      append_object_repr(interpreter, value, out, depth);
      interpreter.work(out->size() - before);
      interpreter.heap().ensure(out->size());
    }
  }
}

}  // namespace

std::string to_repr(Interpreter& interpreter, const Value& value) {
  std::string text;
  append_repr(interpreter, value, &text, 0);
  return text;
}

void append_text(Interpreter& interpreter, const Value& value, std::string* out) {
  if (value.is_string()) {
    interpreter.work(value.text().size());
    interpreter.heap().ensure(out->size() + value.text().size());
    out->append(value.text());
  } else if (!value.is_undefined()) {
    append_repr(interpreter, value, out, 0);
  }
}

std::string to_text(Interpreter& interpreter, const Value& value) {
  std::string text;
  append_text(interpreter, value, &text);
  return text;
}

std::string repr_text(std::string_view text) {
  const bool double_quoted = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = double_quoted ? '"' : '\'';
  std::string out(1, quote);
  for (size_t i = 0; i < text.size();) {
    const char32_t c = decode(text, &i);
    char escape[16];
    if (c == static_cast<char32_t>(quote) || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\r') {
      out += "\\r";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_printable(c)) {
      append_utf8(&out, c);
    } else {
      const auto code = static_cast<unsigned>(c >= kStrayByte ? 0xDC00 + (c - kStrayByte) : c);
      std::snprintf(escape, sizeof escape, code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
      out += escape;
    }
  }
  return out + quote;
}

std::string integer_text(Integer value, int base) {
  char digits[130];
  size_t i = sizeof digits;
  __extension__ typedef unsigned __int128 Unsigned;
  Unsigned rest = value < 0 ? -static_cast<Unsigned>(value) : static_cast<Unsigned>(value);
  do {
    digits[--i] = "0123456789abcdef"[static_cast<int>(rest % static_cast<unsigned>(base))];
    rest /= static_cast<unsigned>(base);
  } while (rest != 0);
  if (value < 0) digits[--i] = '-';
  return std::string(digits + i, sizeof digits - i);
}

// Python's repr(float): the shortest digits that read back the same, in exponent form below 1e-4 and from 1e16.
std::string real_repr(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, std::fabs(value), std::chars_format::scientific).ptr;
  const std::string text(buffer, end);
  const size_t mark = text.find('e');
  const int exponent = std::atoi(text.c_str() + mark + 1);
  std::string digits = text.substr(0, 1);
  if (mark > 2) digits += text.substr(2, mark - 2);
  std::string out = std::signbit(value) ? "-" : "";
  const int count = static_cast<int>(digits.size());
  if (exponent < -4 || exponent >= 16) {
    out += digits.substr(0, 1);
    if (count > 1) out += "." + digits.substr(1);
    char tail[16];
    std::snprintf(tail, sizeof tail, "e%c%02d", exponent < 0 ? '-' : '+', std::abs(exponent));
    return out + tail;
  }
  if (exponent < 0) return out + "0." + std::string(static_cast<size_t>(-exponent - 1), '0') + digits;
  if (count <= exponent + 1) return out + digits + std::string(static_cast<size_t>(exponent + 1 - count), '0') + ".0";
  return out + digits.substr(0, static_cast<size_t>(exponent + 1)) + "." +
         digits.substr(static_cast<size_t>(exponent + 1));
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '\'':
        out += "&#39;";
        break;
      case '"':
        out += "&#34;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Value soft_string(Interpreter& interpreter, const Value& value) {
  return value.is_string() ? value : interpreter.string(to_text(interpreter, value));
}

std::string escaped_text(Interpreter& interpreter, const Value& value) {
  if (value.is_string() && value.string().markup()) return std::string(value.text());
  const std::string text = to_text(interpreter, value);
  interpreter.heap().ensure(text.size() * 5);
  return escape_html(text);
}

bool parse_integer(std::string_view text, int base, Integer* out) {
  text = strip(text);
  bool negative = false;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) {
    negative = text[0] == '-';
    text.remove_prefix(1);
  }
  const char mark = text.size() > 1 && text[0] == '0' ? static_cast<char>(text[1] | 0x20) : 0;
  const int marked = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 0;
  bool prefixed = false;
  if (marked != 0 && (base == 0 || base == marked)) {
    base = marked;
    text.remove_prefix(2);
    prefixed = true;
  }
  const bool auto_decimal = base == 0;
  if (auto_decimal) base = 10;
  Integer value = 0;
  bool after_digit = prefixed, any = false, nonzero_lead = false;
  for (size_t i = 0; i < text.size();) {
    const char32_t c = decode(text, &i);
    if (c == '_') {
      if (!after_digit) return false;
      after_digit = false;
      continue;
    }
    int digit = decimal_value(c);
    if (digit < 0 && c < 0x80 && ((c | 0x20) >= 'a') && ((c | 0x20) <= 'z'))
      digit = static_cast<int>((c | 0x20) - 'a' + 10);
    if (digit < 0 || digit >= base) return false;
    if (!any) nonzero_lead = digit != 0;
    if (auto_decimal && any && !nonzero_lead && digit != 0) return false;
    if (__builtin_mul_overflow(value, static_cast<Integer>(base), &value) ||
        __builtin_add_overflow(value, static_cast<Integer>(digit), &value)) {
      fail("an integer is too large (the limit is 127 bits)");
    }
    after_digit = any = true;
  }
  *out = negative ? -value : value;
  return any && after_digit;
}

bool parse_real(std::string_view text, double* out) {
  text = strip(text);
  std::string clean;
  for (size_t i = 0; i < text.size();) {
    const bool after_digit = !clean.empty() && clean.back() >= '0' && clean.back() <= '9';
    const char32_t c = decode(text, &i);
    const int digit = decimal_value(c);
    if (c == '_') {
      size_t next = i;
      if (!after_digit || i >= text.size() || decimal_value(decode(text, &next)) < 0) return false;
    } else if (digit >= 0) {
      clean.push_back(static_cast<char>('0' + digit));
    } else if (c < 0x80) {
      clean.push_back(static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c));
    } else {
      return false;
    }
  }
  std::string_view body = clean;
  if (!body.empty() && (body[0] == '-' || body[0] == '+')) body.remove_prefix(1);
  if (body.empty()) return false;
  const bool word = body == "inf" || body == "infinity" || body == "nan";
  if (!word && body.find_first_not_of("0123456789.e+-") != std::string_view::npos) return false;
  char* end = nullptr;
  *out = std::strtod(clean.c_str(), &end);
  return end == clean.c_str() + clean.size();
}

}  // namespace hearth::text::jinja
