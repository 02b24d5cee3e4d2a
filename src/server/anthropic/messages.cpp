// POST /v1/messages and /v1/messages/count_tokens.
//
// Contract: server/anthropic/anthropic.h. A stream is: message_start, content_block_start, ping, content_block_delta for each
// piece of text, content_block_stop, message_delta with the reason of the end and the usage, message_stop. Pings keep a stream
// alive while a long prompt is worked on.
#include "base/clock.h"
#include "engine/prompt.h"
#include "server/anthropic/anthropic.h"
#include "server/anthropic/conversation.h"
#include "server/stream.h"

namespace hearth::server::anthropic {

namespace {

constexpr int64_t kPingNs = 5'000'000'000;

const char* stop_reason(const GenerateResult& result) {
  switch (result.finish_reason) {
    case FinishReason::kStop: return result.stop_string.empty() ? "end_turn" : "stop_sequence";
    case FinishReason::kContextFull: return "model_context_window_exceeded";
    case FinishReason::kLength:
    case FinishReason::kCancelled: return "max_tokens";
  }
  return "end_turn";
}

Json stop_sequence(const GenerateResult& result) {
  return result.stop_string.empty() ? Json() : Json(result.stop_string);
}

// The prompt is what was read from the cache and what was not.
Json usage_of(int64_t prompt_tokens, int64_t cached_tokens, int64_t answer_tokens) {
  return {{"input_tokens", prompt_tokens - cached_tokens},
          {"cache_creation_input_tokens", 0},
          {"cache_read_input_tokens", cached_tokens},
          {"output_tokens", answer_tokens}};
}

Json usage_of(const GenerateResult& result) {
  return usage_of(result.prompt_tokens, result.reused_tokens, static_cast<int64_t>(result.tokens.size()));
}

Headers headers_of(const Parameters& parameters, const std::string& request_id) {
  Headers headers = answer_headers(parameters);
  headers.emplace_back("request-id", request_id);
  return headers;
}

class MessageWriter {
 public:
  MessageWriter(ResponderPtr responder, const Prepared& prepared, std::string request_id)
      : responder_(responder),
        headers_(headers_of(prepared.parameters, request_id)),
        stream_(std::move(responder), EventStream::Form::kEvents, headers_),
        model_(prepared.model),
        streams_(prepared.parameters.stream),
        request_id_(std::move(request_id)) {}

  void prompt(const PromptProgress& progress) {
    if (!streams_) return;
    if (progress.waiting_before >= 0) return stream_.pulse("waiting");
    open(progress.total_tokens, progress.reused_tokens);
    if (monotonic_ns() - sent_ns_ >= kPingNs) ping();
  }

  void text(int, std::string_view text, std::span<const GeneratedToken>) {
    if (!streams_ || text.empty()) return;
    open(0, 0);
    send("content_block_delta", {{"index", 0}, {"delta", {{"type", "text_delta"}, {"text", text}}}});
  }

  void end(int, const GenerateResult&) {}

  void done(const std::vector<GenerateResult>& results) {
    const GenerateResult& result = results.front();
    if (!streams_) {
      Json message = envelope(usage_of(result));
      message["content"].push_back({{"type", "text"}, {"text", result.text}, {"citations", nullptr}});
      message["stop_reason"] = stop_reason(result);
      message["stop_sequence"] = stop_sequence(result);
      send_json(*responder_, message, 200, headers_);
    } else {
      open(result.prompt_tokens, result.reused_tokens);
      send("content_block_stop", {{"index", 0}});
      send("message_delta", {{"delta", {{"stop_reason", stop_reason(result)}, {"stop_sequence", stop_sequence(result)}}},
                             {"usage", usage_of(result)}});
      send("message_stop", Json::object());
      stream_.end();
    }
    model_.reset();
  }

  void error(const ApiError& error) {
    if (!stream_.begun()) {
      send_error(*responder_, Dialect::kAnthropic, error, request_id_);
    } else {
      stream_.send_body("error", error_body(Dialect::kAnthropic, error, request_id_));
      stream_.end();
    }
    model_.reset();
  }

 private:
  Json envelope(Json usage) const {
    return {{"id", id_},         {"type", "message"},      {"role", "assistant"},     {"model", model_->name()},
            {"content", Json::array()}, {"stop_reason", nullptr}, {"stop_sequence", nullptr}, {"usage", std::move(usage)}};
  }

  // Every event carries its name as its type, too.
  void send(const char* event, Json data) {
    Json object = {{"type", event}};
    object.update(data);
    sent_ns_ = monotonic_ns();
    stream_.send(event, object);
  }

  void ping() { send("ping", Json::object()); }

  void open(int64_t prompt_tokens, int64_t cached_tokens) {
    if (opened_) return;
    opened_ = true;
    send("message_start", {{"message", envelope(usage_of(prompt_tokens, cached_tokens, 0))}});
    send("content_block_start", {{"index", 0}, {"content_block", {{"type", "text"}, {"text", ""}, {"citations", nullptr}}}});
    ping();
  }

  ResponderPtr responder_;
  Headers headers_;
  EventStream stream_;
  std::shared_ptr<Models::Lease> model_;
  bool streams_;
  std::string request_id_;
  std::string id_ = new_id("msg_");
  bool opened_ = false;
  int64_t sent_ns_ = 0;
};

Checked<Nothing> check_max_tokens(const Json& body) {
  const Json* value = find_member(body, "max_tokens");
  if (value == nullptr) return bad_request("'max_tokens' is missing: it says how long the answer may become", "max_tokens");
  if (*value < 0) return bad_request("'max_tokens' must not be negative", "max_tokens");
  return Nothing{};
}

struct Asked {
  Prepared prepared;
  Conversation conversation;
};

Checked<Asked> read_request(Context& context, const Request& request, bool generates) {
  Checked<Prepared> prepared = prepare(context, request, Dialect::kAnthropic);
  if (!prepared.ok()) return prepared.error();
  if (generates) {
    if (Checked<Nothing> fine = check_max_tokens(prepared->body); !fine.ok()) return fine.error();
  }
  if (Checked<Nothing> fine = check_request(prepared->body); !fine.ok()) return fine.error();
  Checked<Conversation> conversation = read_conversation(prepared->body);
  if (!conversation.ok()) return conversation.error();
  prepared->parameters.choices = 1;
  return Asked{std::move(*prepared), std::move(*conversation)};
}

}  // namespace

void messages(Context& context, const Request& request, const ResponderPtr& responder) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kAnthropic, error, request.id); };
  Checked<Asked> asked = read_request(context, request, /*generates=*/true);
  if (!asked.ok()) return refuse(asked.error());
  const Prepared& prepared = asked->prepared;
  Checked<std::vector<int32_t>> prompt = conversation_prompt(prepared.model->engine(), asked->conversation);
  if (!prompt.ok()) return refuse(prompt.error());
  auto writer = std::make_shared<MessageWriter>(responder, prepared, request.id);
  Generation generation{prepared.model, {std::move(*prompt)}, prepared.parameters, request.owner};
  start_answers(std::move(generation), events_of(std::move(writer)), responder);
}

// Also of a conversation that does not fit: that is what it is asked for.
void count_tokens(Context& context, const Request& request, const ResponderPtr& responder) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kAnthropic, error, request.id); };
  Checked<Asked> asked = read_request(context, request, /*generates=*/false);
  if (!asked.ok()) return refuse(asked.error());
  const Engine& engine = asked->prepared.model->engine();
  Checked<std::string> text = render_conversation(engine, asked->conversation);
  if (!text.ok()) return refuse(text.error());
  send_json(*responder, {{"input_tokens", rendered_prompt(engine, *text).size()}}, 200, {{"request-id", request.id}});
}

}  // namespace hearth::server::anthropic
