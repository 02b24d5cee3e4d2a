// A JSON text as values that keep the order of members and the digits of numbers, which schemas need.
//
// Contract: parse_json() checks everything (RFC 8259, UTF-8, nesting); errors say line and column. Of equal names the last
// member counts, at the place of the first.
// Not here: schemas.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/error.h"

namespace hearth::text::grammar {

struct JsonValue {
  enum class Kind : uint8_t { kNull, kFalse, kTrue, kNumber, kString, kArray, kObject };
  Kind kind = Kind::kNull;
  std::string text;              // a string's characters, a number's digits as written
  std::vector<JsonValue> items;  // of an array; of an object, in the order of names
  std::vector<std::string> names;

  bool is_object() const { return kind == Kind::kObject; }
  bool is_array() const { return kind == Kind::kArray; }
  bool is_string() const { return kind == Kind::kString; }
  bool is_number() const { return kind == Kind::kNumber; }
  bool is_boolean() const { return kind == Kind::kTrue || kind == Kind::kFalse; }
  const JsonValue* find(std::string_view name) const;
  void set(std::string name, JsonValue value);

  static JsonValue string(std::string text) { return {Kind::kString, std::move(text), {}, {}}; }
  static JsonValue boolean(bool value) { return {value ? Kind::kTrue : Kind::kFalse, {}, {}, {}}; }
  static JsonValue number(std::string digits) { return {Kind::kNumber, std::move(digits), {}, {}}; }
  static JsonValue array(std::vector<JsonValue> items) { return {Kind::kArray, {}, std::move(items), {}}; }
  static JsonValue object() { return {Kind::kObject, {}, {}, {}}; }
};

Result<JsonValue> parse_json(std::string_view text);
// Without white space, strings in their canonical spelling.
std::string write_json(const JsonValue& value);
// As JSON schema compares: numbers by value, members in any order.
bool equal_json(const JsonValue& left, const JsonValue& right);

}  // namespace hearth::text::grammar
