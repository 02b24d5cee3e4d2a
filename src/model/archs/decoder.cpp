// Range-checked hyper-parameters and the common pre-norm decoder; see archs.h.
#include <cmath>

#include "kernels/table.h"
#include "model/archs/archs.h"

namespace hearth::model::archs {

Error Keys::error(std::string_view key, const std::string& problem) const {
  return {ErrorCode::kCorrupt, view_.name() + ": key " + full(key) + " " + problem};
}

Result<int64_t> Keys::integer(std::string_view key, int64_t low, int64_t high) const {
  if (!has(key)) return error(key, "is missing");
  const auto value = view_.get_i64(full(key));
  if (!value) return error(key, "is not an integer");
  if (*value < low || *value > high) {
    return error(key, "is " + std::to_string(*value) + ", outside " + std::to_string(low) + " to " +
                          std::to_string(high));
  }
  return *value;
}

Result<int64_t> Keys::integer_or(std::string_view key, int64_t low, int64_t high, int64_t absent) const {
  if (!has(key)) return absent;
  return integer(key, low, high);
}

Result<std::vector<int64_t>> Keys::per_layer(std::string_view key, int64_t layers, int64_t low, int64_t high,
                                             int64_t absent) const {
  if (!has(key) || view_.get_i64(full(key))) {
    const int64_t value = TRY(integer_or(key, low, high, absent));
    return std::vector<int64_t>(layers, value);
  }
  const auto values = view_.get_integers(full(key));
  if (!values.ok() || static_cast<int64_t>(values->size()) != layers) {
    return error(key, "is neither an integer nor an array with one entry per layer");
  }
  for (int64_t value : *values) {
    if (value < low || value > high) return error(key, "holds " + std::to_string(value) + ", out of range");
  }
  return *values;
}

Result<double> Keys::number(std::string_view key, double low, double high) const {
  if (!has(key)) return error(key, "is missing");
  const auto value = view_.get_f64(full(key));
  if (!value) return error(key, "is not a number");
  if (!(*value >= low && *value <= high)) {
    return error(key, "is " + std::to_string(*value) + ", outside " + std::to_string(low) + " to " +
                          std::to_string(high));
  }
  return *value;
}

Result<double> Keys::number_or(std::string_view key, double low, double high, double absent) const {
  if (!has(key)) return absent;
  return number(key, low, high);
}

std::string Keys::text_or(std::string_view key, std::string_view absent) const {
  return std::string(view_.get_string(full(key)).value_or(absent));
}

Result<void> Keys::refuse_above(std::string_view key, int64_t neutral, const char* feature) const {
  const int64_t value = TRY(integer_or(key, 0, int64_t{1} << 40, neutral));
  if (value <= neutral) return {};
  return Error{ErrorCode::kUnsupported, view_.name() + ": key " + full(key) + " is " + std::to_string(value) + ": " +
                                            feature + " are not supported"};
}

Result<void> read_rope_scaling(const Keys& keys, RopeSpec& rope) {
  const std::string type = keys.text_or("rope.scaling.type", keys.has("rope.scaling.factor") ? "linear" : "none");
  if (type == "none" || type == "llama3" || type == "default") return {};
  if (type == "linear") {
    rope.scaling.kind = kernels::RopeScaling::Kind::kLinear;
    rope.scaling.factor = TRY(keys.number_or("rope.scaling.factor", 1e-3, 1e6, 1.0));
    return {};
  }
  return Error{ErrorCode::kUnsupported,
               keys.view().name() + ": rope scaling type \"" + type.substr(0, 32) + "\" is not supported"};
}

namespace {

Result<int64_t> vocabulary_size(const Keys& keys) {
  const gguf::TensorInfo* table = keys.view().find_tensor("token_embd.weight");
  if (!table) return Error{ErrorCode::kCorrupt, keys.view().name() + ": tensor token_embd.weight is missing"};
  if (table->dim_count != 2 || table->dims[1] < 1 || table->dims[1] > kMaxVocabulary) {
    return Error{ErrorCode::kCorrupt, keys.view().name() + ": tensor token_embd.weight has an impossible shape"};
  }
  return static_cast<int64_t>(table->dims[1]);
}

Result<GroupedQueryAttention> describe_attention(const Keys& keys, int64_t width, int64_t heads, int64_t kv_heads) {
  GroupedQueryAttention attention;
  if (heads % kv_heads != 0) {
    return keys.error("attention.head_count_kv",
                      std::to_string(kv_heads) + " does not divide the " + std::to_string(heads) + " heads");
  }
  const int64_t head_dim = TRY(keys.integer_or("attention.key_length", 1, kernels::kMaxHeadDim, width / heads));
  const int64_t value_dim = TRY(keys.integer_or("attention.value_length", 1, kernels::kMaxHeadDim, head_dim));
  if (head_dim < 2 || head_dim % 2 != 0 || head_dim > kernels::kMaxHeadDim) {
    return keys.error("attention.head_count", "gives a head of " + std::to_string(head_dim) + " values, not an even " +
                                                  "number up to " + std::to_string(kernels::kMaxHeadDim));
  }
  if (value_dim != head_dim) {
    return Error{ErrorCode::kUnsupported, keys.view().name() + ": key and value heads of different sizes"};
  }
  attention.heads = static_cast<int>(heads);
  attention.kv_heads = static_cast<int>(kv_heads);
  attention.head_dim = static_cast<int>(head_dim);
  attention.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(head_dim)));
  return attention;
}

}  // namespace

Result<ModelSpec> describe_decoder(const Keys& keys) {
  ModelSpec spec;
  spec.architecture = keys.architecture();
  const int64_t layers = TRY(keys.integer("block_count", 1, kMaxLayers));
  spec.width = TRY(keys.integer("embedding_length", 1, kMaxWidth));
  spec.context_trained = TRY(keys.integer("context_length", 1, kMaxContext));
  spec.vocabulary = TRY(vocabulary_size(keys));
  spec.norm_eps = static_cast<float>(TRY(keys.number("attention.layer_norm_rms_epsilon", 0.0, 1.0)));
  TRY(keys.refuse_above("expert_count", 0, "mixtures of experts"));
  const auto heads = TRY(keys.per_layer("attention.head_count", layers, 1, kMaxHeads, 0));
  if (heads[0] == 0) return keys.error("attention.head_count", "is missing");
  const auto kv_heads = TRY(keys.per_layer("attention.head_count_kv", layers, 1, kMaxHeads, heads[0]));
  const auto feed_forward = TRY(keys.per_layer("feed_forward_length", layers, 1, kMaxFeedForward, 0));
  if (feed_forward[0] == 0) return keys.error("feed_forward_length", "is missing");

  int head_dim = 0;
  for (int64_t i = 0; i < layers; ++i) {
    LayerSpec layer;
    GroupedQueryAttention attention = TRY(describe_attention(keys, spec.width, heads[i], kv_heads[i]));
    head_dim = attention.head_dim;
    layer.mixer = attention;
    layer.feed_forward = GatedFeedForward{feed_forward[i], backend::Gate::kSilu};
    spec.layers.push_back(layer);
  }
  RopeSpec rope;
  rope.base = TRY(keys.number_or("rope.freq_base", 1.0, 1e12, 10000.0));
  rope.dimensions = static_cast<int>(TRY(keys.integer_or("rope.dimension_count", 2, head_dim, head_dim)));
  if (rope.dimensions % 2 != 0) return keys.error("rope.dimension_count", "is odd");
  TRY(read_rope_scaling(keys, rope));
  spec.ropes.push_back(rope);
  return spec;
}

}  // namespace hearth::model::archs
