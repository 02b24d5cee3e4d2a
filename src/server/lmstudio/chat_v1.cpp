// POST /api/v1/chat. Contract: server/lmstudio/lmstudio.h. A stream is: chat.start, prompt_processing.start, .progress, .end; for
// each part of the answer reasoning.start, .delta and .end, message.start, .delta and .end, tool_call.start and .arguments, or
// tool_call.failure for what was meant as a call and is none; chat.end with the whole result. A model that has to be loaded is
// loaded before the stream begins; how long that took is in the figures. Tools, as OpenAI declares them, are called but not run: their
// results come as {"type": "tool_result", "tool_call_id", "content"} in the input of the next request.
#include "server/lmstudio/lmstudio.h"
#include "server/messages.h"
#include "server/openai/response_store.h"
#include "server/stream.h"
#include "server/tools/past_calls.h"

namespace hearth::server::lmstudio {

namespace {

struct ChatRequest {
  Prepared prepared;
  Conversation conversation;
  Json messages;                    // without the system prompt, for a later request to go on from
  bool store = true;
};

Checked<Json> read_tool_result(const Json& item, const std::string& where, const std::string& content) {
  const Json* id = find_member(item, "tool_call_id");
  if (id == nullptr || !id->is_string()) return bad_request("'" + where + ".tool_call_id' must be a string", where + ".tool_call_id");
  return Json{{"role", "tool"}, {"tool_call_id", *id}, {"content", content}};
}

// A string, or a list of {"type": "text", "message" or "tool_result", "content": "..."}: messages.
Checked<Json> read_input(const Json& body) {
  const Json* input = find_member(body, "input");
  if (input == nullptr) return bad_request("'input' is missing", "input");
  if (input->is_string()) return Json::array({{{"role", "user"}, {"content", *input}}});
  if (!input->is_array()) return bad_request(std::string("'input' must be a string or a list, not ") + input->type_name(), "input");
  std::string text;
  Json results = Json::array();
  for (size_t i = 0; i < input->size(); ++i) {
    const Json& item = (*input)[i];
    const std::string where = "input[" + std::to_string(i) + "]";
    const Json* type = find_member(item, "type");
    const Json* content = find_member(item, "content");
    if (type && *type != "text" && *type != "message" && *type != "tool_result") {
      return not_supported("'" + where + "' is of type " + to_text(*type).substr(0, 40) + ": this model reads text only", where);
    }
    if (content == nullptr || !content->is_string()) return bad_request("'" + where + ".content' must be a string", where + ".content");
    const std::string& words = content->get_ref<const std::string&>();
    if (type && *type == "tool_result") {
      Checked<Json> result = read_tool_result(item, where, words);
      if (!result.ok()) return result.error();
      results.push_back(std::move(*result));
      continue;
    }
    if (!text.empty()) text += '\n';
    text += words;
  }
  if (!text.empty()) results.push_back({{"role", "user"}, {"content", text}});
  if (results.empty()) return bad_request("'input' is empty: there is nothing to answer", "input");
  return results;
}

Checked<ChatRequest> read_request(Context& context, const Request& request) {
  Checked<Prepared> prepared = prepare(context, request, Dialect::kLmStudio);
  if (!prepared.ok()) return prepared.error();
  const Json& body = prepared->body;
  Checked<Json> input = read_input(body);
  if (!input.ok()) return input.error();
  Checked<std::string> system = string_member(body, "system_prompt"), previous = string_member(body, "previous_response_id");
  if (!system.ok()) return system.error();
  if (!previous.ok()) return previous.error();
  Checked<bool> store = bool_member(body, "store", true);
  if (!store.ok()) return store.error();
  const Json* integrations = find_member(body, "integrations");
  if (integrations && !(integrations->is_array() && integrations->empty())) {
    return not_supported("'integrations' is not supported: leave it out", "integrations");
  }
  ChatRequest result;
  result.messages = Json::array();
  if (!previous->empty()) {
    std::optional<openai::StoredResponse> before = context.responses.find(*previous);
    if (!before) return bad_request("'previous_response_id': there is no response '" + previous->substr(0, 100) + "'", "previous_response_id");
    result.messages = std::move(before->messages);
  }
  for (Json& message : *input) result.messages.push_back(std::move(message));
  name_results(&result.messages);
  if (!system->empty()) result.conversation.messages.push_back({{"role", "system"}, {"content", *system}});
  for (const Json& message : result.messages) result.conversation.messages.push_back(message);
  result.store = *store;
  result.prepared = std::move(*prepared);
  result.prepared.parameters.choices = 1;
  return result;
}

class ChatWriter {
 public:
  ChatWriter(ResponderPtr responder, openai::ResponseStore& store, ChatRequest request, text::tools::ParserOptions parser,
             std::string request_id)
      : responder_(responder),
        headers_(answer_headers(request.prepared)),
        stream_(std::move(responder), EventStream::Form::kEvents, headers_),
        store_(store),
        parts_(std::move(parser), {.whole_calls = true, .bad_calls = true}),
        request_(std::move(request)),
        request_id_(std::move(request_id)) {}

  void prompt(const PromptProgress& progress) {
    if (!streams()) return;
    start();
    const auto total = static_cast<double>(progress.total_tokens);
    send("prompt_processing.progress", {{"progress", total > 0 ? static_cast<double>(progress.done_tokens) / total : 0.0}});
  }

  void text(int, std::string_view text, std::span<const GeneratedToken>) { tell(parts_.take(text)); }

  void end(int, const GenerateResult&) { tell(parts_.finish()); }

  void done(const std::vector<GenerateResult>& results) {
    const Json object = result_of(results.front());
    if (streams()) {
      if (parts_.parts().empty()) {  // an answer has at least a message
        tell_part({PartEvent::Kind::kBegin, 0, ""}, AnswerPart());
        tell_part({PartEvent::Kind::kEnd, 0, ""}, AnswerPart());
      }
      send("chat.end", {{"result", object}});
      stream_.end();
    } else {
      send_json(*responder_, object, 200, headers_);
    }
    request_.prepared.model.reset();
  }

  void error(const ApiError& error) {
    if (!stream_.begun()) {
      send_error(*responder_, Dialect::kLmStudio, error, request_id_);
    } else {
      send("error", {{"error", {{"type", "internal_error"}, {"message", error.message}}}});
      stream_.end();
    }
    request_.prepared.model.reset();
  }

 private:
  bool streams() const { return request_.prepared.parameters.stream; }

  void send(const std::string& event, Json data) {
    Json object = {{"type", event}};
    object.update(data);
    stream_.send(event, object);
  }

  void start() {
    if (started_) return;
    started_ = true;
    send("chat.start", {{"model_instance_id", request_.prepared.model->name()}});
    send("prompt_processing.start", Json::object());
  }

  void tell(const std::vector<PartEvent>& events) {
    if (!streams()) return;
    for (const PartEvent& event : events) tell_part(event, parts_.parts()[event.part]);
  }

  void tell_part(const PartEvent& event, const AnswerPart& part) {
    start();
    if (!opened_) send("prompt_processing.end", Json::object());
    opened_ = true;
    const bool begins = event.kind == PartEvent::Kind::kBegin, ends = event.kind == PartEvent::Kind::kEnd;
    if (part.kind == AnswerPart::Kind::kCall) {
      if (begins) send("tool_call.start", {{"tool", part.name}, {"tool_call_id", part.id}});
      if (ends) send("tool_call.arguments", {{"tool", part.name}, {"tool_call_id", part.id}, {"arguments", call_arguments(part)}});
      return;
    }
    if (part.kind == AnswerPart::Kind::kBadCall) {
      if (ends) send("tool_call.failure", failure_of(part));
      return;
    }
    const std::string name = part.kind == AnswerPart::Kind::kReasoning ? "reasoning" : "message";
    if (begins) return send(name + ".start", Json::object());
    if (ends) return send(name + ".end", Json::object());
    send(name + ".delta", {{"content", event.more}});
  }

  static Json failure_of(const AnswerPart& part) {
    Json metadata = {{"type", part.name.empty() ? "invalid_name" : "invalid_arguments"}, {"raw", part.text}};
    if (!part.name.empty()) metadata["tool_name"] = part.name;
    return {{"reason", part.problem}, {"metadata", std::move(metadata)}};
  }

  static Json item_of(const AnswerPart& part) {
    switch (part.kind) {
      case AnswerPart::Kind::kReasoning: return {{"type", "reasoning"}, {"content", part.text}};
      case AnswerPart::Kind::kText: return {{"type", "message"}, {"content", part.text}};
      case AnswerPart::Kind::kCall:
        return {{"type", "tool_call"}, {"tool_call_id", part.id}, {"tool", part.name}, {"arguments", call_arguments(part)}};
      case AnswerPart::Kind::kBadCall: break;
    }
    Json item = {{"type", "invalid_tool_call"}};
    item.update(failure_of(part));
    return item;
  }

  Json output_of() const {
    Json output = Json::array();
    for (const AnswerPart& part : parts_.parts()) output.push_back(item_of(part));
    if (output.empty()) output.push_back(item_of(AnswerPart()));
    return output;
  }

  Json result_of(const GenerateResult& result) {
    const auto tokens = static_cast<double>(result.tokens.size());
    Json stats = {{"input_tokens", result.prompt_tokens},
                  {"total_output_tokens", result.tokens.size()},
                  {"reasoning_output_tokens", result.reasoning_tokens},
                  {"tokens_per_second", result.decode_ms > 0 ? tokens * 1e3 / result.decode_ms : 0.0},
                  {"time_to_first_token_seconds", result.prompt_ms * 1e-3}};
    if (const double load_ms = request_.prepared.model->load_ms(); load_ms > 0) stats["model_load_time_seconds"] = load_ms * 1e-3;
    Json object = {{"model_instance_id", request_.prepared.model->name()},
                   {"output", output_of()},
                   {"stats", std::move(stats)}};
    if (!request_.store) return object;
    object["response_id"] = new_id("resp_");
    Json messages = std::move(request_.messages);
    messages.push_back(past_message(parts_));
    store_.put({object["response_id"], object, Json::array(), std::move(messages)});
    return object;
  }

  ResponderPtr responder_;
  Headers headers_;
  EventStream stream_;
  openai::ResponseStore& store_;
  AnswerParts parts_;
  ChatRequest request_;
  std::string request_id_;
  bool started_ = false, opened_ = false;
};

}  // namespace

void chat_v1(Context& context, const Request& request, const ResponderPtr& responder) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kLmStudio, error, request.id); };
  Checked<ChatRequest> asked = read_request(context, request);
  if (!asked.ok()) return refuse(asked.error());
  Prepared& prepared = asked->prepared;
  const Engine& engine = prepared.model->engine();
  Checked<ConversationPlan> plan = plan_conversation(engine, wishes_of(prepared), asked->conversation, &prepared.parameters.generate);
  if (!plan.ok()) return refuse(plan.error());
  if (Checked<Nothing> fits = check_prompt_fits(engine, plan->prompt); !fits.ok()) return refuse(fits.error());
  Generation generation{prepared.model, {std::move(plan->prompt)}, prepared.parameters, request.owner};
  auto writer = std::make_shared<ChatWriter>(responder, context.responses, std::move(*asked), std::move(plan->parser), request.id);
  start_answers(std::move(generation), events_of(std::move(writer)), responder);
}

}  // namespace hearth::server::lmstudio
