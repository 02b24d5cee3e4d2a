// From what a request says about tools, reasoning and form to how its answer is made and taken apart.
//
// Contract: the one way from a conversation to GenerateOptions, for server and command line. Its steps: messages and variables
// for the template (tool_conversation.h: fit_messages, template_variables), rendering (prompt.h), then plan_answer(), which
// completes the rendered prompt, sets grammar, marks and reasoning of the options, and says how to read the answer.
// Not here: fields of dialects (server/), parsing (text/tools/answer_parser.h).
#pragma once

#include <string>

#include "engine/answer_shape.h"
#include "engine/generate.h"
#include "hearth/engine.h"
#include "nlohmann/json_fwd.hpp"
#include "text/tools/answer_parser.h"
#include "text/tools/tool_request.h"

namespace hearth {

struct AnswerWishes {
  text::tools::ToolRequest tools;
  text::tools::ReasoningRequest reasoning;
  AnswerShape shape;               // of what is not a call; free with tools that are required or named
  bool splits_reasoning = true;    // false: reasoning and its marks stay in the text
  std::string begins_with;         // text of the answer that the model goes on from; there is no reasoning before it
};

// `rendered`: the template's text with the answer's turn opened; what the answer begins with is put behind it.
// Errors: kInvalidArgument, kUnsupported and kResource of tools' schemas (naming the tool) and of the shape.
Result<text::tools::ParserOptions> plan_answer(const Engine& engine, const AnswerWishes& wishes, std::string* rendered,
                                               GenerateOptions* options);

// The template's text of a conversation; what it cannot say is told in messages. `variables` are the request's own and win.
Result<std::string> render_answer_prompt(const Engine& engine, const AnswerWishes& wishes, const nlohmann::ordered_json& messages,
                                         const nlohmann::ordered_json& variables);

}  // namespace hearth
