// Calls and results of earlier turns, as messages carry them.
//
// Contract: tidy_past_calls works on one message that has a role and content: "tool_calls" and the older "function_call" become
// [{"id", "type", "function": {"name", "arguments"}}] with arguments as an object where they are the text of one, reasoning of
// any name becomes "reasoning_content". name_results then gives results the name of the call that they answer. 400 names the
// field.
// Not here: how a template wants them (messages.h).
#pragma once

#include <string>

#include "server/api_error.h"
#include "server/json.h"
#include "server/tools/answer_parts.h"

namespace hearth::server {

Checked<Nothing> tidy_past_calls(Json* message, const std::string& where);
void name_results(Json* messages);
// An answer as the message of the assistant that a later turn goes on from.
Json past_message(const AnswerParts& parts);

}  // namespace hearth::server
