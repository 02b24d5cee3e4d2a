// Softmax attention with shared key-value heads: x += out(attend(rope(q), rope(k), v)), q, k, v from norm(x).
//
// Source: "Attention Is All You Need"; GQA (arXiv 2305.13245); RoPE (arXiv 2104.09864).
#include "model/blocks/blocks.h"

#include <array>

namespace hearth::model {
Result<void> attention_block(BlockContext& context, const GroupedQueryAttention& spec, const AttentionWeights& weights,
                             const backend::KvLayout& kv) {
  backend::Backend& backend = context.backend;
  BlockScratch& scratch = context.scratch;
  const int64_t tokens = context.tokens, width = context.spec.width;

  backend::Activation normed = shaped(scratch.normed, width, weights.query.weight);
  for (const Linear* linear : {&weights.key, &weights.value}) {
    normed.wants_quantised |= !tensor::is_float(linear->weight.format);
  }
  TRY(backend.norm_quantise(scratch.x, weights.norm, context.spec.norm_eps, tokens, normed));
  const auto terms = adapter_terms(context, normed, {&AdapterLayer::query, &AdapterLayer::key, &AdapterLayer::value});
  const std::array<backend::LinearJob, 3> jobs{{{&weights.query.weight, weights.query.bias, scratch.q, terms[0]},
                                                {&weights.key.weight, weights.key.bias, scratch.k, terms[1]},
                                                {&weights.value.weight, weights.value.bias, scratch.v, terms[2]}}};
  backend.linear_store(normed, tokens, jobs);

  backend::AttentionShape shape;
  shape.heads = spec.heads;
  shape.kv_heads = spec.kv_heads;
  shape.head_dim = spec.head_dim;
  shape.window = spec.window;
  shape.scale = spec.scale;
  shape.eps = context.spec.norm_eps;
  shape.query_norm = weights.query_norm;
  shape.key_norm = weights.key_norm;
  backend.attention_store(scratch.q, scratch.k, scratch.v, context.runs, shape, context.ropes[spec.rope], kv);
  backend::Activation attended =
      shaped(scratch.attended, int64_t{spec.heads} * spec.head_dim, weights.output.weight);
  TRY(backend.attention(scratch.q, context.runs, tokens, shape, kv, attended));

  const auto output_terms = adapter_terms(context, attended, {&AdapterLayer::output});
  if (!weights.norm_after) {
    backend.linear_add(attended, tokens, {&weights.output.weight, weights.output.bias, scratch.x, output_terms[0]});
    return {};
  }
  const std::array<backend::LinearJob, 1> output{
      {{&weights.output.weight, weights.output.bias, scratch.branch, output_terms[0]}}};
  backend.linear_store(attended, tokens, output);
  backend.norm_add(scratch.branch, weights.norm_after, context.spec.norm_eps, tokens, width, scratch.x);
  return {};
}

}  // namespace hearth::model
