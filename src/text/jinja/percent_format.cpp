// The % operator of strings; see methods.h.
#include "text/jinja/access.h"
#include "text/jinja/limits.h"
#include "text/jinja/methods.h"
#include "text/jinja/number_format.h"
#include "text/jinja/operators.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

namespace {

class PercentFormatter {
 public:
  PercentFormatter(Interpreter& interpreter, const Value& format, const Value& values)
      : interpreter_(interpreter), text_(format.text()), markup_(format.string().markup()), values_(values) {}

  std::string run() {
    std::string out;
    while (position_ < text_.size()) {
      const size_t percent = std::min(text_.find('%', position_), text_.size());
      out += text_.substr(position_, percent - position_);
      position_ = percent;
      if (position_ < text_.size()) {
        ++position_;
        out += conversion();
      }
      interpreter_.step();
      interpreter_.work(out.size());
      interpreter_.heap().ensure(out.size());
    }
    if (values_.is(Kind::kTuple) && !mapped_ && used_ < values_.items().size()) fail_unconverted();
    const bool mapping =
        values_.is(Kind::kDict) || values_.is(Kind::kList) || values_.is(Kind::kUndefined) || values_.is(Kind::kRange);
    if (!values_.is(Kind::kTuple) && used_ == 0 && !mapped_ && !mapping) fail_unconverted();
    return out;
  }

 private:
  [[noreturn]] static void fail_unconverted() { fail("not all arguments converted during string formatting"); }

  char peek() const {
    if (position_ >= text_.size()) fail("incomplete format");
    return text_[position_];
  }

  Value argument() {
    if (mapped_value_.is_missing()) {
      if (values_.is(Kind::kTuple)) {
        if (used_ >= values_.items().size()) fail("not enough arguments for format string");
        return values_.items()[used_++];
      }
      if (used_++ > 0) fail("not enough arguments for format string");
      return values_;
    }
    return mapped_value_;
  }

  int64_t number() {
    if (peek() == '*') {
      ++position_;
      const Value value = argument();
      if (!value.is_integral()) fail("* wants int");
      const int64_t result = require_index(value, "width");
      check_format_width(result < 0 ? -result : result);
      return result;
    }
    int64_t result = 0;
    while (peek() >= '0' && peek() <= '9') {
      result = result * 10 + (text_[position_++] - '0');
      check_format_width(result);
    }
    return result;
  }

  void mapping_key() {
    mapped_value_ = Value();
    if (peek() != '(') return;
    if (!values_.is(Kind::kDict)) fail("format requires a mapping");
    int open = 1;
    const size_t start = ++position_;
    while (open > 0) {
      if (peek() == '(') ++open;
      if (peek() == ')') --open;
      ++position_;
    }
    const std::string_view key = text_.substr(start, position_ - start - 1);
    const Value* found = values_.dict().find(key);
    if (found == nullptr) fail("format has no value for " + repr_text(key));
    mapped_value_ = *found;
    mapped_ = true;
  }

  std::string conversion() {
    mapping_key();
    FieldFormat format;
    bool left = false, zero = false;
    for (std::string_view flags = "-+ #0"; flags.find(peek()) != std::string_view::npos; ++position_) {
      const char flag = text_[position_];
      left = left || flag == '-';
      zero = zero || flag == '0';
      format.alternate = format.alternate || flag == '#';
      if (flag == '+' || (flag == ' ' && format.sign != '+')) format.sign = flag;
    }
    format.width = number();
    if (format.width < 0) {
      left = true;
      format.width = -format.width;
    }
    if (peek() == '.') {
      ++position_;
      format.precision = std::max<int64_t>(0, number());
    }
    if (peek() == 'h' || peek() == 'l' || peek() == 'L') ++position_;
    format.type = peek();
    ++position_;
    if (format.type == '%') return "%";
    format.align = left ? '<' : '>';
    interpreter_.heap().ensure(static_cast<size_t>(format.width) * 4);
    return convert(format, zero && !left, argument());
  }

  std::string convert(FieldFormat format, bool zero, const Value& value) {
    switch (format.type) {
      case 's':
      case 'r':
      case 'a':
        return text_field(format, value);
      case 'c':
        return place_text(format, character(value), '>');
      case 'd':
      case 'i':
      case 'u':
      case 'x':
      case 'X':
      case 'o':
        return integer_field(format, zero, value);
      case 'e':
      case 'E':
      case 'f':
      case 'F':
      case 'g':
      case 'G':
        if (!value.is_number()) {
          if (value.is_undefined()) fail_undefined(value);
          fail("must be real number, not " + std::string(type_name(value)));
        }
        set_zero(&format, zero);
        return format_real(format, value.as_real());
      default:
        fail("unsupported format character '" + std::string(1, format.type) + "'");
    }
  }

  static void set_zero(FieldFormat* format, bool zero) {
    if (!zero) return;
    format->fill = "0";
    format->align = '=';
  }

  std::string text_field(const FieldFormat& format, const Value& value) {
    std::string text;
    if (format.type == 's') {
      text = to_text(interpreter_, value);
    } else {
      text = to_repr(interpreter_, value);
      if (format.type == 'a') text = ascii_repr(text);
    }
    if (markup_ && !(format.type == 's' && value.is_string() && value.string().markup())) text = escape_html(text);
    if (format.precision >= 0) text.resize(byte_offset(text, static_cast<size_t>(format.precision)));
    return place_text(format, text, '>');
  }

  static std::string character(const Value& value) {
    if (value.is_string()) {
      if (value.string().characters() != 1) fail("%c requires int or char");
      return std::string(value.text());
    }
    const Integer code = require_integer(value, "%c");
    if (code < 0 || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) fail("%c arg is not a character");
    std::string text;
    append_utf8(&text, static_cast<char32_t>(code));
    return text;
  }

  std::string integer_field(FieldFormat format, bool zero, const Value& value) {
    const bool decimal = format.type == 'd' || format.type == 'i' || format.type == 'u';
    if (value.is_undefined()) fail_undefined(value);
    if (!value.is_integral() && !(decimal && value.is(Kind::kFloat))) {
      fail(std::string("%") + format.type + " format: an integer is required, not " + type_name(value));
    }
    const Integer integer = value.is_integral() ? value.as_integer() : real_to_integer(value.as_real());
    const int base = decimal ? 10 : format.type == 'o' ? 8 : 16;
    std::string digits = integer_text(integer, base);
    if (integer < 0) digits.erase(0, 1);
    if (format.type == 'X') digits = to_upper(digits);
    const auto wanted = static_cast<size_t>(std::max<int64_t>(0, format.precision));
    if (digits.size() < wanted) digits.insert(0, wanted - digits.size(), '0');
    const std::string prefix = !format.alternate || decimal ? "" : std::string("0") + format.type;
    set_zero(&format, zero);
    return place_number(format, integer < 0, prefix, std::move(digits));
  }

  Interpreter& interpreter_;
  std::string_view text_;
  bool markup_;
  const Value& values_;
  Value mapped_value_;
  bool mapped_ = false;
  size_t used_ = 0;
  size_t position_ = 0;
};

}  // namespace

Value format_percent(Interpreter& interpreter, const Value& format, const Value& values) {
  return interpreter.string(PercentFormatter(interpreter, format, values).run(), format.string().markup());
}

}  // namespace hearth::text::jinja
