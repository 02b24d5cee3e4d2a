// Gemma 3: sliding-window layers with every sixth one global, norms before and after each branch, norms on queries and keys.
//
// Source: transformers' Gemma3ForCausalLM. Files may lack the window pattern and the base of the local rotation: then every
// sixth layer is global and the local base is 10,000. Norm weights are stored with their 1 added.
#include <cmath>

#include "model/archs/archs.h"

namespace hearth::model::archs {
namespace {

constexpr int64_t kDefaultPattern = 6;
constexpr double kDefaultGlobalBase = 1'000'000.0;
constexpr double kDefaultLocalBase = 10'000.0;
// The 27B model scales queries by its width per head rather than by the head's size.
constexpr size_t kLayersOf27B = 62;

}  // namespace

Result<ModelSpec> describe_gemma3(const Keys& keys) {
  ModelSpec spec = TRY(describe_decoder(keys));
  spec.embedding_scale = static_cast<float>(std::sqrt(static_cast<double>(spec.width)));
  spec.logit_soft_cap = static_cast<float>(TRY(keys.number_or("final_logit_softcapping", 0.0, 1e6, 0.0)));
  RopeSpec& global = spec.ropes[0];
  global.neox = true;
  global.base = TRY(keys.number_or("rope.freq_base", 1.0, 1e12, kDefaultGlobalBase));
  RopeSpec local = global;
  local.base = TRY(keys.number_or("rope.freq_base_swa", 1.0, 1e12,
                                  TRY(keys.number_or("rope.local.freq_base", 1.0, 1e12, kDefaultLocalBase))));
  local.scaling = {};
  spec.ropes.push_back(local);

  const int64_t window = TRY(keys.integer("attention.sliding_window", 1, kMaxContext));
  const int64_t layers = static_cast<int64_t>(spec.layers.size());
  // A scalar pattern n means that every n-th layer is global; an array says for each layer whether it is local.
  const bool scalar = keys.view().get_i64(keys.architecture() + ".attention.sliding_window_pattern").has_value();
  std::vector<int64_t> is_local(layers);
  if (keys.has("attention.sliding_window_pattern") && !scalar) {
    is_local = TRY(keys.per_layer("attention.sliding_window_pattern", layers, 0, 1, 1));
  } else {
    const int64_t every = TRY(keys.integer_or("attention.sliding_window_pattern", 1, kMaxLayers, kDefaultPattern));
    for (int64_t i = 0; i < layers; ++i) is_local[i] = (i + 1) % every != 0;
  }
  for (int64_t i = 0; i < layers; ++i) {
    LayerSpec& layer = spec.layers[i];
    layer.norms_after = true;
    std::get<GatedFeedForward>(layer.feed_forward).gate = backend::Gate::kGeluTanh;
    auto& attention = std::get<GroupedQueryAttention>(layer.mixer);
    attention.query_key_norm = true;
    if (is_local[i]) {
      attention.window = static_cast<int>(window);
      attention.rope = 1;
    }
    if (spec.layers.size() == kLayersOf27B) {
      attention.scale = static_cast<float>(1.0 / std::sqrt(static_cast<double>(spec.width / attention.heads)));
    }
  }
  return spec;
}

}  // namespace hearth::model::archs
