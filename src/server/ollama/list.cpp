// GET /api/tags, /api/ps, /api/version and /api/status. Contract: server/ollama/ollama.h.
#include <limits>

#include "server/ollama/model_facts.h"
#include "server/ollama/ollama.h"

namespace hearth::server::ollama {

namespace {

// The version of Ollama whose API these routes follow: clients ask for at least some version before they use a route. Ours
// stands behind it, as build metadata.
constexpr const char* kSpokenVersion = "0.14.0";

// A model that stays until it is told to go: Ollama says so with a time about as far away as its clock can count.
constexpr int64_t kForeverSeconds = std::numeric_limits<int64_t>::max() / 1'000'000'000;

std::string expiry_of(const Models::Status& model) {
  if (!model.expires_at_ms) return rfc3339(unix_seconds() + kForeverSeconds, 0);
  return rfc3339(*model.expires_at_ms / 1000, *model.expires_at_ms % 1000 * 1'000'000);
}

}  // namespace

void tags(Context& context, const Request& request, const ResponderPtr& responder) {
  const Result<std::vector<library::Installed>> models = context.models.installed();
  if (!models.ok()) return send_error(*responder, Dialect::kOllama, api_error(models.error()), request.id);
  Json list = Json::array();
  for (const library::Installed& model : *models) {
    Json entry = list_entry(model);
    entry["capabilities"] = capabilities_of(model);
    list.push_back(std::move(entry));
  }
  send_json(*responder, {{"models", std::move(list)}});
}

void ps(Context& context, const Request&, const ResponderPtr& responder) {
  Json list = Json::array();
  for (const Models::Status& model : context.models.loaded()) {
    Json entry = list_entry(model.file);
    entry.erase("modified_at");
    entry["size"] = model.memory_bytes;
    entry["expires_at"] = expiry_of(model);
    entry["size_vram"] = 0;
    entry["context_length"] = model.info.context;
    list.push_back(std::move(entry));
  }
  send_json(*responder, {{"models", std::move(list)}});
}

void version(Context& context, const Request&, const ResponderPtr& responder) {
  send_json(*responder, {{"version", std::string(kSpokenVersion) + "+hearth." + context.version}});
}

// Nothing of ours ever leaves the machine.
void status(Context&, const Request&, const ResponderPtr& responder) {
  send_json(*responder, {{"cloud", {{"disabled", true}, {"source", "none"}}}});
}

}  // namespace hearth::server::ollama
