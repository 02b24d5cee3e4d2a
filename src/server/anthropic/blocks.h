// The parts of an answer as Anthropic's content blocks: text, thinking, tool_use.
//
// Contract: there is at least one block. The input of a call is an object; a call that broke off has none, so what the model wrote
// of it is a text block (in a stream, which has told of the call by then, its input has no end). The signature of thinking only
// says that this server wrote it; nothing checks it.
// Not here: events (anthropic/messages.cpp).
#pragma once

#include "server/json.h"
#include "server/tools/answer_parts.h"

namespace hearth::server::anthropic {

Json content_of(const AnswerParts& parts);

// Of a stream.
Json empty_block(const AnswerPart& part);
Json delta_of(const AnswerPart& part, const std::string& more);
Json signature_delta(const AnswerPart& part);

}  // namespace hearth::server::anthropic
