// POST /infill: what llama.vim and llama.vscode complete code with.
//
// Contract: server/native/native.h. `prompt` is the end of the prefix (the line up to the cursor). Extra files that did not fit
// are told: "input_extra_dropped" and the header x-hearth-input-extra-dropped.
#include "server/generation.h"
#include "server/infill.h"
#include "server/native/completion_writer.h"
#include "server/native/native.h"

namespace hearth::server::native {

namespace {

constexpr size_t kMaxExtraFiles = 1024;

Checked<std::vector<ExtraFile>> read_extra(const Json& body) {
  std::vector<ExtraFile> files;
  const Json* list = find_member(body, "input_extra");
  if (list == nullptr) return files;
  if (!list->is_array()) return bad_request(std::string("'input_extra' must be a list, not ") + list->type_name(), "input_extra");
  if (list->size() > kMaxExtraFiles) {
    return bad_request("'input_extra' has more than " + std::to_string(kMaxExtraFiles) + " entries", "input_extra");
  }
  for (const Json& entry : *list) {
    if (!entry.is_object()) return bad_request("'input_extra' must be a list of objects with 'filename' and 'text'", "input_extra");
    Checked<std::string> text = string_member(entry, "text");
    if (!text.ok()) return text.error();
    Checked<std::string> name = string_member(entry, "filename");
    if (!name.ok()) return name.error();
    files.push_back({name->empty() ? "snippet" : std::move(*name), std::move(*text)});
  }
  return files;
}

Checked<Gap> read_gap(const Prepared& prepared) {
  Gap gap;
  Checked<std::string> prefix = string_member(prepared.body, "input_prefix");
  if (!prefix.ok()) return prefix.error();
  Checked<std::string> line = string_member(prepared.body, "prompt");
  if (!line.ok()) return line.error();
  Checked<std::string> suffix = string_member(prepared.body, "input_suffix");
  if (!suffix.ok()) return suffix.error();
  Checked<std::vector<ExtraFile>> extra = read_extra(prepared.body);
  if (!extra.ok()) return extra.error();
  gap.prefix = *prefix + *line;
  gap.suffix = std::move(*suffix);
  gap.extra = std::move(*extra);
  gap.max_tokens = prepared.parameters.generate.max_tokens;
  if (gap.prefix.empty() && gap.suffix.empty()) {
    return bad_request("'input_prefix' and 'input_suffix' are empty: there is no gap to fill", "input_prefix");
  }
  return gap;
}

}  // namespace

void infill(Context& context, const Request& request, const ResponderPtr& responder) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kNative, error, request.id); };
  Checked<Prepared> prepared = prepare(context, request, Dialect::kNative);
  if (!prepared.ok()) return refuse(prepared.error());
  if (Checked<Nothing> fine = refuse_tools(*prepared); !fine.ok()) return refuse(fine.error());
  Checked<CompletionShape> shape = read_shape(*prepared);
  if (!shape.ok()) return refuse(shape.error());
  Checked<Gap> gap = read_gap(*prepared);
  if (!gap.ok()) return refuse(gap.error());
  Checked<GapPrompt> prompt = gap_prompt(prepared->model->engine(), *gap);
  if (!prompt.ok()) return refuse(prompt.error());
  Headers more;
  if (prompt->left_out > 0) {
    shape->more["input_extra_dropped"] = prompt->left_out;
    more.emplace_back("x-hearth-input-extra-dropped", std::to_string(prompt->left_out));
  }
  shape->prompts.push_back(std::move(prompt->text));
  shape->own_stops = prompt->stops;
  Generation generation{prepared->model, {std::move(prompt->tokens)}, prepared->parameters, request.owner};
  auto& stop = generation.parameters.generate.stop;
  stop.insert(stop.end(), prompt->stops.begin(), prompt->stops.end());
  auto writer = std::make_shared<CompletionWriter>(responder, *prepared, request.id, std::move(*shape), std::move(more));
  start_answers(std::move(generation), events_of(std::move(writer)), responder);
}

}  // namespace hearth::server::native
