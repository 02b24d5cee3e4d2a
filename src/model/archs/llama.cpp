// Llama 2 and 3.x, Mistral, SmolLM2 and others that share the layout.
//
// Source: transformers' LlamaForCausalLM. Files store query and key rows permuted, so that rotation pairs are neighbours.
#include "model/archs/archs.h"

namespace hearth::model::archs {

Result<ModelSpec> describe_llama(const Keys& keys) {
  ModelSpec spec = TRY(describe_decoder(keys));
  // Llama 3.1's frequency scaling travels as a tensor of divisors.
  if (keys.view().find_tensor("rope_freqs.weight")) spec.ropes[0].factors = "rope_freqs.weight";
  const int64_t window = TRY(keys.integer_or("attention.sliding_window", 0, kMaxContext, 0));
  for (LayerSpec& layer : spec.layers) {
    std::get<GroupedQueryAttention>(layer.mixer).window = static_cast<int>(window);
  }
  return spec;
}

}  // namespace hearth::model::archs
