// Contract and exclusions: server/home/home.h.
#include "server/home/home.h"

#include "engine/chat_plan.h"
#include "engine/decoding.h"
#include "kernels/numerics.h"
#include "server/home/wire.h"
#include "server/stream.h"
#include "text/tokenizer.h"

namespace hearth::server::home {

namespace {

class LineWriter {
 public:
  LineWriter(ResponderPtr responder, std::shared_ptr<Models::Lease> model, text::tools::ParserOptions parser, bool logprobs,
             std::string request_id)
      : responder_(responder), stream_(std::move(responder), EventStream::Form::kLines), model_(std::move(model)),
        parser_(std::move(parser)), logprobs_(logprobs), request_id_(std::move(request_id)) {}

  void prompt(const PromptProgress& progress) {
    stream_.send(to_json(PromptLine{progress.total_tokens, progress.reused_tokens, progress.done_tokens, progress.waiting_before}));
  }
  void text(int, std::string_view text, std::span<const GeneratedToken> tokens) {
    parser_.push(text, &fresh_);
    send_new(tokens);
  }
  void end(int, const GenerateResult&) {
    parser_.finish(&fresh_);
    send_new({});
  }
  void done(const std::vector<GenerateResult>& results) {
    text::tools::ParsedAnswer parsed = text::tools::gather(events_);
    EndLine line{results.front(), std::move(parsed.calls), std::move(parsed.malformed), model_->engine().info().context,
                 tokens_held(results.front())};
    model_.reset();
    stream_.send(to_json(line));
    stream_.end();
  }
  void error(const ApiError& error) {
    model_.reset();
    if (!stream_.begun()) return send_error(*responder_, Dialect::kNative, error, request_id_);
    stream_.send(Json::parse(error_body(Dialect::kNative, error, request_id_), nullptr, false));
    stream_.end();
  }

 private:
  // What has been read of the answer since the last line.
  void send_new(std::span<const GeneratedToken> tokens) {
    TextLine line{"", "", {tokens.begin(), tokens.end()}, {}};
    for (text::tools::AnswerEvent& event : fresh_) {
      if (event.kind == text::tools::AnswerEvent::Kind::kContent) line.text += event.text;
      if (event.kind == text::tools::AnswerEvent::Kind::kReasoning) line.reasoning += event.text;
      events_.push_back(std::move(event));
    }
    fresh_.clear();
    if (line.text.empty() && line.reasoning.empty() && tokens.empty()) return;
    if (logprobs_) {
      for (const GeneratedToken& token : tokens) name_tokens(token, &line);
    }
    stream_.send(to_json(line, logprobs_));
  }

  void name_tokens(const GeneratedToken& token, TextLine* line) const {
    const text::Tokenizer& tokenizer = model_->engine().tokenizer();
    line->token_texts[token.id] = tokenizer.token_bytes(token.id, /*special=*/true);
    for (const text::TokenLogprob& other : token.alternatives) {
      line->token_texts[other.id] = tokenizer.token_bytes(other.id, /*special=*/true);
    }
  }

  ResponderPtr responder_;
  EventStream stream_;
  std::shared_ptr<Models::Lease> model_;
  text::tools::AnswerParser parser_;
  std::vector<text::tools::AnswerEvent> fresh_, events_;  // not told; of the whole answer
  bool logprobs_;
  std::string request_id_;
};

// The status says what kind of error it is; the context's is known by its type.
ApiError as_api_error(const Error& error) {
  ApiError result = api_error(error);
  if (error.code == ErrorCode::kContextFull) result.code = "context_length_exceeded";
  return result;
}

Checked<Nothing> start(Context& context, const Request& request, const ResponderPtr& responder) {
  Checked<Json> body = parse_body(request.body);
  if (!body.ok()) return body.error();
  Checked<Question> question = question_from_json(*body);
  if (!question.ok()) return question.error();
  Checked<std::shared_ptr<Models::Lease>> model = context.models.acquire(question->model);
  if (!model.ok()) return model.error();
  const Engine& engine = (*model)->engine();
  Result<ChatPlan> plan = plan_chat(engine, question->wishes, question->messages, question->options);
  if (!plan.ok()) return as_api_error(plan.error());
  question->options = std::move(plan->options);
  // In the words of `hearth run`, before it is known to start_answers, whose words are those of other clients.
  if (const Result<void> fine = check_request(engine, plan->prompt, question->options); !fine.ok()) return as_api_error(fine.error());
  find_breakers(engine, &question->options.sampler);
  Generation generation{*model, {std::move(plan->prompt)}, default_parameters(Dialect::kNative), request.owner};
  generation.parameters.generate = question->options;
  generation.parameters.logprobs = question->options.sampler.logprobs >= 0;
  generation.parameters.adapters = AdapterSet{};  // the model alone, as `hearth run` has it without --lora
  auto writer = std::make_shared<LineWriter>(responder, *model, std::move(plan->parser), generation.parameters.logprobs, request.id);
  start_answers(std::move(generation), events_of(std::move(writer)), responder);
  return Nothing{};
}

Checked<Json> load_model(Context& context, const Request& request) {
  Checked<Json> body = parse_body(request.body);
  if (!body.ok()) return body.error();
  Checked<std::string> name = string_member(*body, "model");
  if (!name.ok()) return name.error();
  Checked<std::shared_ptr<Models::Lease>> model = context.models.acquire(*name);
  if (!model.ok()) return model.error();
  return Json{{"name", (*model)->name()}, {"load_ms", (*model)->load_ms()}, {"info", model_info_to_json((*model)->engine().info())}};
}

}  // namespace

void identify(Context& context, const Request&, const ResponderPtr& responder) {
  send_json(*responder, identity_to_json({context.version, kernels::kNumericsVersion, context.models.options().load.kv_type}));
}

void load(Context& context, const Request& request, const ResponderPtr& responder) {
  Checked<Json> loaded = load_model(context, request);
  if (!loaded.ok()) return send_error(*responder, Dialect::kNative, loaded.error(), request.id);
  send_json(*responder, *loaded);
}

void answer(Context& context, const Request& request, const ResponderPtr& responder) {
  if (Checked<Nothing> started = start(context, request, responder); !started.ok()) {
    send_error(*responder, Dialect::kNative, started.error(), request.id);
  }
}

}  // namespace hearth::server::home
