// Routes that say how the server is: they need no model.
//
// Contract: /health is 200 as soon as the server listens, whether or not a model is loaded.
// Not here: figures (native/metrics), what is loaded (ollama/ps).
#pragma once

#include "server/context.h"

namespace hearth::server {

void root(Context& context, const Request& request, const ResponderPtr& responder);
void health(Context& context, const Request& request, const ResponderPtr& responder);

}  // namespace hearth::server
