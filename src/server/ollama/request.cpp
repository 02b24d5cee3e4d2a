// Contract and exclusions: server/ollama/request.h.
#include "server/ollama/request.h"

#include <chrono>

#include "base/ascii.h"
#include "server/messages.h"

namespace hearth::server::ollama {

namespace {

bool is_blank(const Json* value) {
  return value == nullptr || (value->is_string() && value->get_ref<const std::string&>().empty()) ||
         (value->is_array() && value->empty());
}

Checked<Nothing> refuse_images(const Json& object, const std::string& where) {
  const Json* images = find_member(object, "images");
  if (images != nullptr && !images->is_array()) {
    return bad_request("'" + where + "images' must be a list, not " + images->type_name(), where + "images");
  }
  if (!is_blank(images)) return not_supported("'" + where + "images': this model reads text only", where + "images");
  return Nothing{};
}

Checked<Nothing> refuse_what_is_not_done(const Json& body) {
  for (const char* name : {"width", "height", "steps"}) {  // of images that other models make
    if (find_member(body, name)) return not_supported(std::string("'") + name + "': this server makes text only", name);
  }
  return refuse_images(body, "");
}

}  // namespace

Checked<Prepared> read(const Request& request) {
  Checked<Prepared> prepared = read_request(request, Dialect::kOllama, "options");
  if (!prepared.ok()) return prepared;
  if (Checked<Nothing> fine = refuse_what_is_not_done(prepared->body); !fine.ok()) return fine.error();
  prepared->parameters.choices = 1;  // there is no place for more in an answer
  return prepared;
}

Checked<std::string> name_member(const Json& body) {
  Checked<std::string> model = string_member(body, "model");
  return !model.ok() || !model->empty() ? model : string_member(body, "name");
}

Checked<Json> read_chat_messages(const Json& body) {
  const Json* list = find_member(body, "messages");
  if (list == nullptr || !list->is_array()) return read_messages(body);
  Json plain = Json::array();
  for (size_t i = 0; i < list->size(); ++i) {
    Json message = (*list)[i];
    if (message.is_object()) {
      if (Checked<Nothing> fine = refuse_images(message, "messages[" + std::to_string(i) + "]."); !fine.ok()) return fine.error();
      if (const Json* role = find_member(message, "role"); role && role->is_string()) {
        message["role"] = lower_case(role->get_ref<const std::string&>());
      }
      if (!find_member(message, "content")) message["content"] = "";
    }
    plain.push_back(std::move(message));
  }
  return read_messages(Json{{"messages", std::move(plain)}});
}

void load_or_unload(Context& context, Prepared& prepared, AnswerForm form, const Request& request,
                    const ResponderPtr& responder) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kOllama, error, request.id); };
  const bool unload = prepared.keep_alive && *prepared.keep_alive && (*prepared.keep_alive)->count() == 0;
  Checked<library::Installed> file = context.models.resolve(prepared.model_name);
  if (!file.ok()) return refuse(file.error());
  if (unload) {
    context.models.unload(file->name);
    context.models.wait_until_unloaded(file->name, kUnloadWait);
  } else if (Checked<Nothing> loaded = load_model(context, &prepared); !loaded.ok()) {
    return refuse(loaded.error());
  }
  prepared.model.reset();
  Json answer = envelope(prepared.model_name.empty() ? file->name : prepared.model_name);
  put_said(&answer, form, {});
  answer["done"] = true;
  answer["done_reason"] = unload ? "unload" : "load";
  send_json(*responder, answer);
}

}  // namespace hearth::server::ollama
