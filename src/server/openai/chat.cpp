// POST /v1/chat/completions.
//
// Contract: server/openai/openai.h. A stream is: one chunk with the role per choice, chunks with text, reasoning and calls, one
// with the reason of the end, one with usage if asked for, "[DONE]".
#include "server/messages.h"
#include "server/openai/chat_message.h"
#include "server/openai/openai.h"
#include "server/stream.h"

namespace hearth::server::openai {

namespace {

class ChatWriter {
 public:
  ChatWriter(ResponderPtr responder, const Prepared& prepared, const text::tools::ParserOptions& parser, Dialect dialect,
             std::string request_id, bool usage, Decorate decorate)
      : responder_(responder),
        stream_(std::move(responder), EventStream::Form::kEvents, answer_headers(prepared)),
        model_(prepared.model),
        headers_(answer_headers(prepared)),
        tools_(prepared.tools),
        choices_(prepared.parameters.choices),
        streams_(prepared.parameters.stream),
        logprobs_(prepared.parameters.logprobs),
        usage_(usage),
        dialect_(dialect),
        request_id_(std::move(request_id)),
        decorate_(std::move(decorate)) {
    for (int i = 0; i < choices_; ++i) {
      parts_.emplace_back(parser, PartsOptions());
      deltas_.emplace_back(tools_);
    }
  }

  void prompt(const PromptProgress& progress) {
    if (!streams_) return;
    stream_.pulse("prompt " + std::to_string(progress.done_tokens) + " of " + std::to_string(progress.total_tokens));
  }

  void text(int index, std::string_view text, std::span<const GeneratedToken> tokens) {
    const auto choice = static_cast<size_t>(index);
    send_events(choice, parts_[choice].take(text), tokens);
  }

  void end(int index, const GenerateResult& result) {
    const auto choice = static_cast<size_t>(index);
    send_events(choice, parts_[choice].finish(), {});
    if (!streams_) return;
    send_chunk(Json::array({{{"index", index}, {"delta", Json::object()}, {"logprobs", nullptr},
                             {"finish_reason", chat_finish_reason(result, parts_[choice], tools_)}}}));
  }

  void done(const std::vector<GenerateResult>& results) {
    if (!streams_) {
      send_json(*responder_, whole(results), 200, headers_);
    } else {
      Json last = envelope("chat.completion.chunk");
      last["choices"] = Json::array();
      finish(&last, results);
      if (usage_ || decorate_) stream_.send(last);
      stream_.send_text("[DONE]");
      stream_.end();
    }
    model_.reset();
  }

  void error(const ApiError& error) {
    if (!stream_.begun()) {
      send_error(*responder_, dialect_, error, request_id_);
    } else {
      stream_.send_text(error_body(dialect_, error, request_id_));
      stream_.end();
    }
    model_.reset();
  }

 private:
  Json envelope(const char* object) const {
    return {{"id", id_}, {"object", object}, {"created", created_}, {"model", model_->name()},
            {"system_fingerprint", "hearth"}};
  }

  Json logprobs_object(std::span<const GeneratedToken> tokens) const {
    return {{"content", logprobs_of(model_->engine(), tokens)}, {"refusal", nullptr}};
  }

  // Log-probabilities go with the first delta, or alone if there is none.
  void send_events(size_t choice, const std::vector<PartEvent>& events, std::span<const GeneratedToken> tokens) {
    if (!streams_) return;
    open_choices();
    bool told = !logprobs_ || tokens.empty();
    const auto send = [&](Json delta) {
      Json entry = {{"index", choice}, {"delta", std::move(delta)}};
      entry["logprobs"] = told ? Json() : logprobs_object(tokens);
      entry["finish_reason"] = nullptr;
      told = true;
      send_chunk(Json::array({std::move(entry)}));
    };
    for (const PartEvent& event : events) {
      if (std::optional<Json> delta = deltas_[choice].delta_of(event, parts_[choice].parts()[event.part])) send(std::move(*delta));
    }
    if (!told) send({{"content", ""}});
  }

  void send_chunk(Json choices) {
    Json chunk = envelope("chat.completion.chunk");
    chunk["choices"] = std::move(choices);
    if (usage_) chunk["usage"] = nullptr;
    stream_.send(chunk);
  }

  void open_choices() {
    if (opened_) return;
    opened_ = true;
    for (int i = 0; i < choices_; ++i) {
      send_chunk(Json::array({{{"index", i}, {"delta", {{"role", "assistant"}, {"content", ""}}}, {"logprobs", nullptr},
                               {"finish_reason", nullptr}}}));
    }
  }

  void finish(Json* object, const std::vector<GenerateResult>& results) const {
    (*object)["usage"] = usage_of(results, choices_);
    (*object)["timings"] = timings_of(results.front());
    if (decorate_) decorate_(object, *model_, results);
  }

  Json whole(const std::vector<GenerateResult>& results) const {
    Json answer = envelope("chat.completion");
    answer["choices"] = Json::array();
    for (size_t i = 0; i < results.size(); ++i) {
      Json choice = {{"index", i}, {"message", chat_message(parts_[i], tools_)}};
      choice["logprobs"] = logprobs_ ? logprobs_object(results[i].tokens) : Json();
      choice["finish_reason"] = chat_finish_reason(results[i], parts_[i], tools_);
      answer["choices"].push_back(std::move(choice));
    }
    finish(&answer, results);
    return answer;
  }

  ResponderPtr responder_;
  EventStream stream_;
  std::shared_ptr<Models::Lease> model_;
  Headers headers_;
  const ToolWishes tools_;
  std::vector<AnswerParts> parts_;  // by choice
  std::vector<ChatDeltas> deltas_;
  int choices_;
  bool streams_, logprobs_, usage_;
  Dialect dialect_;
  std::string request_id_;
  Decorate decorate_;
  std::string id_ = new_id("chatcmpl-");
  int64_t created_ = unix_seconds();
  bool opened_ = false;
};

}  // namespace

Checked<Conversation> read_conversation(const Json& body) {
  Conversation conversation;
  Checked<Json> messages = read_messages(body);
  if (!messages.ok()) return messages.error();
  if (messages->empty()) return bad_request("'messages' is empty: there is nothing to answer", "messages");
  conversation.messages = std::move(*messages);
  if (const Json* variables = find_member(body, "chat_template_kwargs")) {
    if (!variables->is_object()) return bad_request("'chat_template_kwargs' must be an object", "chat_template_kwargs");
    conversation.template_variables = *variables;
  }
  return conversation;
}

Checked<bool> wants_usage(const Json& body) {
  const Json* options = find_member(body, "stream_options");
  if (options == nullptr) return false;
  if (!options->is_object()) return bad_request("'stream_options' must be an object", "stream_options");
  return bool_member(*options, "include_usage", false);
}

const char* finish_reason(const GenerateResult& result) {
  return result.finish_reason == FinishReason::kStop ? "stop" : "length";
}

Json usage_of(const std::vector<GenerateResult>& results, int choices) {
  int64_t prompt = 0, cached = 0, answer = 0, reasoning = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    answer += static_cast<int64_t>(results[i].tokens.size());
    reasoning += results[i].reasoning_tokens;
    if (i % static_cast<size_t>(choices) != 0) continue;  // a prompt counts once, however often it is answered
    prompt += results[i].prompt_tokens;
    cached += results[i].reused_tokens;
  }
  return {{"prompt_tokens", prompt},
          {"completion_tokens", answer},
          {"total_tokens", prompt + answer},
          {"prompt_tokens_details", {{"cached_tokens", cached}}},
          {"completion_tokens_details", {{"reasoning_tokens", reasoning}}}};
}

void answer_chat(Context& context, const Request& request, const ResponderPtr& responder, Dialect dialect, Decorate decorate) {
  const auto refuse = [&](const ApiError& error) { send_error(*responder, dialect, error, request.id); };
  Checked<Prepared> prepared = prepare(context, request, dialect);
  if (!prepared.ok()) return refuse(prepared.error());
  Checked<Conversation> conversation = read_conversation(prepared->body);
  if (!conversation.ok()) return refuse(conversation.error());
  const Checked<bool> usage = wants_usage(prepared->body);
  if (!usage.ok()) return refuse(usage.error());
  Checked<ConversationPlan> plan =
      plan_conversation(prepared->model->engine(), wishes_of(*prepared), *conversation, &prepared->parameters.generate);
  if (!plan.ok()) return refuse(plan.error());
  if (Checked<Nothing> fits = check_prompt_fits(prepared->model->engine(), plan->prompt); !fits.ok()) return refuse(fits.error());
  auto writer = std::make_shared<ChatWriter>(responder, *prepared, plan->parser, dialect, request.id, *usage, std::move(decorate));
  Generation generation{prepared->model, {std::move(plan->prompt)}, prepared->parameters, request.owner};
  start_answers(std::move(generation), events_of(std::move(writer)), responder);
}

void chat_completions(Context& context, const Request& request, const ResponderPtr& responder) {
  answer_chat(context, request, responder, Dialect::kOpenAi, nullptr);
}

}  // namespace hearth::server::openai
