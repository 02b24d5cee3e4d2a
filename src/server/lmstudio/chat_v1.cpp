// POST /api/v1/chat. Contract: server/lmstudio/lmstudio.h. A stream is: chat.start, prompt_processing.start, .progress, .end,
// message.start, message.delta for each piece of text, message.end, chat.end with the whole result. A model that has to be
// loaded is loaded before the stream begins; how long that took is in the figures.
#include "server/lmstudio/lmstudio.h"
#include "server/messages.h"
#include "server/openai/response_store.h"
#include "server/stream.h"

namespace hearth::server::lmstudio {

namespace {

struct ChatRequest {
  Prepared prepared;
  Conversation conversation;
  Json messages;                    // without the system prompt, for a later request to go on from
  bool store = true;
};

// A string, or a list of {"type": "text" or "message", "content": "..."}.
Checked<std::string> read_input(const Json& body) {
  const Json* input = find_member(body, "input");
  if (input == nullptr) return bad_request("'input' is missing", "input");
  if (input->is_string()) return input->get<std::string>();
  if (!input->is_array()) return bad_request(std::string("'input' must be a string or a list, not ") + input->type_name(), "input");
  std::string text;
  for (size_t i = 0; i < input->size(); ++i) {
    const Json& item = (*input)[i];
    const std::string where = "input[" + std::to_string(i) + "]";
    const Json* type = find_member(item, "type");
    const Json* content = find_member(item, "content");
    if (type && *type != "text" && *type != "message") {
      return not_supported("'" + where + "' is of type " + to_text(*type).substr(0, 40) + ": this model reads text only", where);
    }
    if (content == nullptr || !content->is_string()) return bad_request("'" + where + ".content' must be a string", where + ".content");
    if (i > 0) text += '\n';
    text += content->get_ref<const std::string&>();
  }
  if (text.empty()) return bad_request("'input' is empty: there is nothing to answer", "input");
  return text;
}

Checked<ChatRequest> read_request(Context& context, const Request& request) {
  Checked<Prepared> prepared = prepare(context, request, Dialect::kLmStudio);
  if (!prepared.ok()) return prepared.error();
  const Json& body = prepared->body;
  Checked<std::string> input = read_input(body);
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
  result.messages.push_back({{"role", "user"}, {"content", *input}});
  if (!system->empty()) result.conversation.messages.push_back({{"role", "system"}, {"content", *system}});
  for (const Json& message : result.messages) result.conversation.messages.push_back(message);
  result.store = *store;
  result.prepared = std::move(*prepared);
  result.prepared.parameters.choices = 1;
  return result;
}

class ChatWriter {
 public:
  ChatWriter(ResponderPtr responder, openai::ResponseStore& store, ChatRequest request, std::string request_id)
      : responder_(responder),
        headers_(answer_headers(request.prepared.parameters)),
        stream_(std::move(responder), EventStream::Form::kEvents, headers_),
        store_(store),
        request_(std::move(request)),
        request_id_(std::move(request_id)) {}

  void prompt(const PromptProgress& progress) {
    if (!streams()) return;
    start();
    const auto total = static_cast<double>(progress.total_tokens);
    send("prompt_processing.progress", {{"progress", total > 0 ? static_cast<double>(progress.done_tokens) / total : 0.0}});
  }

  void text(int, std::string_view text, std::span<const GeneratedToken>) {
    if (!streams() || text.empty()) return;
    open_message();
    send("message.delta", {{"content", text}});
  }

  void end(int, const GenerateResult&) {}

  void done(const std::vector<GenerateResult>& results) {
    const GenerateResult& result = results.front();
    const Json object = result_of(result);
    if (streams()) {
      open_message();
      send("message.end", Json::object());
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

  void send(const char* event, Json data) {
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

  void open_message() {
    if (opened_) return;
    opened_ = true;
    start();
    send("prompt_processing.end", Json::object());
    send("message.start", Json::object());
  }

  Json result_of(const GenerateResult& result) {
    const auto tokens = static_cast<double>(result.tokens.size());
    Json stats = {{"input_tokens", result.prompt_tokens},
                  {"total_output_tokens", result.tokens.size()},
                  {"reasoning_output_tokens", 0},
                  {"tokens_per_second", result.decode_ms > 0 ? tokens * 1e3 / result.decode_ms : 0.0},
                  {"time_to_first_token_seconds", result.prompt_ms * 1e-3}};
    if (const double load_ms = request_.prepared.model->load_ms(); load_ms > 0) stats["model_load_time_seconds"] = load_ms * 1e-3;
    Json object = {{"model_instance_id", request_.prepared.model->name()},
                   {"output", Json::array({{{"type", "message"}, {"content", result.text}}})},
                   {"stats", std::move(stats)}};
    if (!request_.store) return object;
    object["response_id"] = new_id("resp_");
    Json messages = std::move(request_.messages);
    messages.push_back({{"role", "assistant"}, {"content", result.text}});
    store_.put({object["response_id"], object, Json::array(), std::move(messages)});
    return object;
  }

  ResponderPtr responder_;
  Headers headers_;
  EventStream stream_;
  openai::ResponseStore& store_;
  ChatRequest request_;
  std::string request_id_;
  bool started_ = false, opened_ = false;
};

}  // namespace

void chat_v1(Context& context, const Request& request, const ResponderPtr& responder) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kLmStudio, error, request.id); };
  Checked<ChatRequest> asked = read_request(context, request);
  if (!asked.ok()) return refuse(asked.error());
  Checked<std::vector<int32_t>> prompt = conversation_prompt(asked->prepared.model->engine(), asked->conversation);
  if (!prompt.ok()) return refuse(prompt.error());
  Generation generation{asked->prepared.model, {std::move(*prompt)}, asked->prepared.parameters, request.owner};
  auto writer = std::make_shared<ChatWriter>(responder, context.responses, std::move(*asked), request.id);
  start_answers(std::move(generation), events_of(std::move(writer)), responder);
}

}  // namespace hearth::server::lmstudio
