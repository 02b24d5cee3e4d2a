// The methods of str, list, tuple, dict, int and float that a template may call.
//
// Contract: find_method gives null for a name that the type does not have. Methods that would change a value are listed
// as such, since the sandbox makes them undefined. Not here: lookup rules (access.h).
#pragma once

#include <string_view>

#include "text/jinja/value.h"

namespace hearth::text::jinja {

struct Method {
  std::string_view name;
  Value (*call)(Interpreter& interpreter, const Value& self, Arguments& arguments);
};

const Method* find_method(const Value& self, std::string_view name);
const Method* find_string_method(std::string_view name);
const Method* find_string_test_method(std::string_view name);
bool is_mutating_method(const Value& self, std::string_view name);
Value bind_method(Interpreter& interpreter, const Value& self, const Method& method);

// Text operations that filters share with methods.
std::string replace_text(Interpreter& interpreter, std::string_view text, std::string_view old, std::string_view with,
                         int64_t count);  // count < 0: all
std::string pad_text(Interpreter& interpreter, std::string_view text, int64_t width, std::string_view fill, bool left,
                     bool right);  // by characters; both sides: centred
std::vector<std::string_view> split_lines(Interpreter& interpreter, std::string_view text, bool keep_ends);

// str.format and the % operator.
std::string ascii_repr(std::string_view repr);  // what is not ASCII escaped
std::string format_braces(Interpreter& interpreter, const Value& format, const Arguments& arguments);
Value format_percent(Interpreter& interpreter, const Value& format, const Value& values);
// format(value, specification)
std::string format_value(Interpreter& interpreter, const Value& value, std::string_view specification);

}  // namespace hearth::text::jinja
