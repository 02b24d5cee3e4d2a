// Attributes, items, slices and iteration of template values.
//
// Contract: what jinja2's ImmutableSandboxedEnvironment gives: private names and methods that change a value are
// undefined. Throws TemplateError. Not here: the methods themselves (methods.h).
#pragma once

#include <string_view>
#include <vector>

#include "text/jinja/interpreter.h"

namespace hearth::text::jinja {

Value get_attribute(Interpreter& interpreter, const Value& object, std::string_view name);
Value get_item(Interpreter& interpreter, const Value& object, const Value& key);
Value get_slice(Interpreter& interpreter, const Value& object, const Value& start, const Value& stop,
                const Value& step);
bool has_length(Interpreter& interpreter, const Value& value, Integer* length);
Integer length_of(Interpreter& interpreter, const Value& value);
Value iterate(Interpreter& interpreter, const Value& value);  // an Iterator; fails if the value has none
bool is_iterable(const Value& value);
// All items, counted as steps and heap while they are gathered.
std::vector<Value> collect(Interpreter& interpreter, const Value& value);
Value character_at(Interpreter& interpreter, const StringObject& string, int64_t index);
std::string object_description(const Value& object);  // as undefined values name what they were asked of

}  // namespace hearth::text::jinja
