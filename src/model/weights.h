// Weights: the tensors of a model file bound to the places where a description uses them.
//
// Contract: every tensor's presence and shape is checked against the description; matrices stay in the mapped file,
// vectors are float32 (decoded once when the file stores another format). Lives as long as the View it was bound from.
// Not here: hyper-parameters (archs), the forward pass (executor, blocks).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "gguf/view.h"
#include "kernels/table.h"
#include "model/spec.h"
#include "tensor/tensor.h"

namespace hearth::model {

using tensor::Tensor;

// One place where a weight meets an activation.
struct Linear {
  Tensor weight;                // [rows, columns]
  const float* bias = nullptr;  // [rows]
};

struct AttentionWeights {
  const float* norm = nullptr;        // [width]
  const float* norm_after = nullptr;  // [width]
  Linear query, key, value, output;
  const float* query_norm = nullptr;  // [head_dim]
  const float* key_norm = nullptr;
};

struct FeedForwardWeights {
  const float* norm = nullptr;
  const float* norm_after = nullptr;
  Linear gate, up, down;
};

struct LayerWeights {
  AttentionWeights attention;
  FeedForwardWeights feed_forward;
};

struct Weights {
  Tensor embedding;                       // [vocabulary, width]
  std::vector<LayerWeights> layers;
  const float* output_norm = nullptr;     // [width]
  Tensor head;                            // [vocabulary, width]; the embedding where the file has no head of its own
  std::vector<std::vector<float>> rope_factors;  // per ModelSpec::ropes; empty: none
  int64_t parameter_count = 0;

  // `table`: formats without kernels in it are refused by name.
  static Result<std::unique_ptr<Weights>> bind(const gguf::View& view, const ModelSpec& spec,
                                               const kernels::KernelTable& table);

 private:
  friend class Binder;
  std::vector<std::unique_ptr<float[]>> owned_;
};

}  // namespace hearth::model
