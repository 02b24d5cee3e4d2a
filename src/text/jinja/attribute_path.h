// "address.city" or an index, followed from item to item as filters do with their attribute argument.
//
// Contract: follows get_item(); digits between dots are indices. Not here: the filters.
#pragma once

#include <string>
#include <vector>

#include "text/jinja/access.h"
#include "text/jinja/operators.h"
#include "text/jinja/unicode.h"

namespace hearth::text::jinja {

class AttributePath {
 public:
  AttributePath() = default;
  AttributePath(Interpreter& interpreter, const Value& attribute) {
    if (attribute.is_missing() || attribute.is_none()) return;
    if (!attribute.is_string()) {
      parts_.push_back(attribute);
      return;
    }
    std::string_view rest = attribute.text();
    while (true) {
      const size_t dot = rest.find('.');
      const std::string_view part = rest.substr(0, dot);
      Integer index = 0;
      const bool digits = !part.empty() && part.find_first_not_of("0123456789") == std::string_view::npos;
      if (digits && parse_integer(part, 10, &index)) {
        parts_.push_back(Value::integer(index));
      } else {
        parts_.push_back(interpreter.string(std::string(part)));
      }
      if (dot == std::string_view::npos) break;
      rest.remove_prefix(dot + 1);
    }
  }

  // `otherwise`, unless missing or none, stands in for undefined values on the way.
  Value follow(Interpreter& interpreter, Value item, const Value& otherwise = Value()) const {
    for (const Value& part : parts_) {
      item = get_item(interpreter, item, part);
      if (!otherwise.is_missing() && !otherwise.is_none() && item.is_undefined()) item = otherwise;
    }
    return item;
  }
  void clear() { parts_.clear(); }

 private:
  std::vector<Value> parts_;
};

// The item as a sort key: strings without regard to case unless `case_sensitive`.
inline Value case_key(Interpreter& interpreter, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.is_string()) return value;
  return interpreter.string(to_lower(value.text()));
}

}  // namespace hearth::text::jinja
