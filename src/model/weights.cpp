// Binds tensors by their GGUF names and checks their shapes; see weights.h.
#include "model/weights.h"

#include <cstring>

#include "quant/traits.h"

namespace hearth::model {

class Binder {
 public:
  Binder(const gguf::View& view, const ModelSpec& spec, const kernels::KernelTable& table, Weights& weights)
      : view_(view), spec_(spec), table_(table), weights_(weights) {}

  Result<void> bind_all();

 private:
  Error error(const std::string& tensor, const std::string& problem) const {
    return {ErrorCode::kCorrupt, view_.name() + ": tensor " + tensor + " " + problem};
  }
  Result<const gguf::TensorInfo*> require(const std::string& name) const {
    const gguf::TensorInfo* info = view_.find_tensor(name);
    if (!info) return error(name, "is missing");
    return info;
  }
  Result<Tensor> matrix(const std::string& name, int64_t rows, int64_t columns) const;
  Result<const float*> vector(const std::string& name, int64_t length);
  Result<const float*> optional_vector(const std::string& name, int64_t length) {
    if (!view_.find_tensor(name)) return nullptr;
    return vector(name, length);
  }
  Result<Linear> linear(const std::string& name, int64_t rows, int64_t columns) {
    return Linear{TRY(matrix(name + ".weight", rows, columns)), TRY(optional_vector(name + ".bias", rows))};
  }
  Result<AttentionWeights> attention(const std::string& prefix, const LayerSpec& layer);
  Result<FeedForwardWeights> feed_forward(const std::string& prefix, const LayerSpec& layer);
  Result<void> rope_factors();

  const gguf::View& view_;
  const ModelSpec& spec_;
  const kernels::KernelTable& table_;
  Weights& weights_;
};

Result<Tensor> Binder::matrix(const std::string& name, int64_t rows, int64_t columns) const {
  const gguf::TensorInfo* info = TRY(require(name));
  if (info->dim_count != 2 || info->dims[0] != static_cast<uint64_t>(columns) ||
      info->dims[1] != static_cast<uint64_t>(rows)) {
    return error(name, "is [" + std::to_string(info->dims[1]) + ", " + std::to_string(info->dims[0]) + "], not [" +
                           std::to_string(rows) + ", " + std::to_string(columns) + "] as the hyper-parameters say");
  }
  if (table_.formats[static_cast<int>(info->format)].panel_bytes_per_block == 0) {
    return Error{ErrorCode::kUnsupported, view_.name() + ": tensor " + name + " has format " +
                                              quant::traits(info->format).name + ", which cannot be multiplied"};
  }
  Tensor tensor;
  tensor.format = info->format;
  tensor.rows = rows;
  tensor.columns = columns;
  tensor.row_bytes = static_cast<int64_t>(info->bytes) / rows;
  tensor.data = info->data;
  return tensor;
}

Result<const float*> Binder::vector(const std::string& name, int64_t length) {
  const gguf::TensorInfo* info = TRY(require(name));
  if (info->value_count != static_cast<uint64_t>(length)) {
    return error(name, "has " + std::to_string(info->value_count) + " values, not " + std::to_string(length));
  }
  if (info->format == quant::Format::kF32 && reinterpret_cast<uintptr_t>(info->data) % alignof(float) == 0) {
    return reinterpret_cast<const float*>(info->data);
  }
  auto copy = std::make_unique<float[]>(length);
  quant::traits(info->format).decode_row(info->data, length, copy.get());
  weights_.owned_.push_back(std::move(copy));
  return weights_.owned_.back().get();
}

Result<AttentionWeights> Binder::attention(const std::string& prefix, const LayerSpec& layer) {
  const auto& spec = std::get<GroupedQueryAttention>(layer.mixer);
  const int64_t query_width = int64_t{spec.heads} * spec.head_dim, key_width = int64_t{spec.kv_heads} * spec.head_dim;
  AttentionWeights weights;
  weights.norm = TRY(vector(prefix + "attn_norm.weight", spec_.width));
  weights.query = TRY(linear(prefix + "attn_q", query_width, spec_.width));
  weights.key = TRY(linear(prefix + "attn_k", key_width, spec_.width));
  weights.value = TRY(linear(prefix + "attn_v", key_width, spec_.width));
  weights.output = TRY(linear(prefix + "attn_output", spec_.width, query_width));
  if (spec.query_key_norm) {
    weights.query_norm = TRY(vector(prefix + "attn_q_norm.weight", spec.head_dim));
    weights.key_norm = TRY(vector(prefix + "attn_k_norm.weight", spec.head_dim));
  }
  if (layer.norms_after) weights.norm_after = TRY(vector(prefix + "post_attention_norm.weight", spec_.width));
  return weights;
}

Result<FeedForwardWeights> Binder::feed_forward(const std::string& prefix, const LayerSpec& layer) {
  const auto& spec = std::get<GatedFeedForward>(layer.feed_forward);
  FeedForwardWeights weights;
  weights.norm = TRY(vector(prefix + "ffn_norm.weight", spec_.width));
  weights.gate = TRY(linear(prefix + "ffn_gate", spec.width, spec_.width));
  weights.up = TRY(linear(prefix + "ffn_up", spec.width, spec_.width));
  weights.down = TRY(linear(prefix + "ffn_down", spec_.width, spec.width));
  for (const auto& [linear, name] : {std::pair{&weights.gate, "ffn_gate.bias"}, {&weights.up, "ffn_up.bias"}}) {
    if (linear->bias) {
      return Error{ErrorCode::kUnsupported, view_.name() + ": tensor " + prefix + name + ": biases here are not supported"};
    }
  }
  if (layer.norms_after) weights.norm_after = TRY(vector(prefix + "post_ffw_norm.weight", spec_.width));
  return weights;
}

Result<void> Binder::rope_factors() {
  for (const RopeSpec& rope : spec_.ropes) {
    weights_.rope_factors.emplace_back();
    if (rope.factors.empty()) continue;
    const int64_t pairs = rope.dimensions / 2;
    const float* factors = TRY(vector(rope.factors, pairs));
    for (int64_t i = 0; i < pairs; ++i) {
      if (!(factors[i] > 0 && factors[i] < 1e9f)) return error(rope.factors, "holds a factor that is not positive");
    }
    weights_.rope_factors.back().assign(factors, factors + pairs);
  }
  return {};
}

Result<void> Binder::bind_all() {
  weights_.embedding = TRY(matrix("token_embd.weight", spec_.vocabulary, spec_.width));
  weights_.output_norm = TRY(vector("output_norm.weight", spec_.width));
  weights_.head = weights_.embedding;
  if (view_.find_tensor("output.weight")) {
    weights_.head = TRY(matrix("output.weight", spec_.vocabulary, spec_.width));
  }
  for (size_t i = 0; i < spec_.layers.size(); ++i) {
    const std::string prefix = "blk." + std::to_string(i) + ".";
    LayerWeights layer;
    layer.attention = TRY(attention(prefix, spec_.layers[i]));
    layer.feed_forward = TRY(feed_forward(prefix, spec_.layers[i]));
    weights_.layers.push_back(layer);
  }
  TRY(rope_factors());
  for (const gguf::TensorInfo& info : view_.tensors()) {
    weights_.parameter_count += static_cast<int64_t>(info.value_count);
  }
  return {};
}

Result<std::unique_ptr<Weights>> Weights::bind(const gguf::View& view, const ModelSpec& spec,
                                               const kernels::KernelTable& table) {
  auto weights = std::make_unique<Weights>();
  TRY(Binder(view, spec, table, *weights).bind_all());
  return weights;
}

}  // namespace hearth::model
