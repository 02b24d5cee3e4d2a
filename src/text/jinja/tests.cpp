// The tests behind `is`; see registry.h.
#include "text/jinja/access.h"
#include "text/jinja/operators.h"
#include "text/jinja/parameters.h"
#include "text/jinja/registry.h"
#include "text/jinja/string_case.h"

namespace hearth::text::jinja {

namespace {

using Predicate = bool (*)(const Value& value);

template <Predicate kPredicate>
bool simple(Interpreter&, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "test", {});
  return kPredicate(subject);
}

bool is_defined(const Value& value) {
  return !value.is_undefined();
}
bool is_undefined(const Value& value) {
  return value.is_undefined();
}
bool is_none(const Value& value) {
  return value.is_none();
}
bool is_boolean(const Value& value) {
  return value.is(Kind::kBool);
}
bool is_true(const Value& value) {
  return value.is(Kind::kBool) && value.as_bool();
}
bool is_false(const Value& value) {
  return value.is(Kind::kBool) && !value.as_bool();
}
bool is_integer(const Value& value) {
  return value.is(Kind::kInteger);
}
bool is_float(const Value& value) {
  return value.is(Kind::kFloat);
}
bool is_string(const Value& value) {
  return value.is_string();
}
bool is_mapping(const Value& value) {
  return value.is(Kind::kDict);
}
bool is_number(const Value& value) {
  return value.is_number();
}
bool is_sequence(const Value& value) {
  return value.is_sequence() || value.is_string() || value.is(Kind::kDict) || value.is(Kind::kRange) ||
         value.is_undefined();
}
bool is_callable(const Value& value) {
  return value.is_undefined() || (value.is(Kind::kNative) && value.native().callable());
}
bool is_escaped(const Value& value) {
  return value.is_string() && value.string().markup();
}
bool names_filter(const Value& value) {
  return value.is_string() && find_filter(value.text()) != nullptr;
}
bool names_test(const Value& value) {
  return value.is_string() && find_test(value.text()) != nullptr;
}

bool remainder_is(Interpreter& interpreter, const Value& value, Integer divisor, Integer wanted) {
  const Value remainder = arithmetic(interpreter, Operation::kMod, value, Value::integer(divisor));
  return equal_values(remainder, Value::integer(wanted));
}

bool is_odd(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "odd", {});
  return remainder_is(interpreter, subject, 2, 1);
}

bool is_even(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "even", {});
  return remainder_is(interpreter, subject, 2, 0);
}

bool is_divisible(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "divisibleby", {"num"}, 1);
  return equal_values(arithmetic(interpreter, Operation::kMod, subject, given[0]), Value::integer(0));
}

template <bool (*Test)(std::string_view)>
bool in_case(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "test", {});
  return Test(to_text(interpreter, subject));
}

bool is_same(Interpreter&, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "sameas", {"other"}, 1);
  return subject.same_object(given[0]);
}

bool is_iterable_value(Interpreter&, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "iterable", {});
  return is_iterable(subject);
}

template <Operation kOperation>
bool compared(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "comparison", {"/other"}, 1);
  return compare(interpreter, kOperation, subject, given[0]);
}

bool is_in(Interpreter& interpreter, const Value& subject, Arguments& arguments) {
  const Parameters given(arguments, "in", {"seq"}, 1);
  return contains(interpreter, given[0], subject);
}

constexpr TestEntry kTests[] = {
    {"odd", is_odd},
    {"even", is_even},
    {"divisibleby", is_divisible},
    {"defined", simple<is_defined>},
    {"undefined", simple<is_undefined>},
    {"filter", simple<names_filter>},
    {"test", simple<names_test>},
    {"none", simple<is_none>},
    {"boolean", simple<is_boolean>},
    {"false", simple<is_false>},
    {"true", simple<is_true>},
    {"integer", simple<is_integer>},
    {"float", simple<is_float>},
    {"lower", in_case<is_lower_text>},
    {"upper", in_case<is_upper_text>},
    {"string", simple<is_string>},
    {"mapping", simple<is_mapping>},
    {"number", simple<is_number>},
    {"sequence", simple<is_sequence>},
    {"iterable", is_iterable_value},
    {"callable", simple<is_callable>},
    {"sameas", is_same},
    {"escaped", simple<is_escaped>},
    {"in", is_in},
    {"==", compared<Operation::kEqual>},
    {"eq", compared<Operation::kEqual>},
    {"equalto", compared<Operation::kEqual>},
    {"!=", compared<Operation::kNotEqual>},
    {"ne", compared<Operation::kNotEqual>},
    {">", compared<Operation::kGreater>},
    {"gt", compared<Operation::kGreater>},
    {"greaterthan", compared<Operation::kGreater>},
    {"ge", compared<Operation::kGreaterEqual>},
    {">=", compared<Operation::kGreaterEqual>},
    {"<", compared<Operation::kLess>},
    {"lt", compared<Operation::kLess>},
    {"lessthan", compared<Operation::kLess>},
    {"<=", compared<Operation::kLessEqual>},
    {"le", compared<Operation::kLessEqual>},
};

}  // namespace

std::span<const TestEntry> builtin_tests() {
  return kTests;
}

}  // namespace hearth::text::jinja
