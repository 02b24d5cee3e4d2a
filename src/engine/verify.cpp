// Tokens on trial: logits are made row by row, as long as a verifier lets its tokens stay, and what is dropped is never
// committed.
//
// Contract: Engine::step in include/hearth/engine.h. The batch has been run; its hidden states are still in the executor.
// Not here: where the tokens come from (speculation/), which of them stay (generate.cpp).
#include <algorithm>
#include <string>

#include "engine/engine_impl.h"

namespace hearth {

Result<void> Engine::Impl::check_verified(std::span<const StepItem> items) const {
  int64_t tokens = 0;
  bool any = false;
  for (const StepItem& item : items) {
    tokens += static_cast<int64_t>(item.tokens.size());
    any = any || item.verifier != nullptr;
  }
  if (!any || tokens <= kMaxBatchTokens) return {};
  return Error{ErrorCode::kInvalidArgument, "a step with tokens on trial has " + std::to_string(tokens) +
                                                " tokens; it takes at most " + std::to_string(kMaxBatchTokens)};
}

// One call of the head: the next rows of every item on trial, as many as there is room for. False if none was left.
Result<bool> Engine::Impl::verify_round(std::span<const StepItem> items) {
  constexpr int kRows = model::Executor::kHeadRows;
  int row[kRows];
  float* out[kRows];
  int count = 0;
  for (const Trial& trial : verified) {
    for (int i = trial.seen; i < trial.count && count < kRows; ++i) {
      row[count] = trial.first + i;
      // A token that nothing follows has its logits made in place.
      const bool alone = trial.count == 1;
      out[count] = alone ? items[trial.item].session->impl().logits.data() : visit_logits.data() + count * spec.vocabulary;
      ++count;
    }
  }
  if (count == 0) return false;
  TRY(executor->head({row, static_cast<size_t>(count)}, {out, static_cast<size_t>(count)}));
  TRY(view->check_intact());  // before anybody sees what was made of the weights
  int done = 0;
  for (Trial& trial : verified) {
    Session::Impl& session = items[trial.item].session->impl();
    const int here = std::min(trial.count - trial.seen, count - done);
    for (int i = 0; i < here && trial.seen < trial.count; ++i) {
      const std::span<const float> logits{out[done + i], static_cast<size_t>(spec.vocabulary)};
      session.kv->commit(1);
      session.tokens.push_back(items[trial.item].tokens[trial.seen]);
      const bool more = items[trial.item].verifier->next_stays(trial.seen++, logits);
      if (!more) trial.count = trial.seen;
      const bool last = trial.seen == trial.count || i + 1 == here;
      if (last && logits.data() != session.logits.data()) std::copy_n(logits.data(), spec.vocabulary, session.logits.data());
      session.has_logits = true;
    }
    done += here;
  }
  return true;
}

Result<void> Engine::Impl::verify_rows(std::span<const StepItem> items) {
  verified.clear();
  for (size_t r = 0; r < batch_runs.size(); ++r) {
    const int item = batch_items[r];
    if (items[item].verifier != nullptr) verified.push_back({item, batch_runs[r].first, batch_runs[r].count, 0});
  }
  if (verified.empty()) return {};
  visit_logits.resize(model::Executor::kHeadRows * spec.vocabulary);
  for (;;) {
    const Result<bool> more = verify_round(items);
    if (more.ok() && *more) continue;
    if (more.ok()) return {};
    // A dropped row must not fail the step: who has seen a row goes on from there, and meets the error again if it is real.
    const bool all = std::all_of(verified.begin(), verified.end(), [](const Trial& trial) { return trial.seen > 0; });
    return all ? Result<void>() : more.error();
  }
}

}  // namespace hearth
