// What a request says about reasoning before the answer: on or off, how much, and where it is to stand.
//
// Contract: read_reasoning takes every dialect's fields and refuses with 400 what it does not understand. Absent fields leave
// it to the model's template; in Anthropic's dialect, where thinking has to be asked for, they turn it off.
// Not here: how a model reasons (text/tools/), where the text goes in an answer (the dialects' writers).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "server/api_error.h"
#include "server/json.h"

namespace hearth::server {

struct ReasoningWishes {
  std::optional<bool> on;         // none: as the template has it
  std::string effort;             // "low", "medium", "high", ...: for templates that know levels
  int64_t budget = -1;            // tokens; -1: as many as there are
  bool apart = true;              // in a field of its own; false: in the text, as the model wrote it
  bool insists = false;           // a model that does not reason is to be refused
  std::string field;              // that turned it on, for that error
};

Checked<ReasoningWishes> read_reasoning(const Json& body, Dialect dialect);

}  // namespace hearth::server
