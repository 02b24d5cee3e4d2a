// Python's operators, conversions and printing on template values.
//
// Contract: results and failures are Python's; integers beyond 127 bits are an error. Throws TemplateError.
// Not here: attributes and items (access.h).
#pragma once

#include <string>

#include "text/jinja/ast.h"
#include "text/jinja/interpreter.h"

namespace hearth::text::jinja {

bool truth(Interpreter& interpreter, const Value& value);
Value arithmetic(Interpreter& interpreter, Operation operation, const Value& left, const Value& right);
bool compare(Interpreter& interpreter, Operation operation, const Value& left, const Value& right);
int order(Interpreter& interpreter, const Value& left, const Value& right,
          const char* symbol);  // <0, 0, >0; 2: unordered
bool contains(Interpreter& interpreter, const Value& container, const Value& item);
Value negate(Interpreter& interpreter, const Value& value);
Value positive(Interpreter& interpreter, const Value& value);
[[noreturn]] void fail_undefined(const Value& value);
[[noreturn]] void fail_unordered(const char* symbol, const Value& left, const Value& right);

// str() and repr().
std::string to_text(Interpreter& interpreter, const Value& value);
void append_text(Interpreter& interpreter, const Value& value, std::string* out);
std::string to_repr(Interpreter& interpreter, const Value& value);
std::string repr_text(std::string_view text);
std::string integer_text(Integer value, int base = 10);
std::string real_repr(double value);

// Strings of one kind: markup if any of them is; what is not markup is escaped then.
std::string escape_html(std::string_view text);
Value soft_string(Interpreter& interpreter, const Value& value);  // a string as it is, anything else printed
std::string escaped_text(Interpreter& interpreter, const Value& value);

// Numbers that an argument must be.
Integer require_integer(const Value& value, const char* what);
int64_t require_index(const Value& value, const char* what);        // clamped to 62 bits
bool parse_integer(std::string_view text, int base, Integer* out);  // Python's int(text, base)
bool parse_real(std::string_view text, double* out);                // Python's float(text)
Integer real_to_integer(double value);                              // truncates; fails on inf and nan

}  // namespace hearth::text::jinja
