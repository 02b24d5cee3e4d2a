// Gated feed-forward: x += down(gate(norm(x)) * up(norm(x))).
//
// Source: "GLU Variants Improve Transformer" (arXiv 2002.05202).
#include "model/blocks/blocks.h"

#include <array>

namespace hearth::model {

Result<void> feed_forward_block(BlockContext& context, const GatedFeedForward& spec, const FeedForwardWeights& weights) {
  backend::Backend& backend = context.backend;
  BlockScratch& scratch = context.scratch;
  const int64_t tokens = context.tokens, width = context.spec.width;

  backend::Activation normed = shaped(scratch.normed, width, weights.gate.weight);
  normed.wants_quantised |= !tensor::is_float(weights.up.weight.format);
  TRY(backend.norm_quantise(scratch.x, weights.norm, context.spec.norm_eps, tokens, normed));
  backend::Activation gated = shaped(scratch.gated, spec.width, weights.down.weight);
  const auto terms = adapter_terms(context, normed, {&AdapterLayer::gate, &AdapterLayer::up});
  TRY(backend.linear_gate(normed, tokens, {&weights.gate.weight, &weights.up.weight, spec.gate, terms[0], terms[1]}, gated));

  const auto down_terms = adapter_terms(context, gated, {&AdapterLayer::down});
  if (!weights.norm_after) {
    backend.linear_add(gated, tokens, {&weights.down.weight, weights.down.bias, scratch.x, down_terms[0]});
    return {};
  }
  const std::array<backend::LinearJob, 1> down{{{&weights.down.weight, weights.down.bias, scratch.branch, down_terms[0]}}};
  backend.linear_store(gated, tokens, down);
  backend.norm_add(scratch.branch, weights.norm_after, context.spec.norm_eps, tokens, width, scratch.x);
  return {};
}

}  // namespace hearth::model
