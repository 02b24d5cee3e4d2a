// POST /v1/responses, GET and DELETE /v1/responses/{id}, POST /v1/responses/input_tokens.
//
// Contract: server/openai/responses.h. A stream is: response.created, response.in_progress, response.output_item.added,
// response.content_part.added, response.output_text.delta for each piece of text, response.output_text.done,
// response.content_part.done, response.output_item.done, and response.completed, or response.incomplete if the answer was
// ended by a limit. Every event carries a sequence number.
#include "server/openai/responses.h"

#include "server/openai/response_request.h"
#include "server/routes.h"
#include "server/stream.h"

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
                 {"tools", or_else(body, "tools", Json::array())},
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
          {"output_tokens_details", {{"reasoning_tokens", 0}}},
          {"total_tokens", result.prompt_tokens + answer}};
}

Headers headers_of(const ResponseRequest& request) {
  Headers headers = answer_headers(request.prepared.parameters);
  if (request.dropped_messages > 0) {
    headers.emplace_back("x-hearth-truncated", "messages=" + std::to_string(request.dropped_messages) +
                                                   ", tokens=" + std::to_string(request.dropped_tokens));
  }
  return headers;
}

class ResponseWriter {
 public:
  ResponseWriter(ResponderPtr responder, ResponseStore& store, ResponseRequest request, std::string request_id)
      : responder_(responder),
        headers_(headers_of(request)),
        stream_(std::move(responder), EventStream::Form::kEvents, headers_),
        store_(store),
        id_(new_id("resp_")),
        object_(response_object(request, id_)),
        request_(std::move(request)),
        request_id_(std::move(request_id)) {}

  void prompt(const PromptProgress& progress) {
    if (!streams()) return;
    open();
    stream_.pulse("prompt " + std::to_string(progress.done_tokens) + " of " + std::to_string(progress.total_tokens));
  }

  void text(int, std::string_view text, std::span<const GeneratedToken> tokens) {
    if (!streams()) return;
    open();
    if (text.empty() && (tokens.empty() || !wants_logprobs())) return;
    Json data = place();
    data["delta"] = text;
    data["logprobs"] = logprobs(tokens);
    send("response.output_text.delta", std::move(data));
  }

  void end(int, const GenerateResult&) {}

  void done(const std::vector<GenerateResult>& results) {
    const GenerateResult& result = results.front();
    const bool complete = result.finish_reason == FinishReason::kStop;
    const Json part = text_part(result.text, result.tokens);
    object_["status"] = complete ? "completed" : "incomplete";
    object_["completed_at"] = complete ? Json(unix_seconds()) : Json();
    if (!complete) object_["incomplete_details"] = {{"reason", "max_output_tokens"}};
    object_["output"].push_back(message_item(complete ? "completed" : "incomplete", Json::array({part})));
    object_["usage"] = usage_of_response(result);
    if (request_.store) keep(result);
    if (streams()) {
      open();
      finish_stream(result, part, complete);
    } else {
      send_json(*responder_, object_, 200, headers_);
    }
    request_.prepared.model.reset();
  }

  void error(const ApiError& error) {
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

 private:
  bool streams() const { return request_.prepared.parameters.stream; }
  bool wants_logprobs() const { return request_.prepared.parameters.logprobs; }

  Json logprobs(std::span<const GeneratedToken> tokens) const {
    return wants_logprobs() ? logprobs_of(request_.prepared.model->engine(), tokens) : Json::array();
  }

  Json text_part(std::string_view text, std::span<const GeneratedToken> tokens) const {
    return {{"type", "output_text"}, {"text", text}, {"annotations", Json::array()}, {"logprobs", logprobs(tokens)}};
  }

  Json message_item(const char* status, Json content) const {
    return {{"id", item_id_}, {"type", "message"}, {"status", status}, {"role", "assistant"}, {"content", std::move(content)}};
  }

  // Where text goes: this server writes one message with one part.
  Json place() const { return {{"item_id", item_id_}, {"output_index", 0}, {"content_index", 0}}; }

  void send(const char* event, Json data) {
    Json object = {{"type", event}, {"sequence_number", sequence_number_++}};
    object.update(data);
    stream_.send(event, object);
  }

  void open() {
    if (opened_) return;
    opened_ = true;
    send("response.created", {{"response", object_}});
    send("response.in_progress", {{"response", object_}});
    send("response.output_item.added", {{"output_index", 0}, {"item", message_item("in_progress", Json::array())}});
    Json data = place();
    data["part"] = text_part("", {});
    send("response.content_part.added", std::move(data));
  }

  void finish_stream(const GenerateResult& result, const Json& part, bool complete) {
    Json text_done = place(), part_done = place();
    text_done["text"] = result.text;
    text_done["logprobs"] = part["logprobs"];
    part_done["part"] = part;
    send("response.output_text.done", std::move(text_done));
    send("response.content_part.done", std::move(part_done));
    send("response.output_item.done", {{"output_index", 0}, {"item", object_["output"][0]}});
    send(complete ? "response.completed" : "response.incomplete", {{"response", object_}});
    stream_.end();
  }

  void keep(const GenerateResult& result) {
    Json messages = std::move(request_.messages);
    messages.push_back({{"role", "assistant"}, {"content", result.text}});
    store_.put({id_, object_, std::move(request_.input_items), std::move(messages)});
  }

  ResponderPtr responder_;
  Headers headers_;
  EventStream stream_;
  ResponseStore& store_;
  std::string id_, item_id_ = new_id("msg_");
  Json object_;
  ResponseRequest request_;
  std::string request_id_;
  bool opened_ = false;
  int64_t sequence_number_ = 0;
};

std::string id_in(const Request& request) {
  return std::string(tail_after(request, request.path.starts_with("/v1/") ? "/v1/responses/" : "/responses/"));
}

ApiError no_response(const std::string& id) {
  return {404, "there is no response '" + id.substr(0, 100) + "'; responses are kept in memory only, and not for ever", "response_id",
          "", 0, 0, 0};
}

}  // namespace

void create_response(Context& context, const Request& request, const ResponderPtr& responder) {
  Checked<ResponseRequest> asked = read_response_request(context, request, /*generates=*/true);
  if (!asked.ok()) return send_error(*responder, Dialect::kOpenAi, asked.error(), request.id);
  Generation generation{asked->prepared.model, {std::move(asked->prompt)}, asked->prepared.parameters, request.owner};
  auto writer = std::make_shared<ResponseWriter>(responder, context.responses, std::move(*asked), request.id);
  start_answers(std::move(generation), events_of(std::move(writer)), responder);
}

void show_response(Context& context, const Request& request, const ResponderPtr& responder) {
  constexpr std::string_view kItems = "/input_items";
  std::string id = id_in(request);
  const bool items = id.ends_with(kItems);
  if (items) id.resize(id.size() - kItems.size());
  const std::optional<StoredResponse> found = context.responses.find(id);
  if (!found) return send_error(*responder, Dialect::kOpenAi, no_response(id), request.id);
  if (!items) return send_json(*responder, found->object);
  const Json& list = found->input_items;
  send_json(*responder, {{"object", "list"},
                         {"data", list},
                         {"first_id", list.empty() ? Json() : list.front()["id"]},
                         {"last_id", list.empty() ? Json() : list.back()["id"]},
                         {"has_more", false}});
}

void delete_response(Context& context, const Request& request, const ResponderPtr& responder) {
  const std::string id = id_in(request);
  if (!context.responses.erase(id)) return send_error(*responder, Dialect::kOpenAi, no_response(id), request.id);
  send_json(*responder, {{"id", id}, {"object", "response"}, {"deleted", true}});
}

void count_response_input(Context& context, const Request& request, const ResponderPtr& responder) {
  Checked<ResponseRequest> asked = read_response_request(context, request, /*generates=*/false);
  if (!asked.ok()) return send_error(*responder, Dialect::kOpenAi, asked.error(), request.id);
  send_json(*responder, {{"object", "response.input_tokens"}, {"input_tokens", asked->prompt.size()}});
}

}  // namespace hearth::server::openai
