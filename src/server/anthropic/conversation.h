// Anthropic's system prompt and blocks, turned into the messages that chat templates know.
//
// Contract: text blocks of one message are joined by line ends. A tool_use block becomes a tool call of its assistant message,
// a tool_result a message of role "tool", thinking the reasoning of its message. A last message of the assistant is the
// beginning of the answer. Blocks that a text model cannot read are 400.
// Not here: sampling parameters (server/parameters.h), rendering (server/messages.h).
#pragma once

#include "server/messages.h"

namespace hearth::server::anthropic {

Checked<Conversation> read_conversation(const Json& body);

// 400 for what an answer would silently lack, and for fields of a wrong type.
Checked<Nothing> check_request(const Json& body);

}  // namespace hearth::server::anthropic
