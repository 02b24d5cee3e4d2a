// Draws, shows and ends; contract and exclusions: decoding.h.
#include "engine/decoding.h"

#include <algorithm>

#include "base/clock.h"
#include "engine/speculation/speculator.h"
#include "kernels/select.h"
#include "text/sequence_breakers.h"

namespace hearth {
namespace {

constexpr int64_t kReservedTokens = 1 << 16;  // room for an answer that is made ahead

bool is_set(const std::atomic<bool>* flag) { return flag != nullptr && flag->load(std::memory_order_relaxed); }

}  // namespace

Error prompt_too_long(const ModelInfo& info, int64_t tokens) {
  std::string message = "the prompt has " + std::to_string(tokens) + " tokens and the context holds " +
                        std::to_string(info.context) + ": shorten the prompt";
  if (info.context < info.context_trained) {
    message += ", or load the model with a larger context (--ctx, up to " + std::to_string(info.context_trained) + ")";
  } else {
    message += ", or take a model with a larger context (this one was trained for " +
               std::to_string(info.context_trained) + ")";
  }
  return {ErrorCode::kContextFull, message};
}

Result<void> check_request(const Engine& engine, std::span<const int32_t> prompt, const GenerateOptions& options) {
  const ModelInfo& info = engine.info();
  if (prompt.empty()) return Error{ErrorCode::kInvalidArgument, "the prompt is empty: a model needs at least one token"};
  for (const int32_t id : prompt) {
    if (id < 0 || id >= info.vocabulary) {
      return Error{ErrorCode::kInvalidArgument, "token id " + std::to_string(id) + " is outside the vocabulary (0 to " +
                                                    std::to_string(info.vocabulary - 1) + ")"};
    }
  }
  const auto tokens = static_cast<int64_t>(prompt.size());
  if (tokens > info.context) return prompt_too_long(info, tokens);
  TRY(text::validate_stop_strings(options.stop));
  return text::validate(options.sampler, static_cast<int32_t>(info.vocabulary));
}

void find_breakers(const Engine& engine, text::SamplerOptions* options) {
  if (options->dry_multiplier <= 0 || options->dry_window == 0 || options->dry_found != nullptr) return;
  options->dry_found = text::SequenceBreakers::find(engine.tokenizer(), options->dry_breakers);
}

Result<std::unique_ptr<Decoding>> Decoding::create(const Engine& engine, const GenerateOptions& options, TextSink on_text,
                                                   const std::atomic<bool>* cancel) {
  TRY(text::validate_stop_strings(options.stop));
  const kernels::KernelTable* table = TRY(kernels::table_by_name(engine.info().isa));
  text::SamplerOptions wanted = options.sampler;
  find_breakers(engine, &wanted);
  std::unique_ptr<text::Sampler> sampler =
      TRY(text::Sampler::create(wanted, static_cast<int32_t>(engine.info().vocabulary), *table));
  return std::unique_ptr<Decoding>(new Decoding(engine, options, std::move(on_text), cancel, std::move(sampler)));
}

Decoding::Decoding(const Engine& engine, const GenerateOptions& options, TextSink on_text,
                   const std::atomic<bool>* cancel, std::unique_ptr<text::Sampler> sampler)
    : engine_(engine), options_(options), on_text_(std::move(on_text)), cancel_(cancel), sampler_(std::move(sampler)),
      decoder_(engine.tokenizer(), false, false, options.shown_tokens), stops_(options.stop),
      reasoning_(options.reasoning, engine.tokenizer()), indent_(options.min_indent) {
  tokens_.reserve(1 + Speculator::kMaxDepth);
  if (options.grammar) guide_.emplace(options.grammar, engine.tokenizer());
  if (options.min_tokens <= 0) return;
  endings_ = options.stop_tokens;
  const std::span<const int32_t> own = engine.tokenizer().stop_ids();
  if (!options.ignore_stop_tokens) endings_.insert(endings_.end(), own.begin(), own.end());
  std::erase_if(endings_, [&](int32_t id) { return id < 0 || id >= engine.info().vocabulary; });
}

void Decoding::begin(Session& session) {
  session_ = &session;
  const int64_t room = session.context() - session.size() + 1;
  const int64_t wanted = options_.max_tokens >= 0 ? std::min(options_.max_tokens, room) : room;
  result_.tokens.reserve(static_cast<size_t>(std::min(wanted, kReservedTokens)));
  if (options_.speculator) options_.speculator->begin(session.tokens(), options_.sampler);
}

void Decoding::draw_first() {
  if (is_set(cancel_)) return finish(FinishReason::kCancelled);
  if (options_.max_tokens == 0) return finish(FinishReason::kLength);
  begun_ns_ = monotonic_ns();
  if (guide_) {
    if (Result<void> begun = guide_->begin(); !begun.ok()) {
      fail(begun.error());
      return;
    }
    if (guide_->complete()) return finish(FinishReason::kStop);
  }
  take(session_->logits());
}

// A trial longer than the answer may still get would be for nothing.
std::span<const int32_t> Decoding::plan_step(int64_t most_guesses, int others) {
  planned_at_ = session_->size();
  accepted_ = 0;
  tokens_.assign(1, next_);
  settled_step_ = !settled().empty();
  if (options_.speculator == nullptr && !settled_step_) return tokens_;
  int64_t room = std::min(most_guesses, session_->context() - session_->size() - 1);
  if (options_.max_tokens >= 0) {
    room = std::min(room, options_.max_tokens - static_cast<int64_t>(result_.tokens.size()) - 1);
  }
  if (settled_step_) {
    const std::span<const int32_t> next = settled();
    const size_t count = std::min(next.size(), static_cast<size_t>(std::max<int64_t>(room, 0)));
    tokens_.insert(tokens_.end(), next.begin(), next.begin() + static_cast<ptrdiff_t>(count));
    return tokens_;
  }
  const std::span<const int32_t> draft = options_.speculator->draft(room, others);
  tokens_.insert(tokens_.end(), draft.begin(), draft.end());
  return tokens_;
}

bool Decoding::drop_guesses() {
  if (tokens_.size() == 1) return false;
  tokens_.resize(1);
  if (options_.speculator) options_.speculator->step_failed();
  return true;
}

void Decoding::step_started() {
  if (options_.speculator) options_.speculator->start_clock();
}

void Decoding::count_step() {
  result_.decode_tokens += advanced();
  ++result_.decode_steps;
  if (settled_step_) return;
  result_.drafted_tokens += static_cast<int64_t>(tokens_.size()) - 1;
  result_.accepted_tokens += accepted_;
}

void Decoding::step_done() {
  count_step();
  if (options_.speculator == nullptr) return;
  if (settled_step_) return options_.speculator->step_failed();
  options_.speculator->stop_clock();
  options_.speculator->step_done(accepted_);
}

void Decoding::shared_step_done(double seconds) {
  count_step();
  if (options_.speculator == nullptr) return;
  if (seconds > 0 && !settled_step_) {
    options_.speculator->shared_step_done(accepted_, seconds);
  } else {
    options_.speculator->step_failed();
  }
}

bool Decoding::next_stays(int64_t index, std::span<const float> logits) {
  if (options_.speculator) options_.speculator->stop_clock();
  const auto following = static_cast<size_t>(index) + 1;
  bool stays = take(logits) && following < tokens_.size() && tokens_[following] == next_;
  if (stays && is_set(cancel_)) stays = ends(FinishReason::kCancelled);
  accepted_ += stays ? 1 : 0;
  if (options_.speculator) options_.speculator->start_clock();
  return stays;
}

bool Decoding::stops_at(int32_t token) const {
  const std::vector<int32_t>& shown = options_.shown_tokens;
  if (std::find(shown.begin(), shown.end(), token) != shown.end()) return false;
  if (guide_ && engine_.tokenizer().is_stop(token)) return true;
  if (!options_.ignore_stop_tokens && engine_.tokenizer().is_stop(token)) return true;
  return std::find(options_.stop_tokens.begin(), options_.stop_tokens.end(), token) != options_.stop_tokens.end();
}

bool Decoding::late_at_line_end() const {
  if (options_.line_milliseconds <= 0 || piece_.find('\n') == std::string::npos) return false;
  return seconds_since(begun_ns_) * 1e3 > static_cast<double>(options_.line_milliseconds);
}

// What comes next whatever is drawn. Within reasoning a grammar leaves every choice.
std::span<const int32_t> Decoding::settled() const {
  if (!reasoning_.settled().empty()) return reasoning_.settled();
  return guide_ ? guide_->settled() : std::span<const int32_t>();
}

// The next token: the one that is settled, else one of those that the grammar allows.
Result<text::Sampled> Decoding::draw(std::span<const float> logits) {
  if (const std::span<const int32_t> next = settled(); !next.empty()) return sampler_->taken(logits, next.front());
  const bool early = static_cast<int64_t>(result_.tokens.size()) < options_.min_tokens;
  const std::span<const int32_t> banned = early ? endings_ : std::span<const int32_t>();
  if (!guide_) return sampler_->sample(logits, session_->tokens(), banned);
  const std::shared_ptr<const text::grammar::TokenMask> mask = TRY(guide_->mask());
  if (mask->count() == 0) {
    return Error{ErrorCode::kInvalidArgument, "the vocabulary of this model has no token that can go on as the grammar demands"};
  }
  return sampler_->sample(logits, session_->tokens(), banned, mask->words());
}

bool Decoding::fail(Error error) {
  failure_ = std::move(error);
  return ends(FinishReason::kCancelled);
}

// After a token that is no stop token. False if the answer is over.
bool Decoding::follow_grammar() {
  const Result<void> taken = guide_->take(next_);
  if (!taken.ok()) return fail(taken.error());
  return true;
}

// Draws the token after the session's end and shows it. False if the answer is over.
bool Decoding::take(std::span<const float> logits) {
  const Result<text::Sampled> drawn = draw(logits);
  if (!drawn.ok()) return fail(drawn.error());
  const text::Sampled& sampled = *drawn;
  next_ = sampled.id;
  if (stops_at(sampled.id)) return ends(FinishReason::kStop);
  reasoning_.take(sampled.id);
  if (guide_ && !follow_grammar()) return false;
  if (!show(sampled)) return ends(outdented_ ? FinishReason::kLength : FinishReason::kStop);
  if (guide_ && guide_->complete()) return ends(FinishReason::kStop);
  if (late_at_line_end()) return ends(FinishReason::kLength);
  if (static_cast<int64_t>(result_.tokens.size()) == options_.max_tokens) return ends(FinishReason::kLength);
  if (session_->size() >= session_->context()) return ends(FinishReason::kContextFull);
  if (options_.speculator) options_.speculator->extend(next_);
  return true;
}

// False once a stop string is complete, or a line begins too far left.
bool Decoding::show(const text::Sampled& sampled) {
  result_.tokens.push_back({sampled.id, sampled.logprob, {}});
  if (options_.sampler.logprobs >= 0) {
    result_.tokens.back().alternatives.assign(sampled.alternatives.begin(), sampled.alternatives.end());
  }
  return !release(decoder_.push(sampled.id));
}

bool Decoding::release(const std::string& text) {
  piece_.clear();
  const bool stopped = stops_.push(text, &piece_);
  outdented_ = indent_.cut(&piece_);
  emit();
  return stopped || outdented_;
}

void Decoding::emit() {
  if (piece_.empty()) return;
  result_.text += piece_;
  if (on_text_) on_text_(piece_);
}

bool Decoding::ends(FinishReason reason) {
  finish(reason);
  return false;
}

void Decoding::finish(FinishReason reason) {
  if (finished_) return;
  finished_ = true;
  result_.finish_reason = reason;
  result_.reasoning_tokens = reasoning_.tokens();
  if (!stops_.stopped() && !outdented_ && !release(decoder_.finish())) {
    piece_.clear();
    stops_.finish(&piece_);
    indent_.cut(&piece_);
    emit();
  }
  if (!outdented_) result_.stop_string = stops_.matched();
}

}  // namespace hearth
