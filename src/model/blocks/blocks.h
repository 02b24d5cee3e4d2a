// Blocks: one layer's branches as straight-line code over backend ops.
//
// Contract: a block reads and updates the residual stream x in place; scratch is shared by all layers.
// Not here: which layers there are (executor), numbers (kernels).
#pragma once

#include "backend/ops.h"
#include "model/blocks/adapters.h"
#include "model/spec.h"
#include "model/weights.h"

namespace hearth::model {

// Working space of one batch.
struct BlockScratch {
  float* x = nullptr;            // [tokens, width] the residual stream
  float* q = nullptr;            // [tokens, heads*head_dim]
  float* k = nullptr;            // [tokens, kv_heads*head_dim]
  float* v = nullptr;            // [tokens, kv_heads*head_dim]
  float* branch = nullptr;       // [tokens, width] a branch's output where a norm follows
  backend::Activation normed;    // [tokens, width]
  backend::Activation attended;  // [tokens, heads*head_dim]
  backend::Activation gated;     // [tokens, feed-forward width]
};

// What the blocks of one batch share.
struct BlockContext {
  backend::Backend& backend;
  const ModelSpec& spec;
  std::span<const backend::AttentionRun> runs;
  std::span<const backend::Rope> ropes;
  int64_t tokens;
  BlockScratch& scratch;
  std::span<const AdapterSpan> adapted;  // tokens with adapters, in row order
  AdapterScratch& adapters;
  size_t layer = 0;
};

// Scratch as the input of `consumer`: its width, quantised if the weight is.
inline backend::Activation shaped(const backend::Activation& scratch, int64_t width, const Tensor& consumer) {
  backend::Activation activation = scratch;
  activation.width = width;
  activation.wants_quantised = !tensor::is_float(consumer.format);
  return activation;
}

Result<void> attention_block(BlockContext& context, const GroupedQueryAttention& spec, const AttentionWeights& weights,
                             const backend::KvLayout& kv);
Result<void> feed_forward_block(BlockContext& context, const GatedFeedForward& spec, const FeedForwardWeights& weights);

}  // namespace hearth::model
