// Conversations of all dialects in one form, and from there to prompt tokens.
//
// Contract: a message is {"role", "content"} with text content, and what a template may use beside it (tool calls and their
// results as tools/past_calls.h has them, reasoning, names). Parts that a text model cannot see are 400, never dropped. Thread-safe.
// Not here: the shapes of other dialects' messages (their folders turn them into this one).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/answer_plan.h"
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

// The template's text, without what the answer begins with. What it cannot say of tools and calls is told in messages.
Checked<std::string> render_conversation(const Engine& engine, const AnswerWishes& wishes, const Conversation& conversation);

// How a conversation is answered.
struct ConversationPlan {
  std::string text;                     // the prompt as the model reads it
  std::vector<int32_t> prompt;          // of any length
  text::tools::ParserOptions parser;    // takes the answer apart
};
// Sets in `options` what tools, reasoning and form demand.
Checked<ConversationPlan> plan_conversation(const Engine& engine, const AnswerWishes& wishes, const Conversation& conversation,
                                            GenerateOptions* options);

}  // namespace hearth::server
