// DELETE /api/delete, POST /api/copy, and what this server does not do: making and publishing models.
// Contract: server/ollama/ollama.h.
#include <algorithm>
#include <chrono>

#include "server/ollama/model_facts.h"
#include "server/ollama/ollama.h"
#include "server/ollama/request.h"

namespace hearth::server::ollama {

namespace {


bool is_served_from_path(const Context& context, const std::string& name) {
  const auto& files = context.models.options().files;
  return std::any_of(files.begin(), files.end(), [&](const library::Installed& file) { return file.name == name; });
}

// A name that is given whole: what changes the library does not guess.
Checked<library::Installed> resolve_exactly(const Context& context, const std::string& name) {
  if (name.find_first_not_of(" \t\r\n") == std::string::npos) return bad_request("'model' is missing", "model");
  Checked<library::Installed> model = context.models.resolve(name);
  if (model.ok() && shown_name(model->name) != shown_name(name)) {
    return ApiError{404, "model '" + name.substr(0, 200) + "' not found; did you mean '" + model->name + "'?", "model",
                    "model_not_found", 0, 0, 0};
  }
  return model;
}

Checked<Nothing> remove_model(Context& context, const Request& request) {
  Checked<Json> body = parse_body(request.body);
  if (!body.ok()) return body.error();
  Checked<std::string> name = name_member(*body);
  if (!name.ok()) return name.error();
  Checked<library::Installed> model = resolve_exactly(context, *name);
  if (!model.ok()) return model.error();
  if (is_served_from_path(context, model->name)) {
    return bad_request("'" + model->name + "' was given to this server as a file; it is not the library's to remove", "model");
  }
  context.models.unload(model->name);
  context.models.wait_until_unloaded(model->name, kUnloadWait);
  const Result<library::Removed> removed = context.models.library().remove(model->name);
  if (!removed.ok()) return api_error(removed.error());
  return Nothing{};
}

Checked<Nothing> copy_model(Context& context, const Request& request) {
  Checked<Json> body = parse_body(request.body);
  if (!body.ok()) return body.error();
  Checked<std::string> source = string_member(*body, "source");
  if (!source.ok()) return source.error();
  Checked<std::string> destination = string_member(*body, "destination");
  if (!destination.ok()) return destination.error();
  Checked<library::Installed> model = resolve_exactly(context, *source);
  if (!model.ok()) return model.error();
  if (is_served_from_path(context, model->name)) {
    return bad_request("'" + model->name + "' was given to this server as a file; only the library's models get more names", "source");
  }
  std::string name = *destination;
  if (name.ends_with(":latest")) name.resize(name.size() - 7);
  if (is_served_from_path(context, name)) return bad_request("there is a model '" + name + "' already", "destination");
  const Result<void> added = context.models.library().add_name(model->name, name);
  if (!added.ok()) return api_error(added.error());
  return Nothing{};
}

void answer(const Checked<Nothing>& done, const Request& request, const ResponderPtr& responder) {
  if (!done.ok()) return send_error(*responder, Dialect::kOllama, done.error(), request.id);
  responder->send(200, "application/json; charset=utf-8", "");
}

void not_done(const Request& request, const ResponderPtr& responder, const char* what) {
  send_error(*responder, Dialect::kOllama, {501, what, "", "", 0, 0, 0}, request.id);
}

}  // namespace

void remove(Context& context, const Request& request, const ResponderPtr& responder) {
  answer(remove_model(context, request), request, responder);
}

void copy(Context& context, const Request& request, const ResponderPtr& responder) {
  answer(copy_model(context, request), request, responder);
}

void create(Context&, const Request& request, const ResponderPtr& responder) {
  not_done(request, responder,
           "this server does not make models: name a .gguf file in catalogue.toml, or give it to 'hearth serve'");
}

void push(Context&, const Request& request, const ResponderPtr& responder) {
  not_done(request, responder, "this server does not publish models");
}

}  // namespace hearth::server::ollama
