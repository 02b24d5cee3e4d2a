// The grammar of an answer that may reason, call tools and have a form of its own.
//
// Contract: pure. A call is bound from its first token: a declared name, arguments that satisfy the tool's schema. Required and
// named: nothing but calls; auto: text (or what `content` says), and from a form's mark on nothing but calls. Every text of
// the grammar is taken apart by AnswerParser into well-formed calls. Errors name the tool whose schema cannot be kept.
// Not here: the other kinds of grammars (schema.h, gbnf.h, choices.h), which come in as `content`.
#pragma once

#include <optional>

#include "hearth/error.h"
#include "text/grammar/rules.h"
#include "text/tools/answer_format.h"
#include "text/tools/tool_request.h"

namespace hearth::text::tools {

struct AnswerGrammar {
  AnswerFormat format;
  ToolRequest tools;
  bool reasons = false;              // reasoning may come first, and
  bool begins_in_reasoning = false;  // has been opened by the prompt
};

// `content`: finished rules of what is not a call; nothing: any text. Finished.
Result<grammar::Rules> compile_answer(const AnswerGrammar& answer, std::optional<grammar::Rules> content);

}  // namespace hearth::text::tools
