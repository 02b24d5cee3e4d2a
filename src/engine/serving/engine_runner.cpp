// Contract and exclusions: engine_runner.h.
#include "engine/serving/engine_runner.h"

#include <algorithm>

#include "base/clock.h"
#include "engine/speculation/suffix_drafter.h"

namespace hearth {
namespace {

constexpr int64_t kGuessPages = 2;         // that the guesses for one session may touch beyond its next token's
constexpr double kLateAnswers = 1.0 / 16;  // share of the last one in the mean duration

double milliseconds_since(int64_t start_ns) { return seconds_since(start_ns) * 1e3; }

}  // namespace

void EngineRunner::add(AnswerId id, AnswerRequest request, AnswerCallbacks callbacks) {
  Entry& entry = entries_[id];
  entry.request = std::move(request);
  entry.callbacks = std::move(callbacks);
  entry.options = std::make_shared<const GenerateOptions>(entry.request.options);
  entry.adapters = adapters_of(entry.request.adapters);
}

// They have been checked.
AdapterSet EngineRunner::adapters_of(const std::optional<AdapterSet>& wanted) const {
  return wanted ? *engine_.adapter_set(*wanted) : engine_.default_adapters();
}

// Its pooling has been checked.
void EngineRunner::add_embedding(AnswerId id, AnswerRequest request, EmbeddingCallback on_end) {
  Entry& entry = entries_[id];
  entry.request = std::move(request);
  entry.adapters = adapters_of(entry.request.adapters);
  entry.request.reuse_prefix = false;  // every state has to be seen
  entry.pooler = std::make_unique<Pooler>(*pooling_of(engine_.info()), engine_.info().embedding);
  entry.visit_hidden = [pooler = entry.pooler.get()](std::span<const float> state) { pooler->add(state); };
  entry.on_embedding = std::move(on_end);
}

Scheduler::Runner EngineRunner::functions() {
  Scheduler::Runner runner;
  runner.pages = [this] { return Scheduler::Pages{engine_.kv_pool().free_pages, cache_ ? cache_->reclaimable_pages() : 0}; };
  runner.pages_of = [this](int64_t tokens) {
    const int64_t positions = engine_.kv_pool().page_positions;
    return (std::min(tokens, engine_.info().context) + positions - 1) / positions;
  };
  runner.pages_needed = [this](AnswerId id, int64_t tokens) {
    const Session& session = *entry(id).session;
    return session.pages_needed(std::min(tokens, session.context() - session.size()));
  };
  runner.evict = [this](int64_t count) {
    const int64_t free = engine_.kv_pool().free_pages;
    if (cache_) cache_->make_room(free + count);
    return engine_.kv_pool().free_pages - free;
  };
  runner.ready = [this](AnswerId id) { return ready(id); };
  runner.behind = [this](AnswerId id) {
    const AnswerCallbacks& callbacks = entry(id).callbacks;
    return callbacks.behind && callbacks.behind();
  };
  runner.open = [this](AnswerId id) { return open(id); };
  runner.close = [this](AnswerId id) { close(id); };
  return runner;
}

Result<void> EngineRunner::begin(Entry& entry) {
  entry.opened_ns = monotonic_ns();
  GenerateOptions options = entry.request.options;
  if (options_.speculate) {
    std::vector<std::unique_ptr<Drafter>> drafters;
    drafters.push_back(std::make_unique<SuffixDrafter>());
    Speculator::Options speculation;
    speculation.adaptive = options_.adaptive_guesses;
    speculation.shared_costs = &costs_;
    entry.speculator = std::make_unique<Speculator>(std::move(drafters), speculation);
    options.speculator = entry.speculator.get();
  }
  entry.decoding = TRY(Decoding::create(engine_, options));
  entry.decoding->result().prompt_tokens = static_cast<int64_t>(entry.request.prompt.size());
  return {};
}

// What the disk knows of a prompt is brought into the cache before its session is opened.
bool EngineRunner::ready(AnswerId id) {
  Entry& entry = this->entry(id);
  if (!entry.asked_disk && reuses(entry)) fetching_ = cache_->fetch(scope_of(entry), entry.target(), entry.adapters);
  entry.asked_disk = true;
  return !fetches();
}

void EngineRunner::remember(const Entry& entry, int64_t size) {
  if (reuses(entry) && entry.sound) cache_->insert(scope_of(entry), *entry.session, size);
}

Result<int64_t> EngineRunner::open(AnswerId id) {
  Entry& entry = this->entry(id);
  if (entry.pooler) {
    entry.session = TRY(engine_.new_session(entry.adapters));
    entry.opened_ns = monotonic_ns();
    entry.pooler->clear();
    return int64_t{0};
  }
  const bool first = entry.decoding == nullptr;
  if (first) TRY(begin(entry));
  entry.session = reuses(entry) ? TRY(cache_->lookup(scope_of(entry), entry.target(), entry.adapters))
                                : TRY(engine_.new_session(entry.adapters));
  if (entry.begun) entry.decoding->move_to(*entry.session);
  const int64_t held = entry.session->size();
  if (first) {
    entry.reused = held;
    entry.decoding->result().reused_tokens = held;
    totals_.reused_tokens += held;
  }
  if (!entry.begun) tell_prompt(entry);
  return held;
}

void EngineRunner::close(AnswerId id) {
  Entry& entry = this->entry(id);
  // A session that was taken away before it was brought up to its timeline tells nothing new.
  const std::span<const int32_t> tokens = entry.session->tokens();
  if (entry.begun && tokens.size() > entry.target().size()) entry.timeline.assign(tokens.begin(), tokens.end());
  remember(entry, entry.session->size());
  entry.session.reset();
}

void EngineRunner::prepare(std::span<Scheduler::Item> items) {
  parts_.clear();
  sizes_.clear();
  int others = 0;  // tokens of answers beside the one that is planned
  int64_t spare = engine_.kv_pool().free_pages + (cache_ ? cache_->reclaimable_pages() : 0);
  for (const Scheduler::Item& item : items) {
    others += item.prompt_tokens == 0 ? 1 : 0;
    spare -= entry(item.id).session->pages_needed(std::max<int64_t>(1, item.prompt_tokens));
  }
  for (const Scheduler::Item& item : items) {
    Entry& entry = this->entry(item.id);
    Session& session = *entry.session;
    sizes_.push_back(session.size());
    if (item.prompt_tokens > 0) {
      const auto piece = entry.target().subspan(static_cast<size_t>(session.size()), static_cast<size_t>(item.prompt_tokens));
      const bool embeds = entry.pooler != nullptr;
      if (embeds) entry.pooler->begin_piece();
      parts_.push_back({&session, piece, nullptr, item.prompt_ends && !entry.begun && !embeds, embeds ? &entry.visit_hidden : nullptr});
      continue;
    }
    CHECK(entry.begun);
    const bool guess = item.may_guess && spare >= kGuessPages;
    const std::span<const int32_t> tokens = entry.decoding->plan_step(guess ? Speculator::kMaxDepth : 0, --others);
    others += static_cast<int>(tokens.size());
    if (tokens.size() > 1) spare -= kGuessPages;
    parts_.push_back({&session, tokens, entry.decoding.get()});
  }
}

// A wrong guess may overflow or need a page that is not there; the tokens themselves have their own right to an error.
bool EngineRunner::drop_guesses(std::span<Scheduler::Item> items) {
  bool any = false;
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].prompt_tokens > 0 || parts_[i].session->size() > sizes_[i]) continue;
    if (!entry(items[i].id).decoding->drop_guesses()) continue;
    parts_[i].tokens = parts_[i].tokens.first(1);
    any = true;
  }
  return any;
}

Result<void> EngineRunner::step(std::span<Scheduler::Item> items, const std::atomic<bool>* cancel) {
  prepare(items);
  const int64_t start = monotonic_ns();
  Result<void> done = engine_.step(parts_, cancel);
  const bool advanced = std::any_of(parts_.begin(), parts_.end(), [&](const Engine::StepItem& part) {
    return part.session->size() > sizes_[&part - parts_.data()];
  });
  bool telling = done.ok();
  if (!done.ok() && done.error().code != ErrorCode::kCancelled && !advanced && drop_guesses(items)) {
    done = engine_.step(parts_, cancel);
    telling = false;
  }
  const double seconds = seconds_since(start);
  // Where the weights are gone, nothing can be trusted that was made meanwhile; else whose fault it was is found alone.
  if (!done.ok() && done.error().code != ErrorCode::kCancelled && (items.size() == 1 || done.error().code == ErrorCode::kIo)) {
    for (const Scheduler::Item& item : items) entry(item.id).sound = false;
  }
  const double learnt = telling ? learn_cost(items, seconds) : 0;
  for (size_t i = 0; i < items.size(); ++i) finish_item(items[i], parts_[i], sizes_[i], learnt);
  if (done.ok()) count_step(items, seconds);
  return done;
}

// Seconds of the step if they tell what a step of so many tokens costs, else 0.
double EngineRunner::learn_cost(std::span<const Scheduler::Item> items, double seconds) {
  size_t tokens = 0;
  for (const Engine::StepItem& part : parts_) tokens += part.tokens.size();
  if (std::any_of(items.begin(), items.end(), [](const auto& item) { return item.prompt_tokens > 0; })) return 0;
  if (tokens > static_cast<size_t>(StepCosts::kMaxTokens)) return 0;
  costs_.measured(static_cast<int>(tokens), seconds);
  return seconds;
}

void EngineRunner::finish_item(Scheduler::Item& item, const Engine::StepItem& part, int64_t before, double seconds) {
  Entry& entry = this->entry(item.id);
  item.tokens = part.session->size() - before;
  if (item.tokens == 0) {
    if (entry.pooler) entry.pooler->drop_piece();
    return;
  }
  if (entry.pooler) {
    totals_.prompt_tokens += item.tokens;
    item.finished = item.prompt_ends;
    totals_.embeddings += item.finished ? 1 : 0;
    return;
  }
  if (item.prompt_tokens > 0) {
    finish_prompt_piece(entry, item);
  } else {
    entry.decoding->shared_step_done(seconds);
  }
  item.finished = entry.decoding->finished();
  show(entry);
}

void EngineRunner::finish_prompt_piece(Entry& entry, const Scheduler::Item& item) {
  totals_.prompt_tokens += item.tokens;
  if (entry.begun) return;
  if (item.prompt_ends) {
    // Others that begin so share it from now on. Whole pages, as the answer goes on in the last one.
    remember(entry, entry.session->size() / engine_.kv_pool().page_positions * engine_.kv_pool().page_positions);
    entry.decoding->begin(*entry.session);
    entry.decoding->result().prompt_ms = milliseconds_since(entry.opened_ns);
  }
  tell_prompt(entry);
  if (!item.prompt_ends) return;
  entry.begun = true;
  entry.begun_ns = monotonic_ns();
  entry.decoding->draw_first();
}

void EngineRunner::count_step(std::span<const Scheduler::Item> items, double seconds) {
  int64_t tokens = 0, prompt = 0;
  for (const Scheduler::Item& item : items) {
    tokens += item.tokens;
    prompt += item.prompt_tokens > 0 ? item.tokens : 0;
  }
  ++totals_.steps;
  totals_.step_tokens += tokens;
  const double share = tokens > 0 ? static_cast<double>(prompt) / static_cast<double>(tokens) : 0;
  totals_.prompt_seconds += seconds * share;
  totals_.answer_seconds += seconds * (1 - share);
}

void EngineRunner::tell_prompt(const Entry& entry) const {
  if (!entry.callbacks.on_prompt) return;
  PromptProgress progress;
  progress.total_tokens = static_cast<int64_t>(entry.request.prompt.size());
  progress.reused_tokens = entry.reused;
  progress.done_tokens = entry.session->size();
  progress.milliseconds = milliseconds_since(entry.opened_ns);
  entry.callbacks.on_prompt(progress);
}

void EngineRunner::tell_waiting(AnswerId id, int64_t before) {
  const Entry& entry = this->entry(id);
  if (!entry.callbacks.on_prompt || entry.begun) return;
  PromptProgress progress;
  progress.total_tokens = static_cast<int64_t>(entry.request.prompt.size());
  progress.waiting_before = before;
  entry.callbacks.on_prompt(progress);
}

// Hands over what is new.
void EngineRunner::show(Entry& entry) {
  const GenerateResult& result = entry.decoding->result();
  const size_t text = result.text.size(), tokens = result.tokens.size();
  totals_.answer_tokens += static_cast<int64_t>(tokens - entry.shown_tokens);
  if (entry.callbacks.on_text && (text > entry.shown_text || tokens > entry.shown_tokens)) {
    entry.callbacks.on_text(std::string_view(result.text).substr(entry.shown_text),
                            std::span<const GeneratedToken>(result.tokens).subspan(entry.shown_tokens));
  }
  entry.shown_text = text;
  entry.shown_tokens = tokens;
}

void EngineRunner::count_end(const Entry& entry) {
  const double seconds = seconds_since(entry.opened_ns);
  totals_.mean_answer_seconds += (seconds - totals_.mean_answer_seconds) * (totals_.mean_answer_seconds > 0 ? kLateAnswers : 1);
}

void EngineRunner::end_embedding(AnswerId id, const Result<void>& outcome) {
  Entry& entry = this->entry(id);
  if (outcome.ok()) count_end(entry);
  const Result<std::vector<float>> result = outcome.ok() ? Result<std::vector<float>>(entry.pooler->result()) : outcome.error();
  const EmbeddingCallback on_end = std::move(entry.on_embedding);
  entries_.erase(id);
  on_end(result);
}

void EngineRunner::end(AnswerId id, const Result<void>& outcome) {
  Entry& entry = this->entry(id);
  if (entry.pooler) return end_embedding(id, outcome);
  if (entry.decoding == nullptr && !outcome.ok() && outcome.error().code == ErrorCode::kCancelled) {
    GenerateResult result;
    result.finish_reason = FinishReason::kCancelled;
    result.prompt_tokens = static_cast<int64_t>(entry.request.prompt.size());
    const AnswerCallbacks callbacks = std::move(entry.callbacks);
    entries_.erase(id);
    return callbacks.on_end(std::move(result));
  }
  Result<GenerateResult> result = Error{};
  if (!outcome.ok() && outcome.error().code != ErrorCode::kCancelled) {
    result = outcome.error();
  } else {
    entry.decoding->finish(FinishReason::kCancelled);  // unless it has ended by itself
    show(entry);
    GenerateResult& made = entry.decoding->result();
    if (entry.begun) made.decode_ms = milliseconds_since(entry.begun_ns);
    totals_.drafted_tokens += made.drafted_tokens;
    totals_.accepted_tokens += made.accepted_tokens;
    count_end(entry);
    if (entry.decoding->failure()) {
      result = *entry.decoding->failure();
    } else {
      result = std::move(made);
    }
  }
  const AnswerCallbacks callbacks = std::move(entry.callbacks);
  entries_.erase(id);
  callbacks.on_end(result);
}

EngineRunner::Progress EngineRunner::progress(AnswerId id) const {
  const Entry& entry = entries_.at(id);
  Progress progress;
  progress.prompt_tokens = static_cast<int64_t>(entry.request.prompt.size());
  progress.reused_tokens = entry.reused;
  progress.options = entry.options;
  if (entry.decoding) {
    const GenerateResult& result = entry.decoding->result();
    progress.answer_tokens = static_cast<int64_t>(result.tokens.size());
    progress.line_ended = result.text.find('\n') != std::string::npos;
  }
  const int64_t most = entry.request.options.max_tokens;
  if (most >= 0) progress.tokens_left = most - progress.answer_tokens;
  return progress;
}

}  // namespace hearth
