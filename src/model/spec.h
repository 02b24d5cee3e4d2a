// ModelSpec: what an architecture is, as data. One executor runs any of them.
//
// Contract: filled by model/archs/ from file metadata, every number range-checked there; immutable afterwards.
// Rules: what belongs to one kind of mixer or feed-forward lives in its own struct; a new field has a neutral default.
// Not here: tensors (weights.h), which device runs what (placement.h).
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "backend/ops.h"
#include "kernels/rope_table.h"

namespace hearth::model {

// How positions rotate queries and keys. Layers refer to one of ModelSpec::ropes.
struct RopeSpec {
  double base = 10000.0;
  int dimensions = 0;        // rotated values per head
  bool neox = false;         // pair (i, i + dimensions/2), else (2i, 2i+1)
  kernels::RopeScaling scaling;
  std::string factors;       // tensor that divides each inverse frequency; empty: none
};

// Softmax attention in which several query heads share one head of keys and values.
struct GroupedQueryAttention {
  int heads = 0;
  int kv_heads = 0;
  int head_dim = 0;
  int window = 0;            // positions seen, itself included; 0: all
  int rope = 0;              // index into ModelSpec::ropes
  float scale = 1;
  bool query_key_norm = false;
};

// down(gate(x) * up(x)).
struct GatedFeedForward {
  int64_t width = 0;
  backend::Gate gate = backend::Gate::kSilu;
};

struct LayerSpec {
  std::variant<GroupedQueryAttention> mixer;
  std::variant<GatedFeedForward> feed_forward;
  bool norms_after = false;  // a further norm on each branch before it is added to the residual
};

struct ModelSpec {
  std::string architecture;
  int64_t context_trained = 0;
  int64_t vocabulary = 0;
  int64_t width = 0;
  float norm_eps = 0;
  float embedding_scale = 1;
  float logit_soft_cap = 0;  // 0: none
  std::vector<RopeSpec> ropes;
  std::vector<LayerSpec> layers;
};

}  // namespace hearth::model
