// Models under /api/v1: the list, loading and unloading. Contract: server/lmstudio/lmstudio.h.
#include <algorithm>

#include "base/clock.h"
#include "server/lmstudio/lmstudio.h"
#include "server/ollama/model_facts.h"

namespace hearth::server::lmstudio {

namespace {

constexpr std::chrono::seconds kUnloadWait{5};

Json config_of(const Models::Status& status) {
  return {{"context_length", status.info.context}, {"parallel", status.stats.sessions}, {"offload_kv_cache_to_gpu", false}};
}

Json talents_of(const library::Installed& model) {
  const std::vector<std::string> list = ollama::capabilities_of(model);
  const auto can = [&](const char* what) { return std::find(list.begin(), list.end(), what) != list.end(); };
  Json talents = {{"vision", false}, {"trained_for_tool_use", can("tools")}};
  if (can("thinking")) talents["reasoning"] = {{"allowed_options", {"off", "on"}}, {"default", "on"}};
  return talents;
}

Json entry_of(const library::Installed& model, const std::vector<Models::Status>& loaded) {
  const Json details = ollama::list_entry(model)["details"];
  Json instances = Json::array();
  for (const Models::Status& status : loaded) {
    if (status.name == model.name) instances.push_back({{"id", status.name}, {"config", config_of(status)}});
  }
  const auto detail = [&](const char* name) {
    const Json* value = find_member(details, name);
    return value ? *value : Json();
  };
  const Json parameters = detail("parameter_size"), quantization = detail("quantization_level"), trained = detail("context_length");
  const bool embeds = ollama::embeds(model);
  Json entry = {{"type", embeds ? "embedding" : "llm"},
          {"publisher", "hearth"},
          {"key", model.name},
          {"display_name", model.name},
          {"architecture", detail("family")},
          {"quantization", {{"name", quantization}, {"bits_per_weight", nullptr}}},
          {"size_bytes", model.bytes},
          {"params_string", parameters},
          {"loaded_instances", std::move(instances)},
          {"max_context_length", trained.is_null() ? Json(0) : trained},
          {"format", "gguf"},
          {"description", nullptr}};
  if (!embeds) entry["capabilities"] = talents_of(model);
  return entry;
}

Checked<Json> read_body(const Request& request) {
  Checked<Json> body = parse_body(request.body);
  if (!body.ok()) return body.error();
  Parameters checked;
  if (Checked<Nothing> read = read_parameters(*body, &checked); !read.ok()) return read.error();
  return body;
}

// Loads the model and leaves it in memory until it is unloaded or memory is needed.
Checked<Json> load(Context& context, const Request& request) {
  Checked<Json> body = read_body(request);
  if (!body.ok()) return body.error();
  Checked<std::string> name = string_member(*body, "model");
  if (!name.ok()) return name.error();
  if (name->empty()) return bad_request("'model' is missing", "model");
  Checked<bool> echo = bool_member(*body, "echo_load_config", false);
  if (!echo.ok()) return echo.error();
  const int64_t begun = monotonic_ns();
  Checked<std::shared_ptr<Models::Lease>> model = context.models.acquire(*name, KeepAlive());
  if (!model.ok()) return model.error();
  const Models::Lease& lease = **model;
  const int64_t held = lease.engine().info().context;
  if (const Json* wanted = find_member(*body, "context_length"); wanted && *wanted > held) {
    return bad_request("'context_length' is more than the " + std::to_string(held) +
                           " tokens that models have on this server: start it with a larger --ctx",
                       "context_length");
  }
  Json answer = {{"type", ollama::embeds(lease.file()) ? "embedding" : "llm"},
                 {"instance_id", lease.name()},
                 {"load_time_seconds", static_cast<double>(monotonic_ns() - begun) * 1e-9},
                 {"status", "loaded"}};
  if (*echo) answer["load_config"] = {{"context_length", held}, {"offload_kv_cache_to_gpu", false}};
  return answer;
}

Checked<Json> unload(Context& context, const Request& request) {
  Checked<Json> body = read_body(request);
  if (!body.ok()) return body.error();
  Checked<std::string> name = string_member(*body, "instance_id");
  if (!name.ok()) return name.error();
  if (name->empty()) return bad_request("'instance_id' is missing", "instance_id");
  Checked<library::Installed> model = context.models.resolve(*name);
  if (!model.ok()) return model.error();
  if (!context.models.unload(model->name)) {
    return ApiError{404, "'" + model->name + "' is not loaded", "instance_id", "model_not_found", 0, 0, 0};
  }
  context.models.wait_until_unloaded(model->name, kUnloadWait);  // answers that are being made end first
  return Json{{"instance_id", model->name}};
}

void answer(const Request& request, const ResponderPtr& responder, const Checked<Json>& result) {
  if (!result.ok()) return send_error(*responder, Dialect::kLmStudio, result.error(), request.id);
  send_json(*responder, Checked<Json>(result).value());
}

}  // namespace

void list_models_v1(Context& context, const Request& request, const ResponderPtr& responder) {
  const Result<std::vector<library::Installed>> models = context.models.installed();
  if (!models.ok()) return send_error(*responder, Dialect::kLmStudio, api_error(models.error()), request.id);
  const std::vector<Models::Status> loaded = context.models.loaded();
  Json list = Json::array();
  for (const library::Installed& model : *models) list.push_back(entry_of(model, loaded));
  send_json(*responder, {{"models", std::move(list)}});
}

void load_model(Context& context, const Request& request, const ResponderPtr& responder) {
  answer(request, responder, load(context, request));
}

void unload_model(Context& context, const Request& request, const ResponderPtr& responder) {
  answer(request, responder, unload(context, request));
}

}  // namespace hearth::server::lmstudio
