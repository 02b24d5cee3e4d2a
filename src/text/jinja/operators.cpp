// Operators on values; see operators.h.
#include "text/jinja/operators.h"

#include <cmath>

#include "text/jinja/access.h"
#include "text/jinja/limits.h"
#include "text/jinja/methods.h"

namespace hearth::text::jinja {

namespace {

const char* symbol_of(Operation operation) {
  constexpr const char* kSymbols[] = {
      "+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "in", "not in"};
  return kSymbols[static_cast<size_t>(operation)];
}

[[noreturn]] void fail_operands(Operation operation, const Value& left, const Value& right) {
  fail(std::string("unsupported operand type(s) for ") + symbol_of(operation) + ": '" + type_name(left) + "' and '" +
       type_name(right) + "'");
}

[[noreturn]] void fail_overflow() {
  fail("an integer result is too large (the limit is 127 bits)");
}

Value finite_or_fail(double value) {
  if (std::isinf(value)) fail("a floating-point result is too large");
  return Value::real(value);
}

void check_zero(bool zero) {
  if (zero) fail("division by zero");
}

Integer floor_divide(Integer a, Integer b) {
  const Integer quotient = a / b;
  return a % b != 0 && (a < 0) != (b < 0) ? quotient - 1 : quotient;
}

double floor_modulo(double a, double b) {
  double remainder = std::fmod(a, b);
  if (remainder == 0) return std::copysign(0.0, b);
  if ((b < 0) != (remainder < 0)) remainder += b;
  return remainder;
}

double floor_divide(double a, double b) {
  double remainder = std::fmod(a, b);
  double quotient = (a - remainder) / b;
  if (remainder != 0 && (b < 0) != (remainder < 0)) quotient -= 1.0;
  if (quotient == 0) return std::copysign(0.0, a / b);
  double floored = std::floor(quotient);
  if (quotient - floored > 0.5) floored += 1.0;
  return floored;
}

Value integer_power(Integer base, Integer exponent) {
  if (exponent < 0) {
    check_zero(base == 0);
    return Value::real(std::pow(static_cast<double>(base), static_cast<double>(exponent)));
  }
  Integer result = 1;
  while (true) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) fail_overflow();
    exponent >>= 1;
    if (exponent == 0) return Value::integer(result);
    if (__builtin_mul_overflow(base, base, &base)) fail_overflow();
  }
}

Value integer_arithmetic(Operation operation, Integer a, Integer b) {
  Integer result = 0;
  switch (operation) {
    case Operation::kAdd:
      if (__builtin_add_overflow(a, b, &result)) fail_overflow();
      return Value::integer(result);
    case Operation::kSub:
      if (__builtin_sub_overflow(a, b, &result)) fail_overflow();
      return Value::integer(result);
    case Operation::kMul:
      if (__builtin_mul_overflow(a, b, &result)) fail_overflow();
      return Value::integer(result);
    case Operation::kDiv:
      check_zero(b == 0);
      return Value::real(static_cast<double>(static_cast<long double>(a) / static_cast<long double>(b)));
    case Operation::kFloorDiv:
    case Operation::kMod:
      check_zero(b == 0);
      if (b == -1) return operation == Operation::kMod ? Value::integer(0) : integer_arithmetic(Operation::kSub, 0, a);
      if (operation == Operation::kFloorDiv) return Value::integer(floor_divide(a, b));
      return Value::integer(a - floor_divide(a, b) * b);
    default:
      if (a == 1 || a == 0 || a == -1) {  // any exponent is within bounds
        if (b >= 0) return Value::integer(a == -1 ? (b % 2 == 0 ? 1 : -1) : (b == 0 ? 1 : a));
      }
      return integer_power(a, b);
  }
}

Value real_arithmetic(Operation operation, double a, double b) {
  switch (operation) {
    case Operation::kAdd:
      return Value::real(a + b);
    case Operation::kSub:
      return Value::real(a - b);
    case Operation::kMul:
      return Value::real(a * b);
    case Operation::kDiv:
      check_zero(b == 0);
      return Value::real(a / b);
    case Operation::kFloorDiv:
      check_zero(b == 0);
      return Value::real(floor_divide(a, b));
    case Operation::kMod:
      check_zero(b == 0);
      return Value::real(floor_modulo(a, b));
    default:
      if (a == 0 && b < 0) fail("0.0 cannot be raised to a negative power");
      if (a < 0 && std::isfinite(a) && std::isfinite(b) && b != std::floor(b))
        fail("a power of a negative number is complex");
      return std::isfinite(a) && std::isfinite(b) ? finite_or_fail(std::pow(a, b)) : Value::real(std::pow(a, b));
  }
}

Value add_sequences(Interpreter& interpreter, const Value& left, const Value& right) {
  const size_t count = left.items().size() + right.items().size();
  interpreter.step(count);
  interpreter.heap().ensure(count * sizeof(Value));
  std::vector<Value> items;
  items.reserve(count);
  items.insert(items.end(), left.items().begin(), left.items().end());
  items.insert(items.end(), right.items().begin(), right.items().end());
  return left.is(Kind::kList) ? interpreter.list(std::move(items)) : interpreter.tuple(std::move(items));
}

Value add_strings(Interpreter& interpreter, const Value& left, const Value& right) {
  const bool markup = left.string().markup() || right.string().markup();
  interpreter.heap().ensure(left.text().size() + right.text().size());
  std::string text;
  if (markup) {
    text = escaped_text(interpreter, left) + escaped_text(interpreter, right);
  } else {
    text.reserve(left.text().size() + right.text().size());
    text.append(left.text()).append(right.text());
  }
  return interpreter.string(std::move(text), markup);
}

Value repeat(Interpreter& interpreter, const Value& value, Integer times) {
  if (times < 0) times = 0;
  const size_t unit = value.is_string() ? value.text().size() : value.items().size() * sizeof(Value);
  if (unit != 0 && times > static_cast<Integer>(kMaxHeapBytes / unit)) interpreter.heap().ensure(kMaxHeapBytes + 1);
  const size_t count = unit == 0 ? 0 : static_cast<size_t>(times);
  interpreter.heap().ensure(unit * count);
  if (value.is_string()) {
    std::string text;
    text.reserve(unit * count);
    for (size_t i = 0; i < count; ++i) text.append(value.text());
    return interpreter.string(std::move(text), value.string().markup());
  }
  std::vector<Value> items;
  interpreter.step(value.items().size() * count);
  items.reserve(value.items().size() * count);
  for (size_t i = 0; i < count; ++i) items.insert(items.end(), value.items().begin(), value.items().end());
  return value.is(Kind::kList) ? interpreter.list(std::move(items)) : interpreter.tuple(std::move(items));
}

bool repeatable(const Value& value) {
  return value.is_string() || value.is_sequence();
}

// Lexicographic order of two sequences.
int order_items(Interpreter& interpreter, const Value& left, const Value& right, const char* symbol) {
  const Interpreter::Depth depth(interpreter);
  const auto& a = left.items();
  const auto& b = right.items();
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
    interpreter.step();
    if (!equal_values(a[i], b[i])) return order(interpreter, a[i], b[i], symbol);
  }
  return a.size() < b.size() ? -1 : a.size() > b.size() ? 1 : 0;
}

int order_numbers(const Value& left, const Value& right) {
  if (left.is_integral() && right.is_integral()) {
    return left.as_integer() < right.as_integer() ? -1 : left.as_integer() > right.as_integer() ? 1 : 0;
  }
  const double a = left.as_real(), b = right.as_real();
  if (std::isnan(a) || std::isnan(b)) return 2;
  if (equal_values(left, right)) return 0;
  return a < b ? -1 : 1;
}

}  // namespace

void fail_undefined(const Value& value) {
  fail(value.undefined().message());
}

void fail_unordered(const char* symbol, const Value& left, const Value& right) {
  fail(std::string("'") + symbol + "' not supported between instances of '" + type_name(left) + "' and '" +
       type_name(right) + "'");
}

bool truth(Interpreter& interpreter, const Value& value) {
  switch (value.kind()) {
    case Kind::kMissing:
    case Kind::kNone:
    case Kind::kUndefined:
      return false;
    case Kind::kBool:
    case Kind::kInteger:
      return value.as_integer() != 0;
    case Kind::kFloat:
      return value.as_real() != 0;
    default:
      break;
  }
  Integer length = 0;
  return !has_length(interpreter, value, &length) || length != 0;
}

Value arithmetic(Interpreter& interpreter, Operation operation, const Value& left, const Value& right) {
  interpreter.step();
  if (left.is_undefined()) fail_undefined(left);
  if (operation == Operation::kMod && left.is_string()) return format_percent(interpreter, left, right);
  if (right.is_undefined()) fail_undefined(right);
  if (left.is_integral() && right.is_integral())
    return integer_arithmetic(operation, left.as_integer(), right.as_integer());
  if (left.is_number() && right.is_number()) return real_arithmetic(operation, left.as_real(), right.as_real());
  if (operation == Operation::kAdd) {
    if (left.is_string() && right.is_string()) return add_strings(interpreter, left, right);
    if (left.is_sequence() && left.kind() == right.kind()) return add_sequences(interpreter, left, right);
  }
  if (operation == Operation::kMul) {
    if (repeatable(left) && right.is_integral()) return repeat(interpreter, left, right.as_integer());
    if (repeatable(right) && left.is_integral()) return repeat(interpreter, right, left.as_integer());
  }
  fail_operands(operation, left, right);
}

int order(Interpreter& interpreter, const Value& left, const Value& right, const char* symbol) {
  if (left.is_number() && right.is_number()) return order_numbers(left, right);
  if (left.is_string() && right.is_string()) {
    const int result = left.text().compare(right.text());
    return result < 0 ? -1 : result > 0 ? 1 : 0;
  }
  if (left.is_sequence() && left.kind() == right.kind()) return order_items(interpreter, left, right, symbol);
  if (left.is_undefined()) fail_undefined(left);
  if (right.is_undefined()) fail_undefined(right);
  fail_unordered(symbol, left, right);
}

bool compare(Interpreter& interpreter, Operation operation, const Value& left, const Value& right) {
  interpreter.step();
  switch (operation) {
    case Operation::kEqual:
      return equal_values(left, right);
    case Operation::kNotEqual:
      return !equal_values(left, right);
    case Operation::kIn:
      return contains(interpreter, right, left);
    case Operation::kNotIn:
      return !contains(interpreter, right, left);
    default:
      break;
  }
  const int result = order(interpreter, left, right, symbol_of(operation));
  if (result == 2) return false;
  switch (operation) {
    case Operation::kLess:
      return result < 0;
    case Operation::kLessEqual:
      return result <= 0;
    case Operation::kGreater:
      return result > 0;
    default:
      return result >= 0;
  }
}

bool contains(Interpreter& interpreter, const Value& container, const Value& item) {
  switch (container.kind()) {
    case Kind::kString:
      if (!item.is_string()) {
        fail("'in <string>' requires string as left operand, not " + std::string(type_name(item)));
      }
      interpreter.work(container.text().size());
      return container.text().find(item.text()) != std::string_view::npos;
    case Kind::kDict:
      return container.dict().find(item) != nullptr;
    case Kind::kDictView:
      if (container.dict_view().part() == DictViewObject::Part::kKeys) {
        return container.dict_view().dict().find(item) != nullptr;
      }
      break;
    case Kind::kRange: {
      const RangeObject& range = container.range();
      if (!item.is_number()) return false;
      const double real = item.as_real();
      if (item.is(Kind::kFloat) && (!std::isfinite(real) || real != std::trunc(real))) return false;
      if (std::fabs(real) > 4e18) return false;  // beyond any bound of a range
      const Integer offset = (item.is(Kind::kFloat) ? real_to_integer(real) : item.as_integer()) - range.start;
      return offset % range.step == 0 && offset / range.step >= 0 && offset / range.step < range.length();
    }
    case Kind::kUndefined:
      return false;
    default:
      break;
  }
  if (!is_iterable(container)) {
    fail("argument of type '" + std::string(type_name(container)) + "' is not iterable");
  }
  const Value source = iterate(interpreter, container);
  Value candidate;
  while (source.iterator().next(interpreter, &candidate)) {
    interpreter.step();
    if (candidate.same_object(item) || equal_values(candidate, item)) return true;
  }
  return false;
}

Value negate(Interpreter& interpreter, const Value& value) {
  if (value.is_integral()) return integer_arithmetic(Operation::kSub, 0, value.as_integer());
  if (value.is(Kind::kFloat)) return Value::real(-value.as_real());
  return positive(interpreter, value);
}

Value positive(Interpreter&, const Value& value) {
  if (value.is_undefined()) fail_undefined(value);
  if (value.is_integral()) return Value::integer(value.as_integer());
  if (!value.is(Kind::kFloat)) fail("bad operand type for unary operator: '" + std::string(type_name(value)) + "'");
  return value;
}

Integer require_integer(const Value& value, const char* what) {
  if (value.is_undefined()) fail_undefined(value);
  if (!value.is_integral()) fail(std::string(what) + " must be an integer, not " + type_name(value));
  return value.as_integer();
}

int64_t require_index(const Value& value, const char* what) {
  constexpr Integer kBound = Integer{1} << 62;
  const Integer integer = require_integer(value, what);
  return static_cast<int64_t>(integer > kBound ? kBound : integer < -kBound ? -kBound : integer);
}

Integer real_to_integer(double value) {
  if (std::isnan(value)) fail("cannot convert float NaN to integer");
  if (std::isinf(value)) fail("cannot convert float infinity to integer");
  if (std::fabs(value) >= 1.7e38) fail_overflow();
  return static_cast<Integer>(value);
}

}  // namespace hearth::text::jinja
