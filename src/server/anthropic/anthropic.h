// Anthropic's routes: messages, counting their tokens, and the list of models in Anthropic's form.
//
// Contract: fields, events and shapes as the public Anthropic clients read them. Fields that only a hosted service can honour
// (cache_control, metadata, service_tier, context_management, beta headers, a budget for thinking) are accepted and change
// nothing; what would change the answer and cannot be done (tools, images, output formats) is 400.
// Not here: how answers are made (server/generation.h).
#pragma once

#include "server/context.h"

namespace hearth::server::anthropic {

void messages(Context& context, const Request& request, const ResponderPtr& responder);
void count_tokens(Context& context, const Request& request, const ResponderPtr& responder);

// GET /v1/models is OpenAI's, too: these answer requests that carry an anthropic-version header.
bool speaks_anthropic(const Request& request);
void list_models(Context& context, const Request& request, const ResponderPtr& responder);
void show_model(Context& context, const Request& request, const ResponderPtr& responder);

}  // namespace hearth::server::anthropic
