// Conversations of all dialects in one form, and from there to prompt tokens.
//
// Contract: a message is {"role", "content"} with text content, and what a template may use beside it (tool calls and their
// results, reasoning, names). Parts that a text model cannot see are 400, never dropped. Thread-safe.
// Not here: the shapes of other dialects' messages (their folders turn them into this one).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hearth/engine.h"
#include "server/api_error.h"
#include "server/json.h"

namespace hearth::server {

// What a conversation becomes a prompt with.
struct Conversation {
  Json messages = Json::array();
  Json template_variables = Json::object();  // "chat_template_kwargs" and the like; cannot replace messages
  bool add_generation_prompt = true;
  std::string answer_begins_with;            // text of the answer's turn that the model goes on from
};

// OpenAI's messages, which llama-server and LM Studio share; `field` is named in errors.
Checked<Json> read_messages(const Json& body, const char* field = "messages");

// The text of a message's content: a string, or parts of type text, joined by line ends. 400 for other parts.
Checked<std::string> text_of_content(const Json& content, const std::string& where);

Checked<std::string> render_conversation(const Engine& engine, const Conversation& conversation);
// Checked against the context.
Checked<std::vector<int32_t>> conversation_prompt(const Engine& engine, const Conversation& conversation);

// 400 if the request wants tools to be called, which an answer would otherwise silently lack.
Checked<Nothing> refuse_unsupported(const Json& body);

}  // namespace hearth::server
