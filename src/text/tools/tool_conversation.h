// Conversations with tools as a model's template takes them.
//
// Contract: pure. Messages are in the server's one form (role, content, tool_calls, tool_call_id, name) with arguments as objects
// or JSON text. What the template can say is left to it; tools, calls and results that it would drop are told in plain
// messages instead, never lost.
// Not here: rendering (text/chat_template.h), fields of dialects.
#pragma once

#include <string>
#include <string_view>

#include "nlohmann/json_fwd.hpp"
#include "text/tools/answer_format.h"
#include "text/tools/tool_request.h"

namespace hearth::text::tools {

// The messages as they are handed to the template.
nlohmann::ordered_json fit_messages(const AnswerFormat& format, const ToolRequest& request, const nlohmann::ordered_json& messages);
// Variables beside the messages: "tools" as transformers hands them over ([{"type": "function", "function": {...}}]), the
// switch of reasoning, "reasoning_effort".
nlohmann::ordered_json template_variables(const AnswerFormat& format, const ToolRequest& request, const ReasoningRequest& reasoning);
// What tells a model of its tools that cannot hear of them from its template. Empty if nothing can be called.
std::string tool_instructions(const AnswerFormat& format, const ToolRequest& request);
// A call as the model writes it. `arguments` is JSON text.
std::string written_call(const CallForm& form, std::string_view name, std::string_view arguments);

// The prompt ends inside reasoning, which the template has opened.
bool opens_reasoning(const AnswerFormat& format, std::string_view rendered);
// What has to follow a rendered prompt so that the model does not reason; empty if that is so already.
std::string closed_reasoning(const AnswerFormat& format, std::string_view rendered);

}  // namespace hearth::text::tools
