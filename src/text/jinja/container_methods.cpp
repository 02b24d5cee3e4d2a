// The methods of dict, list, tuple, range and numbers; see methods.h.
#include <algorithm>
#include <cmath>

#include "text/jinja/access.h"
#include "text/jinja/function.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/parameters.h"

namespace hearth::text::jinja {

namespace {

template <DictViewObject::Part kPart>
Value view(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "dict method", {});
  return interpreter.dict_view(self, kPart);
}

Value get(Interpreter&, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "get", {"/key", "/default"}, 1);
  const Value* item = self.dict().find(given[0]);
  if (item != nullptr) return *item;
  return given.has(1) ? given[1] : Value::none();
}

Value copy(Interpreter&, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "copy", {});
  return self;
}

Value count(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "count", {"/value"}, 1);
  const Value source = iterate(interpreter, self);
  Integer found = 0;
  Value item;
  while (source.iterator().next(interpreter, &item)) {
    interpreter.step();
    found += equal_values(item, given[0]) ? 1 : 0;
  }
  return Value::integer(found);
}

Value index(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "index", {"/value", "/start", "/stop"}, 1);
  const auto length = static_cast<int64_t>(length_of(interpreter, self));
  const auto bound = [&](size_t i, int64_t otherwise) {
    if (!given.has(i)) return otherwise;
    const int64_t at = require_index(given[i], "slice indices");
    return at < 0 ? std::max<int64_t>(0, at + length) : at;
  };
  const int64_t start = bound(1, 0), stop = std::min(bound(2, length), length);
  const Value source = iterate(interpreter, self);
  Value item;
  for (int64_t i = 0; source.iterator().next(interpreter, &item); ++i) {
    interpreter.step();
    if (i >= start && i < stop && equal_values(item, given[0])) return Value::integer(i);
  }
  fail(to_repr(interpreter, given[0]) + " is not in " + type_name(self));
}

Value bit_length(Interpreter&, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "bit_length", {});
  std::string digits = integer_text(self.as_integer(), 2);
  if (digits[0] == '-') digits.erase(0, 1);
  return Value::integer(digits == "0" ? 0 : static_cast<Integer>(digits.size()));
}

Value conjugate(Interpreter&, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "conjugate", {});
  return self.is_integral() ? Value::integer(self.as_integer()) : self;
}

Value is_integer(Interpreter&, const Value& self, Arguments& arguments) {
  const Parameters given(arguments, "is_integer", {});
  return Value::boolean(std::isfinite(self.as_real()) && std::trunc(self.as_real()) == self.as_real());
}

constexpr Method kDictMethods[] = {
    {"keys", view<DictViewObject::Part::kKeys>},
    {"values", view<DictViewObject::Part::kValues>},
    {"items", view<DictViewObject::Part::kItems>},
    {"get", get},
    {"copy", copy},
};
constexpr Method kListMethods[] = {{"count", count}, {"index", index}, {"copy", copy}};
constexpr Method kSequenceMethods[] = {{"count", count}, {"index", index}};
constexpr Method kIntegerMethods[] = {{"bit_length", bit_length}, {"conjugate", conjugate}};
constexpr Method kRealMethods[] = {{"is_integer", is_integer}, {"conjugate", conjugate}};

template <size_t N>
const Method* find_in(const Method (&methods)[N], std::string_view name) {
  for (const Method& method : methods) {
    if (method.name == name) return &method;
  }
  return nullptr;
}

template <size_t N>
bool is_one_of(const std::string_view (&names)[N], std::string_view name) {
  return std::find(names, names + N, name) != names + N;
}

}  // namespace

const Method* find_method(const Value& self, std::string_view name) {
  switch (self.kind()) {
    case Kind::kString:
      return find_string_method(name);
    case Kind::kDict:
      return find_in(kDictMethods, name);
    case Kind::kList:
      return find_in(kListMethods, name);
    case Kind::kTuple:
    case Kind::kRange:
      return find_in(kSequenceMethods, name);
    case Kind::kBool:
    case Kind::kInteger:
      return find_in(kIntegerMethods, name);
    case Kind::kFloat:
      return find_in(kRealMethods, name);
    default:
      return nullptr;
  }
}

bool is_mutating_method(const Value& self, std::string_view name) {
  constexpr std::string_view kDict[] = {"clear", "pop", "popitem", "setdefault", "update"};
  constexpr std::string_view kList[] = {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"};
  return (self.is(Kind::kDict) && is_one_of(kDict, name)) || (self.is(Kind::kList) && is_one_of(kList, name));
}

Value bind_method(Interpreter& interpreter, const Value& self, const Method& method) {
  return interpreter.native<FunctionObject>(method.name, self, method.call);
}

}  // namespace hearth::text::jinja
