// The prompt and the loop of one answer. Contract and exclusions: engine/generate.h.
#include "engine/generate.h"

#include <algorithm>

#include "base/clock.h"
#include "engine/decoding.h"
#include "engine/speculation/speculator.h"

namespace hearth {

namespace {

constexpr int64_t kPromptPiece = 512;  // tokens between two reports of progress

double milliseconds(int64_t from_ns, int64_t to_ns) { return static_cast<double>(to_ns - from_ns) * 1e-6; }

// Steps until the answer has ended. Cancelling is one of its ends.
Result<void> run_steps(const Engine& engine, Session& session, Decoding& decoding, const std::atomic<bool>* cancel) {
  while (!decoding.finished()) {
    std::span<const int32_t> tokens = decoding.plan_step(Speculator::kMaxDepth);
    Result<void> done;
    for (;;) {
      const Engine::StepItem item{&session, tokens, &decoding};
      decoding.step_started();
      done = engine.step({&item, 1}, cancel);
      // A wrong guess may overflow or need a page that is not there; the token itself has its own right to an error.
      if (done.ok() || done.error().code == ErrorCode::kCancelled || !decoding.drop_guesses()) break;
      tokens = tokens.first(1);
    }
    if (!done.ok() && done.error().code != ErrorCode::kCancelled) return done.error();
    if (!done.ok()) {
      decoding.finish(FinishReason::kCancelled);
    } else {
      decoding.step_done();
    }
  }
  return {};
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
  if (total > session.context()) return prompt_too_long(engine.info(), total);
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
  const std::unique_ptr<Decoding> decoding = TRY(Decoding::create(engine, options, callbacks.on_text, cancel));
  GenerateResult& result = decoding->result();
  result.prompt_tokens = static_cast<int64_t>(prompt.size());
  const int64_t start = monotonic_ns();
  const Result<int64_t> reused = advance_to(engine, session, prompt, options.chunk, callbacks.on_prompt, cancel);
  if (!reused.ok() && reused.error().code != ErrorCode::kCancelled) return reused.error();
  if (!reused.ok()) {
    result.prompt_ms = milliseconds(start, monotonic_ns());
    decoding->finish(FinishReason::kCancelled);
    return std::move(result);
  }
  decoding->begin(session);
  const int64_t prompt_done = monotonic_ns();
  result.prompt_ms = milliseconds(start, prompt_done);
  result.reused_tokens = *reused;
  decoding->draw_first();
  TRY(run_steps(engine, session, *decoding, cancel));
  if (decoding->failure()) return *decoding->failure();
  result.decode_ms = milliseconds(prompt_done, monotonic_ns());
  return std::move(result);
}

}  // namespace hearth
