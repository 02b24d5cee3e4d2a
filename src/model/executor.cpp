// The layer loop; see executor.h.
#include "model/executor.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "kernels/rope_table.h"

namespace hearth::model {
namespace {

struct Widths {
  int64_t query = 0, key = 0, feed_forward = 0;
};

Widths widest(const ModelSpec& spec) {
  Widths widths;
  for (const LayerSpec& layer : spec.layers) {
    const auto& attention = std::get<GroupedQueryAttention>(layer.mixer);
    const auto& feed_forward = std::get<GatedFeedForward>(layer.feed_forward);
    widths.query = std::max(widths.query, int64_t{attention.heads} * attention.head_dim);
    widths.key = std::max(widths.key, int64_t{attention.kv_heads} * attention.head_dim);
    widths.feed_forward = std::max(widths.feed_forward, feed_forward.width);
  }
  return widths;
}

// Hands out 64-byte aligned pieces; with a null base it only counts.
class Arena {
 public:
  explicit Arena(std::byte* base) : base_(base) {}
  template <class T>
  T* take(int64_t count) {
    T* piece = base_ ? reinterpret_cast<T*>(base_ + used_) : nullptr;
    used_ += (static_cast<uint64_t>(count) * sizeof(T) + 63) & ~uint64_t{63};
    return piece;
  }
  backend::Activation activation(int64_t tokens, int64_t width) {
    backend::Activation out;
    out.width = width;
    const int64_t blocks = (width + 31) / 32;
    out.x = take<float>(tokens * width);
    out.q = take<int8_t>(tokens * width);
    out.scale = take<float>(tokens * blocks);
    out.half_sum = take<int32_t>(tokens * blocks * 2);
    out.scale_sum = take<float>(tokens * blocks);
    return out;
  }
  uint64_t used() const { return used_; }

 private:
  std::byte* base_;
  uint64_t used_ = 0;
};

struct Layout {
  BlockScratch scratch;
  std::vector<float*> cos_sin;
  backend::Activation head_in;
  float* head_x;
  float* head_logits;
  float* low;
};

Layout lay_out(Arena& arena, const ModelSpec& spec, int64_t tokens, int64_t adapter_ranks) {
  const Widths widths = widest(spec);
  Layout layout;
  layout.scratch.x = arena.take<float>(tokens * spec.width);
  layout.scratch.q = arena.take<float>(tokens * widths.query);
  layout.scratch.k = arena.take<float>(tokens * widths.key);
  layout.scratch.v = arena.take<float>(tokens * widths.key);
  layout.scratch.branch = arena.take<float>(tokens * spec.width);
  layout.scratch.normed = arena.activation(tokens, spec.width);
  layout.scratch.attended = arena.activation(tokens, widths.query);
  layout.scratch.gated = arena.activation(tokens, widths.feed_forward);
  for (const RopeSpec& rope : spec.ropes) layout.cos_sin.push_back(arena.take<float>(tokens * rope.dimensions));
  layout.head_in = arena.activation(Executor::kHeadRows, spec.width);
  layout.head_x = arena.take<float>(Executor::kHeadRows * spec.width);
  layout.head_logits = arena.take<float>(Executor::kHeadRows * spec.vocabulary);
  layout.low = arena.take<float>(tokens * adapter_ranks);
  return layout;
}

Error in_layer(Error error, size_t layer) {
  error.message += " of layer " + std::to_string(layer);
  return error;
}

}  // namespace

uint64_t Executor::scratch_bytes(const ModelSpec& spec, int max_tokens, int64_t adapter_ranks) {
  Arena counter(nullptr);
  lay_out(counter, spec, max_tokens, adapter_ranks);
  return counter.used();
}

Result<std::unique_ptr<Executor>> Executor::create(const ModelSpec& spec, const Weights& weights,
                                                   const PageLayout& pages, backend::Backend& backend, int max_tokens,
                                                   int64_t adapter_ranks) {
  std::unique_ptr<Executor> executor(new Executor(spec, weights, pages, backend, max_tokens));
  executor->storage_ = TRY(tensor::Storage::allocate(scratch_bytes(spec, max_tokens, adapter_ranks), "activations"));
  Arena arena(executor->storage_.data());
  Layout layout = lay_out(arena, spec, max_tokens, adapter_ranks);
  executor->scratch_ = layout.scratch;
  executor->refined_.reserve(static_cast<size_t>(max_tokens));
  executor->cos_sin_ = std::move(layout.cos_sin);
  executor->head_in_ = layout.head_in;
  executor->head_in_.wants_quantised = !tensor::is_float(weights.head.format);
  executor->head_x_ = layout.head_x;
  executor->head_logits_ = layout.head_logits;
  executor->adapter_scratch_.low = layout.low;
  for (size_t i = 0; i < spec.ropes.size(); ++i) {
    const RopeSpec& rope = spec.ropes[i];
    const int pairs = rope.dimensions / 2;
    const std::vector<float>& factors = weights.rope_factors[i];
    std::vector<float> frequencies(pairs);
    kernels::rope_frequencies(pairs, rope.dimensions, rope.base, rope.scaling,
                              factors.empty() ? nullptr : factors.data(), frequencies.data());
    executor->inverse_frequencies_.push_back(std::move(frequencies));
    executor->ropes_.push_back({pairs, rope.neox, executor->cos_sin_[i]});
  }
  return executor;
}

void Executor::fill_ropes(const Batch& batch) {
  for (size_t i = 0; i < ropes_.size(); ++i) {
    const int pairs = ropes_[i].pairs;
    for (const backend::AttentionRun& run : batch.runs) {
      for (int t = 0; t < run.count; ++t) {
        kernels::rope_cos_sin(inverse_frequencies_[i].data(), pairs, run.start + t, kernels::rope_magnitude(spec_.ropes[i].scaling),
                              cos_sin_[i] + int64_t{run.first + t} * pairs * 2);
      }
    }
  }
}

void Executor::fill_refined(const Batch& batch) {
  refined_.clear();
  for (const backend::AttentionRun& run : batch.runs) {
    for (int t = 0; run.refined && t < run.count; ++t) refined_.push_back(run.first + t);
  }
  CHECK(batch.ids.size() + refined_.size() <= static_cast<size_t>(max_tokens_));
  scratch_.normed.refined = scratch_.attended.refined = scratch_.gated.refined = refined_;
}

static Error stopped() { return {ErrorCode::kCancelled, "stopped on request"}; }

// Asked twice a layer, as a layer of a large batch takes long.
Result<void> Executor::forward(const Batch& batch, const std::atomic<bool>* cancel) {
  const int64_t tokens = static_cast<int64_t>(batch.ids.size());
  CHECK(tokens > 0 && tokens <= max_tokens_);
  fill_ropes(batch);
  adapted_ = batch.adapted;
  fill_refined(batch);
  backend_.embed(weights_.embedding, batch.ids, spec_.embedding_scale, scratch_.x);
  add_embedding_terms(backend_, batch.ids, adapted_, spec_.embedding_scale, adapter_scratch_, scratch_.x);
  BlockContext context{backend_, spec_, batch.runs, ropes_, tokens, scratch_, adapted_, adapter_scratch_};
  for (size_t i = 0; i < spec_.layers.size(); ++i) {
    if (cancel && cancel->load(std::memory_order_relaxed)) return stopped();
    context.layer = i;
    const LayerSpec& layer = spec_.layers[i];
    const LayerWeights& weights = weights_.layers[i];
    auto mixed = attention_block(context, std::get<GroupedQueryAttention>(layer.mixer), weights.attention,
                                 pages_.layers[i]);
    if (!mixed.ok()) return in_layer(std::move(mixed).error(), i);
    if (cancel && cancel->load(std::memory_order_relaxed)) return stopped();
    auto fed = feed_forward_block(context, std::get<GatedFeedForward>(layer.feed_forward), weights.feed_forward);
    if (!fed.ok()) return in_layer(std::move(fed).error(), i);
  }
  return {};
}

// Which of `rows` have adapters, counted from the first of them.
std::span<const AdapterSpan> Executor::adapted_rows(std::span<const int> rows) {
  head_adapted_.clear();
  for (size_t i = 0; i < rows.size() && !adapted_.empty(); ++i) {
    const auto covers = [&](const AdapterSpan& span) { return rows[i] >= span.first && rows[i] < span.first + span.count; };
    const auto span = std::find_if(adapted_.begin(), adapted_.end(), covers);
    if (span == adapted_.end()) continue;
    const int row = static_cast<int>(i);
    AdapterSpan* last = head_adapted_.empty() ? nullptr : &head_adapted_.back();
    if (last && last->uses.data() == span->uses.data() && last->first + last->count == row) {
      ++last->count;
    } else {
      head_adapted_.push_back({row, 1, span->uses});
    }
  }
  return head_adapted_;
}

Result<void> Executor::head(std::span<const int> rows, std::span<float* const> out) {
  CHECK(rows.size() <= kHeadRows && rows.size() == out.size());
  const int64_t count = static_cast<int64_t>(rows.size());
  for (int64_t i = 0; i < count; ++i) {
    std::memcpy(head_x_ + i * spec_.width, scratch_.x + rows[i] * spec_.width, sizeof(float) * spec_.width);
  }
  TRY(backend_.norm_quantise(head_x_, weights_.output_norm, spec_.norm_eps, count, head_in_));
  bool adjacent = true;  // then they can be written where they belong
  for (int64_t i = 1; i < count; ++i) adjacent = adjacent && out[i] == out[0] + i * spec_.vocabulary;
  float* logits = adjacent ? out[0] : head_logits_;
  const LowRankTerms terms = head_terms(backend_, head_in_, adapted_rows(rows), adapter_scratch_);
  const backend::LinearJob job{&weights_.head, nullptr, logits, terms};
  backend_.linear_store(head_in_, count, {&job, 1});
  if (spec_.logit_soft_cap > 0) backend_.soft_cap(logits, spec_.logit_soft_cap, count * spec_.vocabulary);
  for (int64_t i = 0; !adjacent && i < count; ++i) {
    std::memcpy(out[i], logits + i * spec_.vocabulary, sizeof(float) * spec_.vocabulary);
  }
  return {};
}

Result<const float*> Executor::hidden(int first, int count) {
  CHECK(count <= kHeadRows);
  std::memcpy(head_x_, scratch_.x + first * spec_.width, sizeof(float) * count * spec_.width);
  TRY(backend_.norm_quantise(head_x_, weights_.output_norm, spec_.norm_eps, count, head_in_));
  return static_cast<const float*>(head_in_.x);
}

}  // namespace hearth::model
