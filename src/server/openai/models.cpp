// GET /v1/models and /v1/models/{id}. Contract: server/openai/openai.h.
#include "server/anthropic/anthropic.h"
#include "server/openai/openai.h"
#include "server/routes.h"

namespace hearth::server::openai {

namespace {

Json entry_of(const library::Installed& model) {
  return {{"id", model.name},
          {"object", "model"},
          {"created", model.modified},
          {"owned_by", "library"},
          {"meta", {{"size", model.bytes}, {"license", model.licence}, {"digest", model.sha256}}}};
}

}  // namespace

void list_models(Context& context, const Request& request, const ResponderPtr& responder) {
  if (anthropic::speaks_anthropic(request)) return anthropic::list_models(context, request, responder);
  const Result<std::vector<library::Installed>> models = context.models.installed();
  if (!models.ok()) return send_error(*responder, Dialect::kOpenAi, api_error(models.error()), request.id);
  Json list = Json::array();
  for (const library::Installed& model : *models) list.push_back(entry_of(model));
  send_json(*responder, {{"object", "list"}, {"data", std::move(list)}});
}

void show_model(Context& context, const Request& request, const ResponderPtr& responder) {
  if (anthropic::speaks_anthropic(request)) return anthropic::show_model(context, request, responder);
  const bool versioned = request.path.starts_with("/v1/");
  Checked<library::Installed> model = context.models.resolve(std::string(tail_after(request, versioned ? "/v1/models/" : "/models/")));
  if (!model.ok()) return send_error(*responder, Dialect::kOpenAi, model.error(), request.id);
  send_json(*responder, entry_of(*model));
}

}  // namespace hearth::server::openai
