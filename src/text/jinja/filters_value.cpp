// Filters on single values: numbers, defaults, attributes, JSON; see registry.h.
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "text/jinja/access.h"
#include "text/jinja/json_text.h"
#include "text/jinja/number_format.h"
#include "text/jinja/operators.h"
#include "text/jinja/parameters.h"
#include "text/jinja/registry.h"

namespace hearth::text::jinja {

namespace {

Value absolute(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "abs", {});
  if (subject.is(Kind::kFloat)) return Value::real(std::fabs(subject.as_real()));
  if (!subject.is_integral()) fail("bad operand type for abs(): '" + std::string(type_name(subject)) + "'");
  return subject.as_integer() < 0 ? negate(interpreter, subject) : Value::integer(subject.as_integer());
}

Value attr(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "attr", {"name"}, 1);
  if (!given[0].is_string()) fail("attribute name must be string, not '" + std::string(type_name(given[0])) + "'");
  const std::string_view name = given[0].text();
  if (!subject.is(Kind::kDict)) return get_attribute(interpreter, subject, name);
  // An item of that name does not count, only what the dict itself has.
  const Value empty = Value::object(Kind::kDict, interpreter.new_dict());
  const Value probe = get_attribute(interpreter, empty, name);
  return probe.is_undefined() ? probe : get_attribute(interpreter, subject, name);
}

Value otherwise(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "default", {"default_value", "boolean"});
  const bool falsy = given.has(1) && truth(interpreter, given[1]) && !truth(interpreter, subject);
  if (!subject.is_undefined() && !falsy) return subject;
  return given.has(0) ? given[0] : interpreter.string("");
}

Value to_integer(Interpreter&, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "int", {"default", "base"});
  const Value fallback = given.has(0) ? given[0] : Value::integer(0);
  if (subject.is_undefined()) fail_undefined(subject);
  if (subject.is_integral()) return Value::integer(subject.as_integer());
  double real = subject.is(Kind::kFloat) ? subject.as_real() : 0;
  if (subject.is_string()) {
    const int64_t base = given.has(1) ? require_index(given[1], "base") : 10;
    Integer integer = 0;
    const bool valid_base = base == 0 || (base >= 2 && base <= 36);
    if (valid_base && parse_integer(subject.text(), static_cast<int>(base), &integer)) return Value::integer(integer);
    if (!parse_real(subject.text(), &real)) return fallback;
  } else if (!subject.is(Kind::kFloat)) {
    return fallback;
  } else if (std::isinf(real)) {
    fail("cannot convert float infinity to integer");
  }
  if (std::isnan(real) || std::isinf(real)) return fallback;
  return Value::integer(real_to_integer(real));
}

Value to_real(Interpreter&, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "float", {"default"});
  double real = 0;
  if (subject.is_undefined()) fail_undefined(subject);
  if (subject.is_number()) return Value::real(subject.as_real());
  if (subject.is_string() && parse_real(subject.text(), &real)) return Value::real(real);
  return given.has(0) ? given[0] : Value::real(0);
}

// round() of an integer: to even multiples of ten for negative precision.
Value round_integer(Integer value, int64_t precision) {
  if (precision >= 0) return Value::integer(value);
  if (precision < -37) return Value::integer(0);
  Integer unit = 1;
  for (int64_t i = precision; i < 0; ++i) unit *= 10;
  const Integer remainder = ((value % unit) + unit) % unit;
  Integer rounded = 0;
  if (__builtin_sub_overflow(value, remainder, &rounded))
    fail("an integer result is too large (the limit is 127 bits)");
  const bool odd = (rounded / unit) % 2 != 0;
  const Integer missing = unit - remainder;
  const bool up = remainder > missing || (remainder == missing && odd);
  if (up && __builtin_add_overflow(rounded, unit, &rounded))
    fail("an integer result is too large (the limit is 127 bits)");
  return Value::integer(rounded);
}

double round_real(double value, int64_t precision) {
  if (!std::isfinite(value) || precision > 330) return value;
  if (precision < -310) return std::copysign(0.0, value);
  if (precision >= 0) return std::strtod(real_digits(value, 'f', static_cast<int>(precision), false).c_str(), nullptr);
  // The exact decimal digits decide; the sticky tail tells a tie from more than a tie.
  std::string digits = real_digits(std::fabs(value), 'f', 40, false);
  const size_t point = digits.find('.');
  const auto cut = static_cast<int64_t>(point) + precision;
  if (cut < 0) return std::copysign(0.0, value);
  std::string kept = cut == 0 ? "0" : digits.substr(0, static_cast<size_t>(cut));
  std::string tail = digits.substr(static_cast<size_t>(cut));
  tail.erase(tail.find('.'), 1);
  const bool tie = tail[0] == '5' && tail.find_first_not_of('0', 1) == std::string::npos;
  const bool up = tie ? (kept.back() - '0') % 2 == 1 : tail[0] >= '5';
  const double scaled = std::strtod((kept + "e" + std::to_string(-precision)).c_str(), nullptr);
  double result = scaled;
  if (up) {
    size_t i = kept.size();
    while (i > 0 && kept[i - 1] == '9') kept[--i] = '0';
    if (i == 0) {
      kept.insert(kept.begin(), '1');
    } else {
      ++kept[i - 1];
    }
    result = std::strtod((kept + "e" + std::to_string(-precision)).c_str(), nullptr);
  }
  return std::copysign(result, value);
}

Value round(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "round", {"precision", "method"});
  const std::string method = given.has(1) ? std::string(given.text(1, "method")) : "common";
  if (method != "common" && method != "ceil" && method != "floor") fail("method must be common, ceil or floor");
  const Value precision = given.has(0) ? given[0] : Value::integer(0);
  if (subject.is_undefined()) fail_undefined(subject);
  if (!subject.is_number()) fail("type " + std::string(type_name(subject)) + " doesn't define __round__ method");
  if (method == "common") {
    if (precision.is_none()) return Value::integer(real_to_integer(round_real(subject.as_real(), 0)));
    const int64_t places = require_index(precision, "precision");
    if (subject.is_integral()) return round_integer(subject.as_integer(), places);
    return Value::real(round_real(subject.as_real(), places));
  }
  const Value scale = arithmetic(interpreter, Operation::kPow, Value::integer(10), precision);
  const Value scaled = arithmetic(interpreter, Operation::kMul, subject, scale);
  const double real = scaled.as_real();
  const Value whole = scaled.is_integral()
                          ? Value::integer(scaled.as_integer())
                          : Value::integer(real_to_integer(method == "ceil" ? std::ceil(real) : std::floor(real)));
  return arithmetic(interpreter, Operation::kDiv, whole, scale);
}

Value filesizeformat(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "filesizeformat", {"binary"});
  double bytes = subject.is_number() ? subject.as_real() : 0;
  if (subject.is_undefined()) fail_undefined(subject);
  if (!subject.is_number() && !(subject.is_string() && parse_real(subject.text(), &bytes))) {
    fail("could not convert to float: " + to_repr(interpreter, subject));
  }
  const bool binary = given.has(0) && truth(interpreter, given[0]);
  const double base = binary ? 1024 : 1000;
  if (bytes == 1) return interpreter.string("1 Byte");
  if (bytes < base) return interpreter.string(integer_text(real_to_integer(bytes)) + " Bytes");
  double unit = base;
  std::string prefix;
  for (const char* letter : {"k", "M", "G", "T", "P", "E", "Z", "Y"}) {
    unit *= base;
    prefix = binary ? std::string(1, letter[0] == 'k' ? 'K' : letter[0]) + "iB" : std::string(letter) + "B";
    if (bytes < unit) break;
  }
  return interpreter.string(real_digits(base * bytes / unit, 'f', 1, false) + " " + prefix);
}

Value tojson(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "tojson", {"ensure_ascii", "indent", "separators", "sort_keys"});
  JsonOptions options;
  options.ensure_ascii = given.has(0) && truth(interpreter, given[0]);
  if (given.has_some(1)) {
    options.indented = true;
    options.item_separator = ",";
    if (given[1].is_string()) {
      options.indent = given[1].text();
    } else {
      const int64_t width = std::max<int64_t>(0, require_index(given[1], "indent"));
      check_format_width(width);
      options.indent.assign(static_cast<size_t>(width), ' ');
    }
  }
  if (given.has_some(2)) {
    const std::vector<Value> separators = collect(interpreter, given[2]);
    if (separators.size() != 2 || !separators[0].is_string() || !separators[1].is_string()) {
      fail("tojson: separators must be two strings");
    }
    options.item_separator = separators[0].text();
    options.key_separator = separators[1].text();
  }
  options.sort_keys = given.has(3) && truth(interpreter, given[3]);
  return interpreter.string(to_json(interpreter, subject, options));
}

constexpr FilterEntry kFilters[] = {
    {"abs", absolute},   {"attr", attr},     {"default", otherwise}, {"d", otherwise},
    {"int", to_integer}, {"float", to_real}, {"round", round},       {"filesizeformat", filesizeformat},
    {"tojson", tojson},
};

}  // namespace

std::span<const FilterEntry> value_filters() {
  return kFilters;
}

}  // namespace hearth::text::jinja
