// str.format and format specifications; see methods.h.
#include "text/jinja/access.h"
#include "text/jinja/limits.h"
#include "text/jinja/methods.h"
#include "text/jinja/number_format.h"
#include "text/jinja/operators.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

std::string format_integer(const FieldFormat& format, Integer value) {
  if (format.precision >= 0) fail("Precision not allowed in integer format specifier");
  int base = 10;
  std::string prefix;
  switch (format.type) {
    case 0:
    case 'd':
    case 'n':
      break;
    case 'b':
      base = 2;
      prefix = "0b";
      break;
    case 'o':
      base = 8;
      prefix = "0o";
      break;
    case 'x':
      base = 16;
      prefix = "0x";
      break;
    case 'X':
      base = 16;
      prefix = "0X";
      break;
    case 'c': {
      if (value < 0 || value > 0x10FFFF || (value >= 0xD800 && value <= 0xDFFF)) fail("%c arg not a character");
      std::string character;
      append_utf8(&character, static_cast<char32_t>(value));
      return place_text(format, character, '<');
    }
    default:
      fail(std::string("Unknown format code '") + format.type + "' for object of type 'int'");
  }
  std::string digits = integer_text(value, base);
  if (value < 0) digits.erase(0, 1);
  if (format.type == 'X') digits = to_upper(digits);
  return place_number(format, value < 0, format.alternate ? prefix : "", std::move(digits));
}

std::string format_string(const FieldFormat& format, std::string_view text) {
  if (format.type != 0 && format.type != 's') {
    fail(std::string("Unknown format code '") + format.type + "' for object of type 'str'");
  }
  if (format.sign != '-' || format.alternate || format.grouping != 0) fail("this format is not allowed for a string");
  FieldFormat adjusted = format;
  if (format.align == '=') {
    if (!format.zero) fail("'=' alignment not allowed in string format specifier");
    adjusted.align = '<';
  }
  if (format.precision >= 0) text = text.substr(0, byte_offset(text, static_cast<size_t>(format.precision)));
  return place_text(adjusted, text, '<');
}

class BraceFormatter {
 public:
  BraceFormatter(Interpreter& interpreter, const Arguments& arguments, bool markup)
      : interpreter_(interpreter), arguments_(arguments), markup_(markup) {}

  std::string format(std::string_view text, int depth) {
    if (depth < 0) fail("Max string recursion exceeded");
    std::string out;
    for (size_t i = 0; i < text.size();) {
      const char c = text[i++];
      const bool doubled = i < text.size() && text[i] == c;
      if ((c == '{' || c == '}') && doubled) {
        out += c;
        ++i;
      } else if (c == '}') {
        fail("Single '}' encountered in format string");
      } else if (c == '{') {
        const size_t end = field_end(text, i);
        out += field(text.substr(i, end - i), depth);
        interpreter_.work(out.size());
        interpreter_.heap().ensure(out.size());
        i = end + 1;
      } else {
        out += c;
      }
    }
    return out;
  }

 private:
  static size_t field_end(std::string_view text, size_t i) {
    int open = 1;
    bool bracket = false;
    for (; i < text.size(); ++i) {
      if (text[i] == '[') bracket = true;
      if (text[i] == ']') bracket = false;
      if (bracket) continue;
      if (text[i] == '{') ++open;
      if (text[i] == '}' && --open == 0) return i;
    }
    fail("expected '}' before end of string");
  }

  std::string field(std::string_view text, int depth) {
    interpreter_.step();
    size_t end = 0;
    bool bracket = false;
    while (end < text.size() && (bracket || (text[end] != ':' && text[end] != '!'))) {
      if (text[end] == '[') bracket = true;
      if (text[end] == ']') bracket = false;
      ++end;
    }
    Value value = lookup(text.substr(0, end));
    char conversion = 0;
    if (end < text.size() && text[end] == '!') {
      if (end + 1 >= text.size()) fail("end of string while looking for conversion specifier");
      conversion = text[end + 1];
      end += 2;
      if (end < text.size() && text[end] != ':') fail("expected ':' after conversion specifier");
    }
    if (conversion == 'r' || conversion == 'a') {
      value = interpreter_.string(to_repr(interpreter_, value));
      if (conversion == 'a') value = interpreter_.string(ascii_repr(value.text()));
    } else if (conversion == 's') {
      value = interpreter_.string(to_text(interpreter_, value));
    } else if (conversion != 0) {
      fail(std::string("Unknown conversion specifier ") + conversion);
    }
    const std::string specification = end < text.size() ? format(text.substr(end + 1), depth - 1) : "";
    if (!markup_) return format_value(interpreter_, value, specification);
    if (value.is_string() && value.string().markup()) {
      if (!specification.empty()) fail("Format specifier given, but the string is marked as safe");
      return std::string(value.text());
    }
    return escape_html(format_value(interpreter_, value, specification));
  }

  Value lookup(std::string_view name) {
    size_t end = name.find_first_of(".[");
    if (end == std::string_view::npos) end = name.size();
    Value value = first(name.substr(0, end));
    while (end < name.size()) {
      if (name[end] == '.') {
        size_t next = name.find_first_of(".[", end + 1);
        if (next == std::string_view::npos) next = name.size();
        if (next == end + 1) fail("Empty attribute in format string");
        value = get_attribute(interpreter_, value, name.substr(end + 1, next - end - 1));
        end = next;
      } else {
        const size_t close = name.find(']', end);
        if (name[end] != '[' || close == std::string_view::npos) fail("Missing ']' in format string");
        const std::string_view key = name.substr(end + 1, close - end - 1);
        if (key.empty()) fail("Empty attribute in format string");
        Integer index = 0;
        const bool digits = key.find_first_not_of("0123456789") == std::string_view::npos;
        const bool number = digits && parse_integer(key, 10, &index);
        value = get_item(interpreter_, value, number ? Value::integer(index) : interpreter_.string(std::string(key)));
        end = close + 1;
      }
    }
    return value;
  }

  Value first(std::string_view name) {
    Integer index = 0;
    if (name.empty()) {
      if (numbered_ == Numbering::kManual)
        fail("cannot switch from manual field specification to automatic field numbering");
      numbered_ = Numbering::kAutomatic;
      index = next_++;
    } else if (name.find_first_not_of("0123456789") == std::string_view::npos) {
      if (numbered_ == Numbering::kAutomatic) {
        fail("cannot switch from automatic field numbering to manual field specification");
      }
      numbered_ = Numbering::kManual;
      parse_integer(name, 10, &index);
    } else {
      for (const auto& [key, value] : arguments_.keywords) {
        if (key == name) return value;
      }
      fail("format() has no argument " + repr_text(name));
    }
    if (index >= static_cast<Integer>(arguments_.positional.size())) {
      fail("Replacement index " + integer_text(index) + " out of range for positional args tuple");
    }
    return arguments_.positional[static_cast<size_t>(index)];
  }

  enum class Numbering { kNone, kAutomatic, kManual };
  Interpreter& interpreter_;
  const Arguments& arguments_;
  bool markup_;
  Numbering numbered_ = Numbering::kNone;
  Integer next_ = 0;
};

}  // namespace

std::string ascii_repr(std::string_view repr) {
  std::string out;
  for (size_t i = 0; i < repr.size();) {
    const char32_t c = decode(repr, &i);
    char escape[16];
    if (c < 0x80) {
      out += static_cast<char>(c);
      continue;
    }
    const auto code = static_cast<unsigned>(c);
    std::snprintf(escape, sizeof escape, code < 0x100 ? "\\x%02x" : code < 0x10000 ? "\\u%04x" : "\\U%08x", code);
    out += escape;
  }
  return out;
}

std::string format_value(Interpreter& interpreter, const Value& value, std::string_view specification) {
  if (specification.empty()) return to_text(interpreter, value);
  const FieldFormat format = parse_field_format(specification);
  interpreter.heap().ensure(static_cast<size_t>(format.width) * 4);
  if (value.is_string()) return format_string(format, value.text());
  constexpr std::string_view kRealTypes = "eEfFgG%";
  if (value.is(Kind::kFloat) ||
      (value.is_integral() && format.type != 0 && kRealTypes.find(format.type) != kRealTypes.npos)) {
    return format_real(format, value.as_real());
  }
  if (value.is_integral()) return format_integer(format, value.as_integer());
  fail("unsupported format string passed to " + std::string(type_name(value)) + ".__format__");
}

std::string format_braces(Interpreter& interpreter, const Value& format, const Arguments& arguments) {
  return BraceFormatter(interpreter, arguments, format.string().markup()).format(format.text(), 2);
}

}  // namespace hearth::text::jinja
