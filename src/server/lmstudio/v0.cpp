// The routes under /api/v0. Contract: server/lmstudio/lmstudio.h.
#include <algorithm>

#include "server/lmstudio/lmstudio.h"
#include "server/ollama/model_facts.h"
#include "server/openai/openai.h"
#include "server/routes.h"

namespace hearth::server::lmstudio {

namespace {

const Models::Status* find_loaded(const std::vector<Models::Status>& loaded, const std::string& name) {
  const auto found = std::find_if(loaded.begin(), loaded.end(), [&](const Models::Status& status) { return status.name == name; });
  return found == loaded.end() ? nullptr : &*found;
}

Json entry_v0(const library::Installed& model, const std::vector<Models::Status>& loaded) {
  const Json details = ollama::list_entry(model)["details"];
  const Models::Status* status = find_loaded(loaded, model.name);
  const Json* trained = find_member(details, "context_length");
  Json entry = {{"id", model.name},
                {"object", "model"},
                {"type", ollama::embeds(model) ? "embeddings" : "llm"},
                {"publisher", "hearth"},
                {"arch", details.value("family", "")},
                {"compatibility_type", "gguf"},
                {"quantization", details.value("quantization_level", "")},
                {"state", status ? "loaded" : "not-loaded"},
                {"max_context_length", trained ? *trained : Json(0)}};
  if (status) entry["loaded_context_length"] = status->info.context;
  return entry;
}

const char* stop_reason(const GenerateResult& result) {
  switch (result.finish_reason) {
    case FinishReason::kStop: return result.stop_string.empty() ? "eosFound" : "stopStringFound";
    case FinishReason::kLength: return "maxPredictedTokensReached";
    case FinishReason::kContextFull: return "contextLengthReached";
    case FinishReason::kCancelled: return "userStopped";
  }
  return "eosFound";
}

// Figures of the first answer, and what made it.
void add_figures(const std::string& version, Json* object, const Models::Lease& model, const std::vector<GenerateResult>& results) {
  const GenerateResult& result = results.front();
  const auto tokens = static_cast<double>(result.tokens.size());
  (*object)["stats"] = {{"tokens_per_second", result.decode_ms > 0 ? tokens * 1e3 / result.decode_ms : 0.0},
                        {"time_to_first_token", result.prompt_ms * 1e-3},
                        {"generation_time", result.decode_ms * 1e-3},
                        {"stop_reason", stop_reason(result)}};
  const ModelInfo& info = model.engine().info();
  (*object)["model_info"] = {{"arch", info.architecture}, {"quant", info.quantisation}, {"format", "gguf"}, {"context_length", info.context}};
  (*object)["runtime"] = {{"name", "hearth"}, {"version", version}, {"supported_formats", Json::array({"gguf"})}};
}

openai::Decorate figures_of(const Context& context) {
  return [version = context.version](Json* object, const Models::Lease& model, const std::vector<GenerateResult>& results) {
    add_figures(version, object, model, results);
  };
}

}  // namespace

void list_models_v0(Context& context, const Request& request, const ResponderPtr& responder) {
  const Result<std::vector<library::Installed>> models = context.models.installed();
  if (!models.ok()) return send_error(*responder, Dialect::kLmStudio, api_error(models.error()), request.id);
  const std::vector<Models::Status> loaded = context.models.loaded();
  Json list = Json::array();
  for (const library::Installed& model : *models) list.push_back(entry_v0(model, loaded));
  send_json(*responder, {{"object", "list"}, {"data", std::move(list)}});
}

void show_model_v0(Context& context, const Request& request, const ResponderPtr& responder) {
  Checked<library::Installed> model = context.models.resolve(std::string(tail_after(request, "/api/v0/models/")));
  if (!model.ok()) return send_error(*responder, Dialect::kLmStudio, model.error(), request.id);
  send_json(*responder, entry_v0(*model, context.models.loaded()));
}

void chat_completions_v0(Context& context, const Request& request, const ResponderPtr& responder) {
  openai::answer_chat(context, request, responder, Dialect::kLmStudio, figures_of(context));
}

void completions_v0(Context& context, const Request& request, const ResponderPtr& responder) {
  openai::answer_completion(context, request, responder, Dialect::kLmStudio, figures_of(context));
}

void embeddings_v0(Context& context, const Request& request, const ResponderPtr& responder) {
  Checked<Prepared> prepared = prepare(context, request, Dialect::kLmStudio);
  if (!prepared.ok()) return send_error(*responder, Dialect::kLmStudio, prepared.error(), request.id);
  openai::answer_embeddings(*prepared, request, responder, Dialect::kLmStudio);
}

}  // namespace hearth::server::lmstudio
