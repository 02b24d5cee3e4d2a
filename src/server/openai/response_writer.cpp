// Contract and exclusions: server/openai/response_writer.h.
#include "server/openai/response_writer.h"

#include "server/tools/past_calls.h"

namespace hearth::server::openai {

namespace {

Json or_null(const Json& body, const char* name) {
  const Json* value = find_member(body, name);
  return value ? *value : Json();
}

Json or_else(const Json& body, const char* name, Json otherwise) {
  const Json* value = find_member(body, name);
  return value ? *value : otherwise;
}

// As they were declared, with what clients expect to be there.
Json tools_of(const Json& body) {
  Json tools = or_else(body, "tools", Json::array());
  for (Json& tool : tools) {
    if (tool.is_object() && tool.value("type", "") == "function") {
      for (const char* name : {"description", "parameters", "strict"}) tool.emplace(name, nullptr);
    }
  }
  return tools;
}

// The response before anything of it is known but the request.
Json response_object(const ResponseRequest& request, const std::string& id) {
  const Json& body = request.prepared.body;
  const Json reasoning = or_else(body, "reasoning", Json::object());
  const text::SamplerOptions& sampler = request.prepared.parameters.generate.sampler;
  Json text = {{"format", {{"type", "text"}}}};
  if (const Json* asked = find_member(body, "text")) {
    for (const char* name : {"format", "verbosity"}) {
      if (const Json* value = find_member(*asked, name)) text[name] = *value;
    }
  }
  Json object = {{"id", id},
                 {"object", "response"},
                 {"created_at", unix_seconds()},
                 {"completed_at", nullptr},
                 {"status", "in_progress"},
                 {"background", false},
                 {"error", nullptr},
                 {"incomplete_details", nullptr},
                 {"instructions", or_null(body, "instructions")},
                 {"max_output_tokens", or_null(body, "max_output_tokens")},
                 {"max_tool_calls", or_null(body, "max_tool_calls")},
                 {"model", request.prepared.model->name()},
                 {"output", Json::array()},
                 {"parallel_tool_calls", or_else(body, "parallel_tool_calls", true)},
                 {"previous_response_id", or_null(body, "previous_response_id")},
                 {"prompt_cache_key", or_null(body, "prompt_cache_key")},
                 {"reasoning", {{"effort", or_null(reasoning, "effort")}, {"summary", or_null(reasoning, "summary")}}},
                 {"safety_identifier", or_null(body, "safety_identifier")},
                 {"service_tier", "default"},
                 {"store", request.store},
                 {"temperature", or_else(body, "temperature", sampler.temperature)},
                 {"text", std::move(text)},
                 {"tool_choice", or_else(body, "tool_choice", "auto")},
                 {"tools", tools_of(body)},
                 {"top_logprobs", request.prepared.parameters.top_logprobs},
                 {"top_p", or_else(body, "top_p", sampler.top_p)},
                 {"truncation", or_else(body, "truncation", "disabled")},
                 {"usage", nullptr},
                 {"user", or_null(body, "user")},
                 {"metadata", or_else(body, "metadata", Json::object())}};
  if (request.dropped_messages > 0) {
    object["truncated"] = {{"dropped_messages", request.dropped_messages}, {"dropped_tokens", request.dropped_tokens}};
  }
  return object;
}

Json usage_of_response(const GenerateResult& result) {
  const auto answer = static_cast<int64_t>(result.tokens.size());
  return {{"input_tokens", result.prompt_tokens},
          {"input_tokens_details", {{"cached_tokens", result.reused_tokens}, {"cache_write_tokens", 0}}},
          {"output_tokens", answer},
          {"output_tokens_details", {{"reasoning_tokens", result.reasoning_tokens}}},
          {"total_tokens", result.prompt_tokens + answer}};
}

Headers headers_of(const ResponseRequest& request) {
  Headers headers = answer_headers(request.prepared);
  if (request.dropped_messages > 0) {
    headers.emplace_back("x-hearth-truncated", "messages=" + std::to_string(request.dropped_messages) +
                                                   ", tokens=" + std::to_string(request.dropped_tokens));
  }
  return headers;
}

bool wants_summary(const Json& body) {
  const Json* reasoning = find_member(body, "reasoning");
  if (reasoning == nullptr || !reasoning->is_object()) return false;
  return find_member(*reasoning, "summary") || find_member(*reasoning, "generate_summary");
}

}  // namespace

ResponseWriter::ResponseWriter(ResponderPtr responder, ResponseStore& store, ResponseRequest request, std::string request_id)
    : responder_(responder),
      headers_(headers_of(request)),
      stream_(std::move(responder), EventStream::Form::kEvents, headers_),
      store_(store),
      id_(new_id("resp_")),
      object_(response_object(request, id_)),
      items_(request.prepared.tools, wants_summary(request.prepared.body)),
      parts_(request.parser, PartsOptions()),
      request_(std::move(request)),
      request_id_(std::move(request_id)) {}

void ResponseWriter::prompt(const PromptProgress& progress) {
  if (!streams()) return;
  open();
  stream_.pulse("prompt " + std::to_string(progress.done_tokens) + " of " + std::to_string(progress.total_tokens));
}

void ResponseWriter::text(int, std::string_view text, std::span<const GeneratedToken> tokens) {
  if (request_.prepared.parameters.logprobs) {
    items_.add_logprobs(logprobs_of(request_.prepared.model->engine(), tokens));
    untold_ = untold_ || !tokens.empty();
  }
  tell(parts_.take(text), "completed");
  const std::vector<AnswerPart>& parts = parts_.parts();
  if (!untold_ || parts.empty()) return;
  untold_ = false;
  if (parts.back().kind == AnswerPart::Kind::kText) {
    items_.send_logprobs(parts.size() - 1, sender());
  } else {
    items_.drop_logprobs();
  }
}

void ResponseWriter::end(int, const GenerateResult& result) {
  const char* status = status_of(result);
  tell(parts_.finish(), status);
  if (parts_.parts().empty()) {  // an answer has at least a message
    for (const PartEvent::Kind kind : {PartEvent::Kind::kBegin, PartEvent::Kind::kEnd}) {
      items_.send({kind, 0, ""}, AnswerPart(), status, sender());
    }
  }
}

void ResponseWriter::tell(const std::vector<PartEvent>& events, const char* status) {
  if (streams()) open();
  for (const PartEvent& event : events) {
    const AnswerPart& part = parts_.parts()[event.part];
    items_.send(event, part, status, sender());
    if (part.kind == AnswerPart::Kind::kText && event.kind == PartEvent::Kind::kMore) untold_ = false;
  }
}

// Without a stream nobody listens.
ResponseItems::Send ResponseWriter::sender() {
  if (!streams()) return [](const char*, Json) {};
  return [this](const char* event, Json data) { send(event, std::move(data)); };
}

void ResponseWriter::done(const std::vector<GenerateResult>& results) {
  const GenerateResult& result = results.front();
  const bool complete = result.finish_reason == FinishReason::kStop;
  object_["status"] = status_of(result);
  object_["completed_at"] = complete ? Json(unix_seconds()) : Json();
  if (!complete) object_["incomplete_details"] = {{"reason", "max_output_tokens"}};
  const std::vector<AnswerPart>& parts = parts_.parts();
  for (size_t i = 0; i < parts.size(); ++i) {
    object_["output"].push_back(items_.item_of(i, parts[i], i + 1 == parts.size() ? status_of(result) : "completed"));
  }
  if (parts.empty()) object_["output"].push_back(items_.item_of(0, AnswerPart(), status_of(result)));
  object_["usage"] = usage_of_response(result);
  if (request_.store) keep();
  if (streams()) {
    send(complete ? "response.completed" : "response.incomplete", {{"response", object_}});
    stream_.end();
  } else {
    send_json(*responder_, object_, 200, headers_);
  }
  request_.prepared.model.reset();
}

void ResponseWriter::error(const ApiError& error) {
  if (!stream_.begun()) {
    send_error(*responder_, Dialect::kOpenAi, error, request_id_);
  } else {
    object_["status"] = "failed";
    object_["error"] = {{"code", "server_error"}, {"message", error.message}};
    send("response.failed", {{"response", object_}});
    stream_.end();
  }
  request_.prepared.model.reset();
}

const char* ResponseWriter::status_of(const GenerateResult& result) {
  return result.finish_reason == FinishReason::kStop ? "completed" : "incomplete";
}

void ResponseWriter::send(const char* event, Json data) {
  Json object = {{"type", event}, {"sequence_number", sequence_number_++}};
  object.update(data);
  stream_.send(event, object);
}

void ResponseWriter::open() {
  if (opened_) return;
  opened_ = true;
  send("response.created", {{"response", object_}});
  send("response.in_progress", {{"response", object_}});
}

void ResponseWriter::keep() {
  Json messages = std::move(request_.messages);
  messages.push_back(past_message(parts_));
  store_.put({id_, object_, std::move(request_.input_items), std::move(messages)});
}

}  // namespace hearth::server::openai
