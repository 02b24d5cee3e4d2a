// What a request says about tools, in the words of every dialect: which there are, whether one has to be called, and which.
//
// Contract: read_tools takes OpenAI's chat shape (nested), that of its responses (flat), Anthropic's, Ollama's and the older
// "functions". Errors are 400 and name the field. Where only some tools are allowed, the others are as if they were not there;
// tools that only another vendor's service could run (web search and the like) are left out and told in `left_out`.
// Not here: calls and results in messages (past_calls.h), how calls look in an answer (text/tools/).
#pragma once

#include <string>
#include <vector>

#include "server/api_error.h"
#include "server/json.h"
#include "text/tools/tool_request.h"

namespace hearth::server {

struct ToolWishes {
  text::tools::ToolRequest request;
  bool functions = false;              // asked for with "functions": answers have "function_call"
  std::vector<std::string> custom;     // names of tools whose only argument is a text (OpenAI's type "custom")
  std::vector<std::string> left_out;   // types of tools that this server does not have

  bool is_custom(const std::string& name) const;
};

// The one argument of a custom tool.
inline constexpr const char* kCustomInput = "input";

Checked<ToolWishes> read_tools(const Json& body, Dialect dialect);

}  // namespace hearth::server
