// Contract and exclusions: server/status.h.
#include "server/status.h"

namespace hearth::server {

// Clients of Ollama look for these words to learn that a server is there.
void root(Context&, const Request&, const ResponderPtr& responder) {
  responder->send(200, "text/plain; charset=utf-8", "Ollama is running\n(this is Hearth, which speaks Ollama's API, too)\n");
}

void health(Context&, const Request&, const ResponderPtr& responder) { send_json(*responder, {{"status", "ok"}}); }

}  // namespace hearth::server
