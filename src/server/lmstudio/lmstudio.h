// LM Studio's routes: /api/v0 (OpenAI's shapes with figures added), /api/v1 models, and /api/v1/chat.
//
// Contract: shapes as LM Studio documents them. An answer's "stats" are in seconds. Loading with a context larger than the
// server's is 400: the context of this server is set where it is started.
// Not here: LM Studio's /v1 routes, which are OpenAI's and Anthropic's.
#pragma once

#include "server/context.h"

namespace hearth::server::lmstudio {

void list_models_v0(Context& context, const Request& request, const ResponderPtr& responder);
void show_model_v0(Context& context, const Request& request, const ResponderPtr& responder);
void chat_completions_v0(Context& context, const Request& request, const ResponderPtr& responder);
void completions_v0(Context& context, const Request& request, const ResponderPtr& responder);
void embeddings_v0(Context& context, const Request& request, const ResponderPtr& responder);

void list_models_v1(Context& context, const Request& request, const ResponderPtr& responder);
void load_model(Context& context, const Request& request, const ResponderPtr& responder);
void unload_model(Context& context, const Request& request, const ResponderPtr& responder);
void chat_v1(Context& context, const Request& request, const ResponderPtr& responder);

}  // namespace hearth::server::lmstudio
