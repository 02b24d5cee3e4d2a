// What requests of Ollama's API have in common: their fields and what they may not ask for, messages, loading and unloading.
//
// Contract: errors name the field. Reading a request loads nothing.
// Not here: prompts (chat.cpp, generate.cpp), parameters under "options" (server/parameters.h).
#pragma once

#include <chrono>
#include <string>

#include "server/context.h"
#include "server/ollama/writer.h"

namespace hearth::server::ollama {

constexpr std::chrono::seconds kUnloadWait{10};  // for answers that are being made, before an unload is answered

// Body, options, and everything that is refused: images.
Checked<Prepared> read(const Request& request);

// The member "model", or "name" as older clients have it.
Checked<std::string> name_member(const Json& body);

// Messages as server/messages.h has them: roles in small letters, no images, content that is absent is empty.
Checked<Json> read_chat_messages(const Json& body);

// An empty prompt: loads the model, or unloads it if it is to be kept for no time at all.
void load_or_unload(Context& context, Prepared& prepared, AnswerForm form, const Request& request, const ResponderPtr& responder);

}  // namespace hearth::server::ollama
