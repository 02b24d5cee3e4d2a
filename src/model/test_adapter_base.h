// A model for the tests of adapter files: what tests/goldens/models/qwen2.gguf describes, without its values.
#pragma once

#include "model/weights.h"

namespace hearth::model {

struct AdapterBase {
  AdapterBase() {
    spec.architecture = "qwen2";
    spec.vocabulary = 320;
    spec.width = 48;
    spec.layers.resize(2);
    weights.embedding = weights.head = matrix(320, 48);
    for (size_t i = 0; i < spec.layers.size(); ++i) {
      LayerWeights layer;
      layer.attention.query.weight = layer.attention.output.weight = matrix(48, 48);
      layer.attention.key.weight = layer.attention.value.weight = matrix(16, 48);
      layer.feed_forward.gate.weight = layer.feed_forward.up.weight = matrix(64, 48);
      layer.feed_forward.down.weight = matrix(48, 64);
      weights.layers.push_back(layer);
    }
  }
  static Tensor matrix(int64_t rows, int64_t columns) {
    Tensor tensor;
    tensor.rows = rows;
    tensor.columns = columns;
    return tensor;
  }
  ModelSpec spec;
  Weights weights;
};

}  // namespace hearth::model
