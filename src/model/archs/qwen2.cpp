// Qwen2 and Qwen2.5: Llama's layer with biases on query, key and value and rotation over halves.
//
// Source: transformers' Qwen2ForCausalLM.
#include "model/archs/archs.h"

namespace hearth::model::archs {

Result<ModelSpec> describe_qwen2(const Keys& keys) {
  ModelSpec spec = TRY(describe_decoder(keys));
  spec.ropes[0].neox = true;
  return spec;
}

}  // namespace hearth::model::archs
