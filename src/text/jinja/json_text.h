// Values as JSON text, as Python's json.dumps writes them.
//
// Contract: key order as given unless sorted; not serialisable values fail as in Python. Not here: reading JSON.
#pragma once

#include <string>

#include "text/jinja/interpreter.h"

namespace hearth::text::jinja {

struct JsonOptions {
  bool ensure_ascii = false;
  bool indented = false;
  std::string indent;
  std::string item_separator = ", ";
  std::string key_separator = ": ";
  bool sort_keys = false;
};

std::string to_json(Interpreter& interpreter, const Value& value, const JsonOptions& options);

}  // namespace hearth::text::jinja
