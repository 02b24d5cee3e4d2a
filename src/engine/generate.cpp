// The token loop. Contract and exclusions: engine/generate.h.
#include "engine/generate.h"

#include <algorithm>

#include "base/clock.h"
#include "engine/speculation/speculator.h"
#include "kernels/select.h"
#include "text/stop_strings.h"
#include "text/tokenizer.h"

namespace hearth {

namespace {

constexpr int64_t kPromptPiece = 512;         // tokens between two reports of progress
constexpr int64_t kReservedTokens = 1 << 16;  // room for an answer that is made ahead

double milliseconds(int64_t from_ns, int64_t to_ns) { return static_cast<double>(to_ns - from_ns) * 1e-6; }

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

// The token loop. Between two steps `next_` has been drawn and shown and belongs to no session. A step appends it and,
// on trial, what the speculator guesses to follow: each guess stays if it is what would have been drawn.
class Decoding final : public TokenVerifier {
 public:
  Decoding(const Engine& engine, Session& session, const GenerateOptions& options, text::Sampler& sampler,
           GenerateResult* result, Answer* answer, const std::atomic<bool>* cancel)
      : engine_(engine), session_(session), options_(options), sampler_(sampler), speculator_(options.speculator),
        result_(result), answer_(answer), cancel_(cancel) {
    tokens_.reserve(1 + Speculator::kMaxDepth);
  }

  Result<FinishReason> run() {
    if (is_set(cancel_)) return FinishReason::kCancelled;
    if (options_.max_tokens == 0) return FinishReason::kLength;
    if (!take(session_.logits())) return finish_;
    for (;;) {
      tokens_.assign(1, next_);
      if (speculator_) draft();
      Result<void> done = step();
      // A wrong guess may overflow or need a page that is not there; the token itself has its own right to an error.
      if (!done.ok() && tokens_.size() > 1 && done.error().code != ErrorCode::kCancelled) {
        tokens_.resize(1);
        speculator_->step_failed();
        done = step();
      }
      if (!done.ok() && done.error().code == ErrorCode::kCancelled) return FinishReason::kCancelled;
      if (!done.ok()) return done.error();
      if (finished_) return finish_;
    }
  }

  bool next_stays(int64_t index, std::span<const float> logits) override {
    if (speculator_) speculator_->stop_clock();
    const auto following = static_cast<size_t>(index) + 1;
    bool stays = take(logits) && following < tokens_.size() && tokens_[following] == next_;
    if (stays && is_set(cancel_)) {
      finish(FinishReason::kCancelled);
      stays = false;
    }
    accepted_ += stays ? 1 : 0;
    if (speculator_) speculator_->start_clock();
    return stays;
  }

 private:
  // Draws the token after the session's end and shows it. False if the answer is over.
  bool take(std::span<const float> logits) {
    const text::Sampled sampled = sampler_.sample(logits, session_.tokens());
    next_ = sampled.id;
    if (!options_.ignore_stop_tokens && engine_.tokenizer().is_stop(sampled.id)) return finish(FinishReason::kStop);
    if (!answer_->take(sampled, options_.sampler.logprobs >= 0)) return finish(FinishReason::kStop);
    if (static_cast<int64_t>(result_->tokens.size()) == options_.max_tokens) return finish(FinishReason::kLength);
    if (session_.size() >= session_.context()) return finish(FinishReason::kContextFull);
    if (speculator_) speculator_->extend(next_);
    return true;
  }

  bool finish(FinishReason reason) {
    finished_ = true;
    finish_ = reason;
    return false;
  }

  // A trial longer than the answer may still get would be for nothing.
  void draft() {
    int64_t room = session_.context() - session_.size() - 1;
    if (options_.max_tokens >= 0) {
      room = std::min(room, options_.max_tokens - static_cast<int64_t>(result_->tokens.size()) - 1);
    }
    const std::span<const int32_t> draft = speculator_->draft(room);
    tokens_.insert(tokens_.end(), draft.begin(), draft.end());
  }

  Result<void> step() {
    const Engine::StepItem item{&session_, tokens_, this};
    const int64_t before = session_.size();
    accepted_ = 0;
    if (speculator_) speculator_->start_clock();
    const Result<void> done = engine_.step({&item, 1}, cancel_);
    if (speculator_) speculator_->stop_clock();
    if (!done.ok()) return done;
    result_->decode_tokens += session_.size() - before;
    ++result_->decode_steps;
    result_->drafted_tokens += static_cast<int64_t>(tokens_.size()) - 1;
    result_->accepted_tokens += accepted_;
    if (speculator_) speculator_->step_done(accepted_);
    return {};
  }

  const Engine& engine_;
  Session& session_;
  const GenerateOptions& options_;
  text::Sampler& sampler_;
  Speculator* speculator_;
  GenerateResult* result_;
  Answer* answer_;
  const std::atomic<bool>* cancel_;
  std::vector<int32_t> tokens_;  // of the step: next_ and guesses
  int32_t next_ = -1;
  int64_t accepted_ = 0;
  bool finished_ = false;
  FinishReason finish_ = FinishReason::kStop;
};

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
  const int64_t start = monotonic_ns();
  const Result<int64_t> reused = advance_to(engine, session, prompt, options.chunk, callbacks.on_prompt, cancel);
  if (reused.ok() && options.speculator) options.speculator->begin(session.tokens(), options.sampler);
  const int64_t prompt_done = monotonic_ns();
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
  result.finish_reason = TRY(Decoding(engine, session, options, *sampler, &result, &answer, cancel).run());
  answer.finish();
  result.decode_ms = milliseconds(prompt_done, monotonic_ns());
  return result;
}

}  // namespace hearth
