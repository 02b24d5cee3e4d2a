// Contract and exclusions: engine/embed.h.
#include "engine/embed.h"

#include <algorithm>

#include "engine/decoding.h"

namespace hearth {

Result<Pooling> pooling_of(const ModelInfo& info) {
  if (info.pooling == "mean") return Pooling::kMean;
  if (info.pooling == "cls") return Pooling::kFirst;
  if (info.pooling == "last") return Pooling::kLast;
  return Error{ErrorCode::kUnsupported, info.name + " pools by \"" + info.pooling + "\": it gives no embeddings"};
}

void Pooler::add(std::span<const float> state) {
  const bool sums = pooling_ == Pooling::kMean;
  if (sums || pooling_ == Pooling::kLast || count_ == 0) {
    for (size_t i = 0; i < sum_.size(); ++i) sum_[i] = (sums ? sum_[i] : 0.0) + double{state[i]};
  }
  ++count_;
}

void Pooler::begin_piece() {
  saved_sum_ = sum_;
  saved_count_ = count_;
}

void Pooler::drop_piece() {
  sum_ = saved_sum_;
  count_ = saved_count_;
}

void Pooler::clear() {
  std::fill(sum_.begin(), sum_.end(), 0.0);
  count_ = 0;
}

std::vector<float> Pooler::result() const {
  const double divisor = pooling_ == Pooling::kMean ? static_cast<double>(std::max<int64_t>(1, count_)) : 1.0;
  std::vector<float> result(sum_.size());
  for (size_t i = 0; i < sum_.size(); ++i) result[i] = static_cast<float>(sum_[i] / divisor);
  return result;
}

Result<std::vector<float>> embed(const Engine& engine, Session& session, std::span<const int32_t> tokens,
                                 const std::atomic<bool>* cancel) {
  CHECK(session.size() == 0);
  TRY(check_request(engine, tokens, {}));
  Pooler pooler(TRY(pooling_of(engine.info())), engine.info().embedding);
  const Engine::HiddenVisitor visit = [&](std::span<const float> state) { pooler.add(state); };
  const Engine::StepItem item{&session, tokens, nullptr, false, &visit};
  TRY(engine.step({&item, 1}, cancel));
  return pooler.result();
}

}  // namespace hearth
