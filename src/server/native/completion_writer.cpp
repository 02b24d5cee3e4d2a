// Contract and exclusions: server/native/completion_writer.h.
#include "server/native/completion_writer.h"

#include <algorithm>

#include "base/clock.h"
#include "server/native/native.h"

namespace hearth::server::native {

namespace {

const char* stop_type(const GenerateResult& result, bool own_stop) {
  if (result.finish_reason == FinishReason::kStop) return result.stop_string.empty() || own_stop ? "eos" : "word";
  return result.finish_reason == FinishReason::kCancelled ? "none" : "limit";
}

Json ids_of(std::span<const GeneratedToken> tokens) {
  Json ids = Json::array();
  for (const GeneratedToken& token : tokens) ids.push_back(token.id);
  return ids;
}

Headers with_more(Headers headers, Headers more) {
  for (auto& entry : more) headers.push_back(std::move(entry));
  return headers;
}

}  // namespace

Checked<CompletionShape> read_shape(const Prepared& prepared) {
  CompletionShape shape;
  const struct { const char* name; bool* to; } kFlags[] = {{"return_tokens", &shape.return_tokens},
                                                           {"timings_per_token", &shape.timings_per_token},
                                                           {"return_progress", &shape.return_progress}};
  for (const auto& flag : kFlags) {
    Checked<bool> value = bool_member(prepared.body, flag.name, false);
    if (!value.ok()) return value.error();
    *flag.to = *value;
  }
  Checked<bool> after_sampling = bool_member(prepared.body, "post_sampling_probs", false);
  if (!after_sampling.ok()) return after_sampling.error();
  if (*after_sampling && prepared.parameters.logprobs) {
    return not_supported("'post_sampling_probs' is not supported: 'n_probs' tells the model's own probabilities",
                         "post_sampling_probs");
  }
  if (const Json* fields = find_member(prepared.body, "response_fields")) {
    for (const Json& path : *fields) shape.response_fields.push_back(path.get<std::string>());
  }
  return shape;
}

Json select_fields(const Json& whole, const std::vector<std::string>& paths) {
  Json result = Json::object();
  for (const std::string& path : paths) {
    const Json* place = &whole;
    for (size_t begin = 0; place != nullptr && begin <= path.size();) {
      const size_t end = std::min(path.find('/', begin), path.size());
      place = find_member(*place, path.substr(begin, end - begin));
      begin = end + 1;
    }
    if (place != nullptr) result[path] = *place;
  }
  return result;
}

CompletionWriter::CompletionWriter(ResponderPtr responder, const Prepared& prepared, std::string request_id,
                                   CompletionShape shape, Headers more)
    : responder_(responder),
      headers_(with_more(answer_headers(prepared), std::move(more))),
      stream_(std::move(responder), EventStream::Form::kEvents, headers_),
      model_(prepared.model),
      parameters_(prepared.parameters),
      request_id_(std::move(request_id)),
      shape_(std::move(shape)),
      predicted_(shape_.prompts.size() * static_cast<size_t>(prepared.parameters.choices), 0) {}

void CompletionWriter::prompt(const PromptProgress& progress) {
  prompt_tokens_ = progress.total_tokens;
  if (!parameters_.stream) return;
  if (!shape_.return_progress || progress.waiting_before >= 0) {
    stream_.pulse("prompt " + std::to_string(progress.done_tokens) + " of " + std::to_string(progress.total_tokens));
    return;
  }
  Json event = partial(0, "", {});
  event["prompt_progress"] = {{"total", progress.total_tokens},
                              {"cache", progress.reused_tokens},
                              {"processed", progress.done_tokens},
                              {"time_ms", progress.milliseconds}};
  stream_.send(event);
}

void CompletionWriter::text(int index, std::string_view text, std::span<const GeneratedToken> tokens) {
  if (first_text_ns_ == 0) first_text_ns_ = monotonic_ns();
  predicted_[static_cast<size_t>(index)] += static_cast<int64_t>(tokens.size());
  if (!parameters_.stream) return;
  const bool wanted = !tokens.empty() && (parameters_.logprobs || shape_.return_tokens);
  if (!text.empty() || wanted) stream_.send(partial(index, text, tokens));
}

void CompletionWriter::end(int index, const GenerateResult& result) {
  if (parameters_.stream) stream_.send(last(index, result, /*with_content=*/false));
}

void CompletionWriter::done(const std::vector<GenerateResult>& results) {
  if (parameters_.stream) {
    stream_.end();
  } else if (results.size() == 1) {
    send_json(*responder_, last(0, results.front(), /*with_content=*/true), 200, headers_);
  } else {
    Json list = Json::array();
    for (size_t i = 0; i < results.size(); ++i) list.push_back(last(static_cast<int>(i), results[i], /*with_content=*/true));
    send_json(*responder_, list, 200, headers_);
  }
  model_.reset();
}

void CompletionWriter::error(const ApiError& error) {
  if (!stream_.begun()) {
    send_error(*responder_, Dialect::kNative, error, request_id_);
  } else {
    stream_.send_text(error_body(Dialect::kNative, error, request_id_));
    stream_.end();
  }
  model_.reset();
}

Json CompletionWriter::partial(int index, std::string_view text, std::span<const GeneratedToken> tokens) {
  Json event = {{"index", index},
                {"content", text},
                {"tokens", ids_of(tokens)},
                {"stop", false},
                {"id_slot", index},
                {"tokens_predicted", predicted_[static_cast<size_t>(index)]},
                {"tokens_evaluated", prompt_tokens_}};
  if (parameters_.logprobs && !tokens.empty()) event["completion_probabilities"] = probabilities(tokens);
  if (shape_.timings_per_token && !tokens.empty()) {
    const int64_t count = predicted_[static_cast<size_t>(index)];
    const double milliseconds = static_cast<double>(monotonic_ns() - first_text_ns_) * 1e-6;
    event["timings"] = {{"prompt_n", prompt_tokens_},
                        {"predicted_n", count},
                        {"predicted_ms", milliseconds},
                        {"predicted_per_second", milliseconds > 0 ? static_cast<double>(count) * 1e3 / milliseconds : 0.0}};
  }
  return event;
}

Json CompletionWriter::last(int index, const GenerateResult& result, bool with_content) const {
  const auto& own = shape_.own_stops;
  const bool own_stop = std::find(own.begin(), own.end(), result.stop_string) != own.end();
  Json settings = settings_of(parameters_);
  settings["n_ctx"] = model_->engine().info().context;
  Json object = {{"index", index},
                 {"content", with_content ? std::string_view(result.text) : std::string_view()},
                 {"tokens", with_content && shape_.return_tokens ? ids_of(result.tokens) : Json::array()},
                 {"id_slot", index},
                 {"stop", true},
                 {"model", model_->name()},
                 {"tokens_predicted", result.tokens.size()},
                 {"tokens_evaluated", result.prompt_tokens},
                 {"generation_settings", std::move(settings)},
                 {"prompt", shape_.prompts[static_cast<size_t>(index / parameters_.choices)]},
                 {"has_new_line", result.text.find('\n') != std::string::npos},
                 {"truncated", false},
                 {"stop_type", stop_type(result, own_stop)},
                 {"stopping_word", own_stop ? std::string() : result.stop_string},
                 {"tokens_cached", tokens_held(result)},
                 {"timings", timings_of(result)}};
  if (parameters_.logprobs && with_content) object["completion_probabilities"] = probabilities(result.tokens);
  for (const auto& [name, value] : shape_.more.items()) object[name] = value;
  return shape_.response_fields.empty() ? object : select_fields(object, shape_.response_fields);
}

Json CompletionWriter::probabilities(std::span<const GeneratedToken> tokens) const {
  Json list = logprobs_of(model_->engine(), tokens);
  const auto with_id = [](int32_t id, const Json& entry) {
    Json result = {{"id", id}};
    for (const auto& [name, value] : entry.items()) result[name] = value;
    return result;
  };
  for (size_t i = 0; i < tokens.size(); ++i) {
    list[i] = with_id(tokens[i].id, list[i]);
    Json& others = list[i]["top_logprobs"];
    for (size_t k = 0; k < others.size(); ++k) others[k] = with_id(tokens[i].alternatives[k].id, others[k]);
  }
  return list;
}

}  // namespace hearth::server::native
