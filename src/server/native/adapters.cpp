// GET and POST /lora-adapters: the adapters of a model and their scales where a request names none.
// Contract: server/native/native.h.
#include "server/adapters.h"

#include "server/native/native.h"

namespace hearth::server::native {

namespace {

// What a client may know of where a file lies.
std::string adapter_file_name(const std::string& path) { return path.substr(path.rfind('/') + 1); }

Checked<std::shared_ptr<Models::Lease>> model_with_adapters(Context& context, const Request& request) {
  return context.models.acquire(std::string(request.query_value("model").value_or("")));
}

Checked<Nothing> set_scales(Context& context, const Request& request) {
  Checked<Json> list = parse_json(request.body);
  if (!list.ok()) return list.error();
  Checked<AdapterSet> asked = read_adapter_list(*list, "the body");
  if (!asked.ok()) return asked.error();
  Checked<std::shared_ptr<Models::Lease>> model = model_with_adapters(context, request);
  if (!model.ok()) return model.error();
  Checked<AdapterSet> adapters = adapters_of((*model)->engine(), *asked);
  if (!adapters.ok()) return adapters.error();
  context.models.set_default_adapters(**model, std::move(*adapters));
  return Nothing{};
}

}  // namespace

void list_adapters(Context& context, const Request& request, const ResponderPtr& responder) {
  Checked<std::shared_ptr<Models::Lease>> model = model_with_adapters(context, request);
  if (!model.ok()) return send_error(*responder, Dialect::kNative, model.error(), request.id);
  const std::vector<AdapterInfo>& adapters = (*model)->engine().adapters();
  Json list = Json::array();
  for (size_t i = 0; i < adapters.size(); ++i) {
    list.push_back({{"id", i},
                    {"path", adapter_file_name(adapters[i].path)},
                    {"scale", 0.0f},
                    {"task_name", adapters[i].task_name},
                    {"prompt_prefix", adapters[i].prompt_prefix}});
  }
  for (const AdapterScale& one : (*model)->service().default_adapters()) list[static_cast<size_t>(one.id)]["scale"] = one.scale;
  send_json(*responder, list);
}

void set_adapters(Context& context, const Request& request, const ResponderPtr& responder) {
  if (Checked<Nothing> done = set_scales(context, request); !done.ok()) {
    return send_error(*responder, Dialect::kNative, done.error(), request.id);
  }
  send_json(*responder, {{"success", true}});
}

}  // namespace hearth::server::native
