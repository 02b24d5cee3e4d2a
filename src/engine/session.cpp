// Sessions, and the one function that moves tokens of sessions through the model in batches.
//
// Contract: include/hearth/engine.h. Not here: loading (engine.cpp), tokens on trial (verify.cpp), sampling (generate.cpp).
#include <algorithm>
#include <string>

#include "engine/engine_impl.h"
#include "kernels/select.h"

namespace hearth {

Session::Impl::Impl(Engine::Impl& owner, std::unique_ptr<model::KvSequence> sequence, AdapterSet adapter_set)
    : engine(owner), kv(std::move(sequence)), logits(owner.spec.vocabulary), adapters(std::move(adapter_set)) {
  for (const AdapterScale& one : adapters) uses.push_back({owner.adapters[static_cast<size_t>(one.id)].get(), one.scale});
  tokens.reserve(kv->context());
  ++engine.live_sessions;
}

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;

namespace {

Result<void> check_tokens(const Engine::StepItem& item, int64_t vocabulary) {
  Session& session = *item.session;
  if (item.tokens.empty()) return Error{ErrorCode::kInvalidArgument, "no tokens to append"};
  const int64_t count = static_cast<int64_t>(item.tokens.size()), free = session.context() - session.size();
  if (count > free) {
    return Error{ErrorCode::kContextFull,
                 std::to_string(count) + " tokens do not fit: " + std::to_string(session.size()) + " of " +
                     std::to_string(session.context()) + " positions of the context are used. Shorten the text, or " +
                     "load the model with a larger context"};
  }
  for (int32_t id : item.tokens) {
    if (id < 0 || id >= vocabulary) {
      return Error{ErrorCode::kInvalidArgument, "token id " + std::to_string(id) + " is outside the vocabulary (0 to " +
                                                    std::to_string(vocabulary - 1) + ")"};
    }
  }
  return {};
}

}  // namespace

// Neighbours with the same adapters are one span.
void Engine::Impl::add_adapted(const backend::AttentionRun& run, const Session::Impl& session) {
  if (session.uses.empty()) return;
  model::AdapterSpan* last = batch_adapted.empty() ? nullptr : &batch_adapted.back();
  if (last && last->first + last->count == run.first &&
      std::equal(last->uses.begin(), last->uses.end(), session.uses.begin(), session.uses.end())) {
    last->count += run.count;
  } else {
    batch_adapted.push_back({run.first, run.count, session.uses});
  }
}

// Packs what is left of each item, in order, into one batch of at most `limit` rows. Tokens whose hidden states are asked for
// take two rows each: their activations are refined, since one rounding to int8 per weight costs an embedding its fourth
// digit. Tokens on trial have to be in the first batch, so room is kept for them.
void Engine::Impl::fill_batch(std::span<const StepItem> items, int64_t limit) {
  batch_ids.clear();
  batch_runs.clear();
  batch_adapted.clear();
  batch_items.clear();
  int64_t used = 0, trials = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i].verifier) trials += static_cast<int64_t>(items[i].tokens.size()) - taken[i];
  }
  for (size_t i = 0; i < items.size(); ++i) {
    const int64_t left = static_cast<int64_t>(items[i].tokens.size()) - taken[i], rows = items[i].hidden ? 2 : 1;
    const int64_t room = limit - used - (items[i].verifier ? 0 : trials);
    const int64_t count = std::min(room / rows, left);
    if (count <= 0) continue;
    used += rows * count;
    if (items[i].verifier) trials -= count;
    const model::KvSequence& kv = *items[i].session->impl().kv;
    backend::AttentionRun run;
    run.first = static_cast<int>(batch_ids.size());
    run.count = static_cast<int>(count);
    run.start = kv.size() + taken[i];
    run.pages = kv.pages();
    run.refined = items[i].hidden != nullptr;
    batch_runs.push_back(run);
    add_adapted(run, items[i].session->impl());
    batch_items.push_back(static_cast<int>(i));
    const auto tokens = items[i].tokens.subspan(taken[i], count);
    batch_ids.insert(batch_ids.end(), tokens.begin(), tokens.end());
  }
}

Result<void> Engine::Impl::visit_rows(std::span<const StepItem> items, const Session::LogitsVisitor& visit) {
  constexpr int kRows = model::Executor::kHeadRows;
  visit_logits.resize(kRows * spec.vocabulary);
  const int count = batch_runs[0].count;
  for (int first = 0; first < count; first += kRows) {
    const int rows = std::min(kRows, count - first);
    int row[kRows];
    float* out[kRows];
    for (int i = 0; i < rows; ++i) {
      row[i] = first + i;
      out[i] = visit_logits.data() + i * spec.vocabulary;
    }
    TRY(executor->head({row, static_cast<size_t>(rows)}, {out, static_cast<size_t>(rows)}));
    TRY(view->check_intact());
    for (int i = 0; i < rows; ++i) {
      visit(taken[0] + first + i, {out[i], static_cast<size_t>(spec.vocabulary)});
    }
    if (taken[0] + count == static_cast<int64_t>(items[0].tokens.size()) && first + rows == count) {
      std::copy_n(out[rows - 1], spec.vocabulary, items[0].session->impl().logits.data());
    }
  }
  return {};
}

Result<void> Engine::Impl::visit_hidden(const backend::AttentionRun& run, const HiddenVisitor& visit) {
  constexpr int kRows = model::Executor::kHeadRows;
  for (int first = 0; first < run.count; first += kRows) {
    const int rows = std::min(kRows, run.count - first);
    const float* states = TRY(executor->hidden(run.first + first, rows));
    TRY(view->check_intact());
    for (int i = 0; i < rows; ++i) visit({states + i * spec.width, static_cast<size_t>(spec.width)});
  }
  return {};
}

// Logits of every session whose last token was in the batch, at most kHeadRows at a time.
Result<void> Engine::Impl::finish_batch(std::span<const StepItem> items, const Session::LogitsVisitor* visit) {
  if (visit) {
    TRY(visit_rows(items, *visit));
  }
  constexpr int kRows = model::Executor::kHeadRows;
  int rows[kRows];
  float* out[kRows];
  size_t count = 0;
  for (size_t r = 0; r < batch_runs.size(); ++r) {
    const backend::AttentionRun& run = batch_runs[r];
    const int item = batch_items[r];
    taken[item] += run.count;
    if (items[item].hidden) TRY(visit_hidden(run, *items[item].hidden));
    const bool last = taken[item] == static_cast<int64_t>(items[item].tokens.size());
    if (last && !visit && items[item].verifier == nullptr && items[item].wants_logits) {
      rows[count] = run.first + run.count - 1;
      out[count++] = items[item].session->impl().logits.data();
    }
    if (count == kRows || (count > 0 && r + 1 == batch_runs.size())) {
      TRY(executor->head({rows, count}, {out, count}));
      count = 0;
    }
  }
  return {};
}

Result<void> Engine::Impl::run_batches(std::span<const StepItem> items, int chunk, const std::atomic<bool>* cancel,
                                       const Session::LogitsVisitor* visit) {
  const int64_t limit = chunk > 0 ? std::min(chunk, executor->max_tokens()) : executor->max_tokens();
  taken.assign(items.size(), 0);
  for (fill_batch(items, limit); !batch_ids.empty(); fill_batch(items, limit)) {
    TRY(executor->forward({batch_ids, batch_runs, batch_adapted}, cancel));
    TRY(finish_batch(items, visit));
    TRY(verify_rows(items));
  }
  return {};
}

Result<void> Engine::Impl::reserve(std::span<const StepItem> items) {
  for (const StepItem& item : items) {
    const Result<void> reserved = item.session->impl().kv->reserve(static_cast<int64_t>(item.tokens.size()));
    if (reserved.ok()) continue;
    for (const StepItem& other : items) other.session->impl().kv->rewind(other.session->size());  // others may want the pages
    return reserved;
  }
  return {};
}

Result<void> Engine::Impl::run(std::span<const StepItem> items, int chunk, const std::atomic<bool>* cancel,
                               const Session::LogitsVisitor* visit) {
  for (const StepItem& item : items) TRY(check_tokens(item, spec.vocabulary));
  TRY(check_verified(items));
  TRY(reserve(items));
  kernels::set_float_environment();
  const Result<void> done = run_batches(items, chunk, cancel, visit);
  if (const Result<void> intact = view->check_intact(); !intact.ok()) {
    // Logits may have been made of weights that are gone, and so may the trouble that `done` tells of.
    for (const StepItem& item : items) item.session->impl().has_logits = false;
    return intact.error();
  }
  if (!done.ok()) return done.error();
  for (const StepItem& item : items) {
    if (item.verifier != nullptr) continue;  // verify_rows has committed what stays
    Session::Impl& session = item.session->impl();
    session.kv->commit(static_cast<int64_t>(item.tokens.size()));
    session.tokens.insert(session.tokens.end(), item.tokens.begin(), item.tokens.end());
    session.has_logits = item.wants_logits;
  }
  return {};
}

Result<void> Session::append(std::span<const int32_t> tokens, int chunk, const std::atomic<bool>* cancel) {
  const Engine::StepItem item{this, tokens};
  return impl_->engine.run({&item, 1}, chunk, cancel, nullptr);
}

Result<void> Session::append_all_logits(std::span<const int32_t> tokens, const LogitsVisitor& visit, int chunk) {
  const Engine::StepItem item{this, tokens};
  return impl_->engine.run({&item, 1}, chunk, nullptr, &visit);
}

std::span<const float> Session::logits() const {
  return impl_->has_logits ? std::span<const float>(impl_->logits) : std::span<const float>();
}

std::span<const int32_t> Session::tokens() const { return impl_->tokens; }
int64_t Session::size() const { return impl_->kv->size(); }
int64_t Session::pages_needed(int64_t tokens) const { return impl_->kv->pages_needed(tokens); }
int64_t Session::context() const { return impl_->kv->context(); }
const AdapterSet& Session::adapters() const { return impl_->adapters; }

Result<void> Session::rewind(int64_t size) {
  if (size < 0 || size > this->size()) {
    return Error{ErrorCode::kInvalidArgument, "cannot rewind to position " + std::to_string(size) + " of " +
                                                  std::to_string(this->size())};
  }
  if (size == this->size()) return {};
  impl_->kv->rewind(size);
  impl_->tokens.resize(size);
  impl_->has_logits = false;
  return {};
}

Result<std::unique_ptr<Session>> Session::fork(int64_t size) const {
  if (size < 0 || size > this->size()) {
    return Error{ErrorCode::kInvalidArgument, "cannot fork at position " + std::to_string(size) + " of " +
                                                  std::to_string(this->size())};
  }
  Engine::Impl& engine = impl_->engine;
  if (engine.live_sessions >= engine.max_sessions) {
    return Error{ErrorCode::kResource, "all " + std::to_string(engine.max_sessions) + " sessions are in use"};
  }
  auto fork = std::make_unique<Impl>(engine, impl_->kv->fork(size), impl_->adapters);
  fork->tokens.assign(impl_->tokens.begin(), impl_->tokens.begin() + size);
  return std::make_unique<Session>(std::move(fork));
}

}  // namespace hearth
