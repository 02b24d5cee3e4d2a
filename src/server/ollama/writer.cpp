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

void put_text(Json* line, AnswerForm form, std::string_view text) {
  if (form == AnswerForm::kChat) {
    (*line)["message"] = {{"role", "assistant"}, {"content", text}};
  } else {
    (*line)["response"] = text;
  }
}

AnswerWriter::AnswerWriter(ResponderPtr responder, const Prepared& prepared, AnswerOptions options)
    : responder_(responder),
      stream_(std::move(responder), EventStream::Form::kLines, answer_headers(prepared.parameters)),
      model_(prepared.model),
      name_(prepared.model_name.empty() ? prepared.model->name() : prepared.model_name),
      headers_(answer_headers(prepared.parameters)),
      streams_(prepared.parameters.stream),
      logprobs_(prepared.parameters.logprobs),
      load_ms_(prepared.model->load_ms()),
      options_(std::move(options)),
      written_ns_(monotonic_ns()) {}

void AnswerWriter::prompt(const PromptProgress&) {
  if (streams_ && monotonic_ns() - written_ns_ >= kSilenceNs) send_piece("", {});
}

void AnswerWriter::text(int, std::string_view text, std::span<const GeneratedToken> tokens) {
  if (!streams_ || (text.empty() && !(logprobs_ && !tokens.empty()))) return;
  send_piece(text, tokens);
}

void AnswerWriter::send_piece(std::string_view text, std::span<const GeneratedToken> tokens) {
  Json line = envelope(name_);
  put_text(&line, options_.form, text);
  line["done"] = false;
  if (logprobs_ && !tokens.empty()) line["logprobs"] = logprobs_of(model_->engine(), tokens);
  stream_.send(line);
  written_ns_ = monotonic_ns();
}

void AnswerWriter::end(int, const GenerateResult&) {}

Json AnswerWriter::last_line(const GenerateResult& result) const {
  Json line = envelope(name_);
  put_text(&line, options_.form, streams_ ? std::string_view() : std::string_view(result.text));
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
