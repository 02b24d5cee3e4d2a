// POST /api/show. Contract: server/ollama/ollama.h.
#include "server/ollama/model_facts.h"
#include "server/ollama/ollama.h"
#include "server/ollama/request.h"

namespace hearth::server::ollama {

namespace {

constexpr size_t kParameterColumn = 31;

std::string parameter_line(std::string name, const std::string& value) {
  name.resize(std::max(kParameterColumn, name.size() + 1), ' ');
  return name + value + "\n";
}

// What a session of this model holds: now, if it is loaded, else what would be planned.
int64_t context_of(const Context& context, const library::Installed& model, const gguf::View& view) {
  for (const Models::Status& loaded : context.models.loaded()) {
    if (loaded.name == model.name) return loaded.info.context;
  }
  const Result<MemoryPlan> plan = plan_of(context.models.options(), model.path);
  if (plan.ok()) return plan->context;
  const std::string architecture(view.get_string("general.architecture").value_or(""));
  return static_cast<int64_t>(view.get_u64(architecture + ".context_length").value_or(0));
}

std::string licence_text(const library::Installed& model, const gguf::View& view) {
  const auto stated = [&](const char* key) { return std::string(view.get_string(key).value_or("")); };
  std::string text = model.licence.empty() ? stated("general.license") : model.licence;
  if (!model.licence_class.empty()) text += " (" + model.licence_class + ")";
  const std::string url = model.licence_url.empty() ? stated("general.license.link") : model.licence_url;
  for (const std::string& line : {url, model.licence_note}) {
    if (!line.empty()) text += "\n" + line;
  }
  return text;
}

// The same facts in the form of a file that makes models.
std::string model_file(const std::string& name, const std::string& source, int64_t context, const std::vector<std::string>& stops) {
  std::string text = "FROM " + name + "\nTEMPLATE \"\"\"" + source + "\"\"\"\nPARAMETER num_ctx " + std::to_string(context) + "\n";
  for (const std::string& stop : stops) text += "PARAMETER stop " + to_text(Json(stop)) + "\n";
  return text;
}

Checked<Json> describe(const Context& context, const Json& body) {
  Checked<std::string> name = name_member(body);
  if (!name.ok()) return name.error();
  const Checked<bool> verbose = bool_member(body, "verbose", false);
  if (!verbose.ok()) return verbose.error();
  Checked<library::Installed> model = context.models.resolve(*name);
  if (!model.ok()) return model.error();
  const Result<std::unique_ptr<gguf::View>> opened = gguf::View::open(model->path);
  if (!opened.ok()) return api_error(opened.error());
  const gguf::View& view = **opened;
  const int64_t positions = context_of(context, *model, view);
  const std::vector<std::string> stops = stop_strings(view);
  const GapTexts gap = gap_texts(*model, view);
  const std::string source = template_of(view, gap);
  std::string parameters = parameter_line("num_ctx", std::to_string(positions));
  for (const std::string& stop : stops) parameters += parameter_line("stop", to_text(Json(stop)));
  parameters.pop_back();
  Json answer = {{"license", licence_text(*model, view)},
                 {"modelfile", model_file(shown_name(model->name), source, positions, stops)},
                 {"parameters", std::move(parameters)},
                 {"template", source},
                 {"details", details_of(view)},
                 {"model_info", model_info(view, Checked<bool>(verbose).value())},
                 {"capabilities", capabilities_of(*model)},
                 {"modified_at", modified_at(*model)}};
  if (Checked<bool>(verbose).value()) answer["tensors"] = tensor_list(view);
  return answer;
}

}  // namespace

void show(Context& context, const Request& request, const ResponderPtr& responder) {
  Checked<Json> body = parse_body(request.body);
  Checked<Json> answer = body.ok() ? describe(context, *body) : body;
  if (!answer.ok()) return send_error(*responder, Dialect::kOllama, answer.error(), request.id);
  send_json(*responder, *answer);
}

}  // namespace hearth::server::ollama
