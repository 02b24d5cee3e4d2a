// The token loop. Contract and exclusions: engine/generate.h.
#include "engine/generate.h"

#include <algorithm>
#include <chrono>

#include "kernels/select.h"
#include "text/stop_strings.h"
#include "text/tokenizer.h"

namespace hearth {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kPromptPiece = 512;         // tokens between two reports of progress
constexpr int64_t kReservedTokens = 1 << 16;  // room for an answer that is made ahead

double milliseconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

bool is_set(const std::atomic<bool>* flag) { return flag != nullptr && flag->load(std::memory_order_relaxed); }

Error prompt_too_long(const Engine& engine, const Session& session, int64_t tokens) {
  const int64_t trained = engine.info().context_trained;
  std::string message = "the prompt has " + std::to_string(tokens) + " tokens and the context holds " +
                        std::to_string(session.context()) + ": shorten the prompt";
  if (session.context() < trained) {
    message += ", or load the model with a larger context (--ctx, up to " + std::to_string(trained) + ")";
  } else {
    message += ", or take a model with a larger context (this one was trained for " + std::to_string(trained) + ")";
  }
  return {ErrorCode::kContextFull, message};
}

// What one answer carries from token to token.
class Answer {
 public:
  Answer(const Engine& engine, const GenerateOptions& options, const GenerateCallbacks& callbacks, GenerateResult* result)
      : decoder_(engine.tokenizer()), stops_(options.stop), callbacks_(callbacks), result_(result) {}

  // False once a stop string is complete.
  bool take(const text::Sampled& sampled, bool with_logprobs) {
    result_->tokens.push_back({sampled.id, sampled.logprob, {}});
    if (with_logprobs) {
      result_->tokens.back().alternatives.assign(sampled.alternatives.begin(), sampled.alternatives.end());
    }
    return !release(decoder_.push(sampled.id));
  }

  // The answer is over: what was held back comes out, unless a stop string ended it.
  void finish() {
    if (!stops_.stopped() && !release(decoder_.finish())) {
      piece_.clear();
      stops_.finish(&piece_);
      emit();
    }
    result_->stop_string = stops_.matched();
  }

 private:
  bool release(const std::string& text) {
    piece_.clear();
    const bool stopped = stops_.push(text, &piece_);
    emit();
    return stopped;
  }

  void emit() {
    if (piece_.empty()) return;
    result_->text += piece_;
    if (callbacks_.on_text) callbacks_.on_text(piece_);
  }

  text::StreamDecoder decoder_;
  text::StopStrings stops_;
  const GenerateCallbacks& callbacks_;
  GenerateResult* result_;
  std::string piece_;
};

Result<FinishReason> decode(const Engine& engine, Session& session, const GenerateOptions& options,
                            text::Sampler& sampler, Answer* answer, GenerateResult* result,
                            const std::atomic<bool>* cancel) {
  const bool with_logprobs = options.sampler.logprobs >= 0;
  for (;;) {
    if (is_set(cancel)) return FinishReason::kCancelled;
    if (options.max_tokens >= 0 && static_cast<int64_t>(result->tokens.size()) >= options.max_tokens) {
      return FinishReason::kLength;
    }
    const text::Sampled sampled = sampler.sample(session.logits(), session.tokens());
    if (!options.ignore_stop_tokens && engine.tokenizer().is_stop(sampled.id)) return FinishReason::kStop;
    if (!answer->take(sampled, with_logprobs)) return FinishReason::kStop;
    if (static_cast<int64_t>(result->tokens.size()) == options.max_tokens) return FinishReason::kLength;
    if (session.size() >= session.context()) return FinishReason::kContextFull;
    const Result<void> appended = session.append(std::span(&sampled.id, 1), 0, cancel);
    if (!appended.ok()) {
      if (appended.error().code == ErrorCode::kCancelled) return FinishReason::kCancelled;
      return appended.error();
    }
    ++result->decode_steps;
  }
}

}  // namespace

const char* finish_reason_name(FinishReason reason) {
  switch (reason) {
    case FinishReason::kStop: return "stop";
    case FinishReason::kLength: return "length";
    case FinishReason::kContextFull: return "context_full";
    case FinishReason::kCancelled: return "cancelled";
  }
  return "";
}

Result<int64_t> advance_to(const Engine& engine, Session& session, std::span<const int32_t> timeline, int chunk,
                           const std::function<void(int64_t, int64_t)>& on_prompt, const std::atomic<bool>* cancel) {
  const auto total = static_cast<int64_t>(timeline.size());
  if (total == 0) return Error{ErrorCode::kInvalidArgument, "the prompt is empty: a model needs at least one token"};
  if (total > session.context()) return prompt_too_long(engine, session, total);
  const std::span<const int32_t> held = session.tokens();
  int64_t kept = std::mismatch(held.begin(), held.end(), timeline.begin(), timeline.end()).first - held.begin();
  // Logits belong to the last token that was appended, so one token is always left to do.
  if (kept == total && (session.size() > total || session.logits().empty())) kept = total - 1;
  if (kept < session.size()) TRY(session.rewind(kept));
  const int64_t piece = std::max<int64_t>(kPromptPiece, chunk);
  for (int64_t done = kept; done < total;) {
    const int64_t count = std::min(piece, total - done);
    TRY(session.append(timeline.subspan(static_cast<size_t>(done), static_cast<size_t>(count)), chunk, cancel));
    done += count;
    if (on_prompt) on_prompt(done - kept, total - kept);
  }
  return kept;
}

Result<GenerateResult> generate(const Engine& engine, Session& session, std::span<const int32_t> prompt,
                                const GenerateOptions& options, const GenerateCallbacks& callbacks,
                                const std::atomic<bool>* cancel) {
  TRY(text::validate_stop_strings(options.stop));
  const kernels::KernelTable* table = TRY(kernels::table_by_name(engine.info().isa));
  const std::unique_ptr<text::Sampler> sampler =
      TRY(text::Sampler::create(options.sampler, static_cast<int32_t>(engine.info().vocabulary), *table));

  GenerateResult result;
  result.prompt_tokens = static_cast<int64_t>(prompt.size());
  const Clock::time_point start = Clock::now();
  const Result<int64_t> reused = advance_to(engine, session, prompt, options.chunk, callbacks.on_prompt, cancel);
  const Clock::time_point prompt_done = Clock::now();
  result.prompt_ms = milliseconds(start, prompt_done);
  if (!reused.ok()) {
    if (reused.error().code != ErrorCode::kCancelled) return reused.error();
    result.finish_reason = FinishReason::kCancelled;
    return result;
  }
  result.reused_tokens = *reused;

  const int64_t room = session.context() - session.size() + 1;
  const int64_t wanted = options.max_tokens >= 0 ? std::min(options.max_tokens, room) : room;
  result.tokens.reserve(static_cast<size_t>(std::min(wanted, kReservedTokens)));
  Answer answer(engine, options, callbacks, &result);
  result.finish_reason = TRY(decode(engine, session, options, *sampler, &answer, &result, cancel));
  answer.finish();
  result.decode_ms = milliseconds(prompt_done, Clock::now());
  return result;
}

}  // namespace hearth
