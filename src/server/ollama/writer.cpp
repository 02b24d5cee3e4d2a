// Contract and exclusions: server/ollama/writer.h.
#include "server/ollama/writer.h"

#include "base/clock.h"

namespace hearth::server::ollama {

namespace {

// Lines of JSON know no comments: a line without text tells a reader that gives up in silence that the prompt is worked on.
constexpr int64_t kSilenceNs = 10'000'000'000;

int64_t nanoseconds(double milliseconds) { return static_cast<int64_t>(milliseconds * 1e6); }

}  // namespace

Json envelope(const std::string& model) { return {{"model", model}, {"created_at", rfc3339_now()}}; }

void put_said(Json* line, AnswerForm form, Said said) {
  if (form == AnswerForm::kChat) {
    Json message = {{"role", "assistant"}, {"content", said.text}};
    if (!said.thinking.empty()) message["thinking"] = said.thinking;
    if (!said.calls.empty()) message["tool_calls"] = std::move(said.calls);
    (*line)["message"] = std::move(message);
  } else {
    (*line)["response"] = said.text;
    if (!said.thinking.empty()) (*line)["thinking"] = said.thinking;
  }
}

AnswerWriter::AnswerWriter(ResponderPtr responder, const Prepared& prepared, AnswerOptions options)
    : responder_(responder),
      stream_(std::move(responder), EventStream::Form::kLines, answer_headers(prepared)),
      model_(prepared.model),
      name_(prepared.model_name.empty() ? prepared.model->name() : prepared.model_name),
      headers_(answer_headers(prepared)),
      streams_(prepared.parameters.stream),
      logprobs_(prepared.parameters.logprobs),
      load_ms_(prepared.model->load_ms()),
      options_(std::move(options)),
      parts_(options_.parser, {.whole_calls = true}),
      written_ns_(monotonic_ns()) {}

void AnswerWriter::prompt(const PromptProgress&) {
  if (streams_ && monotonic_ns() - written_ns_ >= kSilenceNs) send_piece({}, {});
}

void AnswerWriter::text(int, std::string_view text, std::span<const GeneratedToken> tokens) {
  send_events(parts_.take(text), tokens);
}

void AnswerWriter::end(int, const GenerateResult&) { send_events(parts_.finish(), {}); }

// Log-probabilities go with the first line, or alone if there is none.
void AnswerWriter::send_events(const std::vector<PartEvent>& events, std::span<const GeneratedToken> tokens) {
  bool told = !logprobs_ || tokens.empty();
  const auto send = [&](Said said) {
    if (streams_) send_piece(std::move(said), told ? std::span<const GeneratedToken>() : tokens);
    told = true;
  };
  for (const PartEvent& event : events) {
    const AnswerPart& part = parts_.parts()[event.part];
    const bool more = event.kind == PartEvent::Kind::kMore;
    if (part.kind == AnswerPart::Kind::kCall) {
      if (event.kind == PartEvent::Kind::kEnd) send({"", "", Json::array({call_of(part)})});
    } else if (more && part.kind == AnswerPart::Kind::kReasoning) {
      send({"", event.more, {}});
    } else if (more) {
      send({event.more, "", {}});
    }
  }
  if (!told) send({});
}

Json AnswerWriter::call_of(const AnswerPart& call) {
  Json entry = {{"id", call.id},
                {"function", {{"index", calls_.size()}, {"name", call.name}, {"arguments", call_arguments(call)}}}};
  calls_.push_back(entry);
  return entry;
}

void AnswerWriter::send_piece(Said said, std::span<const GeneratedToken> tokens) {
  Json line = envelope(name_);
  put_said(&line, options_.form, std::move(said));
  line["done"] = false;
  if (logprobs_ && !tokens.empty()) line["logprobs"] = logprobs_of(model_->engine(), tokens);
  stream_.send(line);
  written_ns_ = monotonic_ns();
}

Json AnswerWriter::last_line(const GenerateResult& result) const {
  Json line = envelope(name_);
  const std::string text = parts_.text_of(AnswerPart::Kind::kText), thinking = parts_.text_of(AnswerPart::Kind::kReasoning);
  put_said(&line, options_.form, streams_ ? Said() : Said{text, thinking, calls_});
  line["done"] = true;
  line["done_reason"] = result.finish_reason == FinishReason::kStop ? "stop" : "length";
  if (options_.with_context) {
    Json timeline = options_.prompt;
    for (const GeneratedToken& token : result.tokens) timeline.push_back(token.id);
    line["context"] = std::move(timeline);
  }
  line["total_duration"] = monotonic_ns() - options_.begun_ns;
  line["load_duration"] = nanoseconds(load_ms_);
  line["prompt_eval_count"] = result.prompt_tokens;
  line["prompt_eval_duration"] = nanoseconds(result.prompt_ms);
  line["eval_count"] = result.tokens.size();
  line["eval_duration"] = nanoseconds(result.decode_ms);
  if (logprobs_ && !streams_) line["logprobs"] = logprobs_of(model_->engine(), result.tokens);
  return line;
}

void AnswerWriter::done(const std::vector<GenerateResult>& results) {
  const Json line = last_line(results.front());
  model_.reset();
  if (streams_) {
    stream_.send(line);
    stream_.end();
  } else {
    send_json(*responder_, line, 200, headers_);
  }
}

void AnswerWriter::error(const ApiError& error) {
  model_.reset();
  if (stream_.begun()) {
    stream_.send(Json{{"error", error.message}});
    stream_.end();
  } else {
    send_error(*responder_, Dialect::kOllama, error, options_.request_id);
  }
}

}  // namespace hearth::server::ollama
