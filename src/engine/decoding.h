// Decoding: one answer from its first token on, apart from who steps its session.
//
// Contract: between two steps the token that was drawn last has been shown and belongs to no session. A step appends it and,
// on trial, what the speculator guesses to follow: each guess stays if it is what would have been drawn, so neither guesses
// nor other sessions of the step can be seen in the answer. Stop tokens and stop strings do not appear in the text.
// Not here: the prompt and the loop of a single answer (generate.h), of many (serving/).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/generate.h"
#include "engine/grammar_guide.h"
#include "engine/reasoning_guide.h"
#include "text/indent_limit.h"
#include "text/stop_strings.h"
#include "text/tokenizer.h"

namespace hearth {

// The error of a prompt that is longer than the context: both counts and the ways out.
Error prompt_too_long(const ModelInfo& info, int64_t tokens);

// Everything about a request that can be told before anything runs: kInvalidArgument, kContextFull.
Result<void> check_request(const Engine& engine, std::span<const int32_t> prompt, const GenerateOptions& options);

// Looks for the sequence breakers of "dry" in the vocabulary, if it is on and they have not been found: milliseconds.
void find_breakers(const Engine& engine, text::SamplerOptions* options);

class Decoding final : public TokenVerifier {
 public:
  using TextSink = std::function<void(std::string_view text)>;
  // `cancel`, if given, is read between tokens. `on_text` may be empty; the text is in result() anyway.
  static Result<std::unique_ptr<Decoding>> create(const Engine& engine, const GenerateOptions& options,
                                                  TextSink on_text = {}, const std::atomic<bool>* cancel = nullptr);

  // The session holds the prompt and has its logits; the speculator reads it.
  void begin(Session& session);
  // Draws the first token.
  void draw_first();
  // Goes on with another session that holds the same tokens.
  void move_to(Session& session) { session_ = &session; }

  // What the next step appends: the token that was drawn, and at most `most_guesses` on trial, beside `others` tokens of other
  // sessions. The item's verifier is this.
  std::span<const int32_t> plan_step(int64_t most_guesses, int others = 0);
  // The step has failed: takes the guesses out. False if there were none, so that the error is the token's own.
  bool drop_guesses();
  void step_started();
  void step_done();
  // The same for a step of several sessions, which took so long; 0: not a time to learn from.
  void shared_step_done(double seconds);
  bool next_stays(int64_t index, std::span<const float> logits) override;
  // Tokens of the planned step that the session holds by now, also after an error.
  int64_t advanced() const { return session_->size() - planned_at_; }

  bool finished() const { return finished_; }
  // Why the answer cannot be finished as it was asked for; it is over then.
  const std::optional<Error>& failure() const { return failure_; }
  // Ends the answer from outside, and what was held back comes out. Later calls have no effect.
  void finish(FinishReason reason);
  GenerateResult& result() { return result_; }

 private:
  Decoding(const Engine& engine, const GenerateOptions& options, TextSink on_text, const std::atomic<bool>* cancel,
           std::unique_ptr<text::Sampler> sampler);
  bool take(std::span<const float> logits);
  Result<text::Sampled> draw(std::span<const float> logits);
  std::span<const int32_t> settled() const;
  bool follow_grammar();
  bool fail(Error error);
  bool stops_at(int32_t token) const;
  bool show(const text::Sampled& sampled);
  bool release(const std::string& text);
  bool late_at_line_end() const;
  void emit();
  bool ends(FinishReason reason);
  void count_step();

  const Engine& engine_;
  const GenerateOptions options_;
  const TextSink on_text_;
  const std::atomic<bool>* cancel_;
  std::unique_ptr<text::Sampler> sampler_;
  text::StreamDecoder decoder_;
  text::StopStrings stops_;
  std::optional<GrammarGuide> guide_;
  ReasoningGuide reasoning_;
  text::IndentLimit indent_;
  bool outdented_ = false;
  int64_t begun_ns_ = 0;
  std::string piece_;
  GenerateResult result_;
  Session* session_ = nullptr;
  std::vector<int32_t> endings_; // tokens that end the answer, if some may come too early
  std::vector<int32_t> tokens_;  // of the step: next_ and guesses
  int32_t next_ = -1;
  int64_t planned_at_ = 0;       // size of the session before the step
  int64_t accepted_ = 0;
  bool settled_step_ = false;    // what is on trial is no guess: the grammar leaves nothing else
  std::optional<Error> failure_;
  bool finished_ = false;
};

}  // namespace hearth
