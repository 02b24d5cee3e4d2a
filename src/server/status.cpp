// Contract and exclusions: server/status.h.
#include "server/status.h"

namespace hearth::server {

constexpr int kLookAgainSeconds = 5;

// Clients of Ollama look for these words to learn that a server is there.
void root(Context&, const Request&, const ResponderPtr& responder) {
  responder->send(200, "text/plain; charset=utf-8", "Ollama is running\n(this is Hearth, which speaks Ollama's API, too)\n");
}

void health(Context& context, const Request& request, const ResponderPtr& responder) {
  const std::optional<std::string> problem = context.watchdog ? context.watchdog->problem() : std::nullopt;
  if (problem) return send_error(*responder, Dialect::kNative, {503, *problem, "", "", 0, 0, kLookAgainSeconds}, request.id);
  send_json(*responder, {{"status", "ok"}});
}

}  // namespace hearth::server
