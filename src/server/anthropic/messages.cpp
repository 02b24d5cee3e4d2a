// POST /v1/messages and /v1/messages/count_tokens.
//
// Contract: server/anthropic/anthropic.h. A stream is: message_start; for each block (thinking, text, tool_use)
// content_block_start, content_block_delta for each piece, content_block_stop; message_delta with the reason of the end and the
// usage, message_stop. The first block is followed by a ping; pings keep a stream alive while a long prompt is worked on.
#include "base/clock.h"
#include "server/anthropic/anthropic.h"
#include "server/anthropic/blocks.h"
#include "server/anthropic/conversation.h"
#include "server/stream.h"

namespace hearth::server::anthropic {

namespace {

constexpr int64_t kPingNs = 5'000'000'000;

const char* stop_reason(const GenerateResult& result, bool calls) {
  switch (result.finish_reason) {
    case FinishReason::kStop:
      if (calls) return "tool_use";
      return result.stop_string.empty() ? "end_turn" : "stop_sequence";
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

Headers headers_of(const Prepared& prepared, const std::string& request_id) {
  Headers headers = answer_headers(prepared);
  headers.emplace_back("request-id", request_id);
  return headers;
}

class MessageWriter {
 public:
  MessageWriter(ResponderPtr responder, const Prepared& prepared, text::tools::ParserOptions parser, std::string request_id)
      : responder_(responder),
        headers_(headers_of(prepared, request_id)),
        stream_(std::move(responder), EventStream::Form::kEvents, headers_),
        model_(prepared.model),
        streams_(prepared.parameters.stream),
        parts_(std::move(parser), PartsOptions()),
        request_id_(std::move(request_id)) {}

  void prompt(const PromptProgress& progress) {
    if (!streams_) return;
    if (progress.waiting_before >= 0) return stream_.pulse("waiting");
    open(progress.total_tokens, progress.reused_tokens);
    if (monotonic_ns() - sent_ns_ >= kPingNs) ping();
  }

  void text(int, std::string_view text, std::span<const GeneratedToken>) { send_blocks(parts_.take(text)); }

  void end(int, const GenerateResult&) { send_blocks(parts_.finish()); }

  void done(const std::vector<GenerateResult>& results) {
    const GenerateResult& result = results.front();
    const char* reason = stop_reason(result, parts_.calls());
    if (!streams_) {
      Json message = envelope(usage_of(result));
      message["content"] = content_of(parts_);
      message["stop_reason"] = reason;
      message["stop_sequence"] = stop_sequence(result);
      send_json(*responder_, message, 200, headers_);
    } else {
      open(result.prompt_tokens, result.reused_tokens);
      if (parts_.parts().empty()) send_empty_block();
      send("message_delta", {{"delta", {{"stop_reason", reason}, {"stop_sequence", stop_sequence(result)}}},
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
  }

  void send_blocks(const std::vector<PartEvent>& events) {
    if (!streams_ || events.empty()) return;
    open(0, 0);
    for (const PartEvent& event : events) {
      const AnswerPart& part = parts_.parts()[event.part];
      switch (event.kind) {
        case PartEvent::Kind::kBegin: start_block(event.part, empty_block(part)); break;
        case PartEvent::Kind::kMore: send_delta(event.part, delta_of(part, event.more)); break;
        case PartEvent::Kind::kEnd:
          if (part.kind == AnswerPart::Kind::kReasoning) send_delta(event.part, signature_delta(part));
          send("content_block_stop", {{"index", event.part}});
          break;
      }
    }
  }

  void start_block(size_t index, Json block) {
    send("content_block_start", {{"index", index}, {"content_block", std::move(block)}});
    if (index == 0) ping();
  }

  void send_delta(size_t index, Json delta) { send("content_block_delta", {{"index", index}, {"delta", std::move(delta)}}); }

  void send_empty_block() {
    start_block(0, empty_block(AnswerPart()));
    send("content_block_stop", {{"index", 0}});
  }

  ResponderPtr responder_;
  Headers headers_;
  EventStream stream_;
  std::shared_ptr<Models::Lease> model_;
  bool streams_;
  AnswerParts parts_;
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
  ConversationPlan plan;
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
  Checked<ConversationPlan> plan =
      plan_conversation(prepared->model->engine(), wishes_of(*prepared), *conversation, &prepared->parameters.generate);
  if (!plan.ok()) return plan.error();
  return Asked{std::move(*prepared), std::move(*plan)};
}

}  // namespace

void messages(Context& context, const Request& request, const ResponderPtr& responder) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kAnthropic, error, request.id); };
  Checked<Asked> asked = read_request(context, request, /*generates=*/true);
  if (!asked.ok()) return refuse(asked.error());
  const Prepared& prepared = asked->prepared;
  ConversationPlan& plan = asked->plan;
  if (Checked<Nothing> fits = check_prompt_fits(prepared.model->engine(), plan.prompt); !fits.ok()) return refuse(fits.error());
  auto writer = std::make_shared<MessageWriter>(responder, prepared, std::move(plan.parser), request.id);
  Generation generation{prepared.model, {std::move(plan.prompt)}, prepared.parameters, request.owner};
  start_answers(std::move(generation), events_of(std::move(writer)), responder);
}

// Also of a conversation that does not fit: that is what it is asked for.
void count_tokens(Context& context, const Request& request, const ResponderPtr& responder) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kAnthropic, error, request.id); };
  Checked<Asked> asked = read_request(context, request, /*generates=*/false);
  if (!asked.ok()) return refuse(asked.error());
  send_json(*responder, {{"input_tokens", asked->plan.prompt.size()}}, 200, {{"request-id", request.id}});
}

}  // namespace hearth::server::anthropic
