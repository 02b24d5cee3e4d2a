// The routes of Ollama's API.
//
// Contract: compact JSON; streams are lines of JSON and the default; durations are nanoseconds; names end in ":latest" where
// they have no tag; errors are {"error": text}. A request that asks for what this server does not do is 400, never answered as
// if it had not asked.
// Not here: how answers are made (server/generation.h), what a file says about its model (server/ollama/model_facts.h).
#pragma once

#include "server/context.h"

namespace hearth::server::ollama {

// Answers.
void chat(Context& context, const Request& request, const ResponderPtr& responder);
void generate(Context& context, const Request& request, const ResponderPtr& responder);
void embed(Context& context, const Request& request, const ResponderPtr& responder);
void embeddings(Context& context, const Request& request, const ResponderPtr& responder);

// What there is.
void tags(Context& context, const Request& request, const ResponderPtr& responder);
void show(Context& context, const Request& request, const ResponderPtr& responder);
void ps(Context& context, const Request& request, const ResponderPtr& responder);
void version(Context& context, const Request& request, const ResponderPtr& responder);
void status(Context& context, const Request& request, const ResponderPtr& responder);

// Changes to the library.
void pull(Context& context, const Request& request, const ResponderPtr& responder);
void remove(Context& context, const Request& request, const ResponderPtr& responder);
void copy(Context& context, const Request& request, const ResponderPtr& responder);
// Making and publishing models: 501.
void create(Context& context, const Request& request, const ResponderPtr& responder);
void push(Context& context, const Request& request, const ResponderPtr& responder);

}  // namespace hearth::server::ollama
