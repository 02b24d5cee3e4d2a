// The draft model's session follows the timeline; contract and exclusions: model_drafter.h.
#include "engine/speculation/model_drafter.h"

#include <algorithm>
#include <string>

#include "kernels/select.h"
#include "text/tokenizer.h"

namespace hearth {
namespace {

constexpr int kClass = 5;                // all its guesses are alike; how many are right is learnt
constexpr float kLeastLogprob = -1.05f;  // a token below 35 % is not worth a trial

}  // namespace

Result<void> check_same_vocabulary(const Engine& draft, const Engine& target) {
  const text::Tokenizer &a = draft.tokenizer(), &b = target.tokenizer();
  const std::string names = draft.info().name + " cannot guess for " + target.info().name + ": ";
  if (a.size() != b.size()) {
    return Error{ErrorCode::kInvalidArgument, names + "its vocabulary has " + std::to_string(a.size()) + " tokens instead of " +
                                                  std::to_string(b.size()) + ". Take a smaller model of the same family"};
  }
  for (int32_t id = 0; id < a.size(); ++id) {
    if (a.token_text(id) == b.token_text(id) && a.is_control(id) == b.is_control(id)) continue;
    return Error{ErrorCode::kInvalidArgument, names + "token " + std::to_string(id) + " of its vocabulary is another one. " +
                                                  "Take a smaller model of the same family"};
  }
  return {};
}

Result<std::unique_ptr<ModelDrafter>> ModelDrafter::create(const Engine& draft, const Engine& target) {
  TRY(check_same_vocabulary(draft, target));
  return std::unique_ptr<ModelDrafter>(new ModelDrafter(draft, target, TRY(draft.new_session())));
}

void ModelDrafter::begin(std::span<const int32_t> timeline, const text::SamplerOptions& options) {
  known_.assign(timeline.begin(), timeline.end());
  agreed_ = 0;
  find_agreement();
  text::SamplerOptions own = options;
  own.logprobs = 0;
  const auto vocabulary = static_cast<int32_t>(draft_engine_.info().vocabulary);
  std::erase_if(own.logit_bias, [&](const auto& bias) { return bias.first >= vocabulary; });
  const Result<const kernels::KernelTable*> table = kernels::table_by_name(draft_engine_.info().isa);
  broken_ = !table.ok();
  if (broken_) return;
  auto sampler = text::Sampler::create(own, vocabulary, **table);
  broken_ = !sampler.ok();
  if (!broken_) sampler_ = std::move(sampler).value();
}

void ModelDrafter::find_agreement() {
  const std::span<const int32_t> held = session_->tokens();
  const auto most = static_cast<int64_t>(std::min(held.size(), known_.size()));
  while (agreed_ < most && held[static_cast<size_t>(agreed_)] == known_[static_cast<size_t>(agreed_)]) ++agreed_;
}

void ModelDrafter::extend(int32_t token) {
  known_.push_back(token);
  if (agreed_ + 1 == static_cast<int64_t>(known_.size())) find_agreement();
}

int ModelDrafter::confidence(int ahead) const {
  const bool room = static_cast<int64_t>(known_.size()) + ahead < session_->context();
  return broken_ || !room ? kNoGuess : kClass;
}

// Brings the session to the timeline, with logits after its last token.
Result<void> ModelDrafter::follow() {
  const auto size = static_cast<int64_t>(known_.size());
  if (agreed_ == size && session_->size() == size && !session_->logits().empty()) return {};
  agreed_ = std::min(agreed_, size - 1);
  TRY(session_->rewind(agreed_));
  TRY(session_->append(std::span(known_).subspan(static_cast<size_t>(agreed_))));
  agreed_ = size;
  return {};
}

Result<void> ModelDrafter::guess(int most) {
  TRY(follow());
  while (static_cast<int>(draft_.size()) < most) {
    const text::Sampled sampled = sampler_->sample(session_->logits(), session_->tokens());
    if (sampled.logprob < kLeastLogprob || sampled.id >= target_vocabulary_) break;
    draft_.push_back(sampled.id);
    if (static_cast<int>(draft_.size()) < most) TRY(session_->append(std::span(&draft_.back(), 1)));
  }
  return {};
}

std::span<const int32_t> ModelDrafter::propose(int most) {
  draft_.clear();
  most = static_cast<int>(std::min<int64_t>(most, session_->context() - static_cast<int64_t>(known_.size())));
  if (most > 0 && !known_.empty() && !broken_) broken_ = !guess(most).ok();
  return draft_;
}

void ModelDrafter::catch_up() {
  if (broken_ || known_.empty() || static_cast<int64_t>(known_.size()) > session_->context()) return;
  broken_ = !follow().ok();
}

}  // namespace hearth
