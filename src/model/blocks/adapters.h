// What the adapters of a batch add to a group of linear ops that read one input.
//
// Contract: each token gets the terms of its own adapters, in their order, whoever else is in the batch. Without adapters
// nothing is computed. No allocation once the lists have grown to what a batch needs.
// Not here: the matrices (model/adapter.h), adding the terms (backend).
#pragma once

#include <array>
#include <span>
#include <vector>

#include "backend/ops.h"
#include "model/adapter.h"

namespace hearth::model {

struct BlockContext;

// One adapter in effect.
struct AdapterUse {
  const Adapter* adapter;
  float scale;
  bool operator==(const AdapterUse&) const = default;
};

// Neighbouring tokens of a batch with the same adapters.
struct AdapterSpan {
  int first = 0, count = 0;
  std::span<const AdapterUse> uses;
};

// Working space of one linear group; what is in it lasts until the next.
struct AdapterScratch {
  float* low = nullptr;  // [max_tokens, widest group of all adapters together]
  std::vector<backend::LowRankJob> jobs;
  std::vector<backend::LowRankTerm> terms;
};

using LowRankTerms = std::span<const backend::LowRankTerm>;
using AdapterPlace = LowRank AdapterLayer::*;

// Terms of the weights at `places` of the context's layer, all of which read `in`.
void find_terms(BlockContext& context, const backend::Activation& in, std::span<const AdapterPlace> places,
                std::span<LowRankTerms> terms);

template <size_t N>
std::array<LowRankTerms, N> adapter_terms(BlockContext& context, const backend::Activation& in, const AdapterPlace (&places)[N]) {
  std::array<LowRankTerms, N> terms;
  find_terms(context, in, places, terms);
  return terms;
}

// Terms of the head; spans count its rows.
LowRankTerms head_terms(backend::Backend& backend, const backend::Activation& in, std::span<const AdapterSpan> spans,
                        AdapterScratch& scratch);

// x += what the adapters add to the embeddings of the tokens. x is [tokens, width].
void add_embedding_terms(backend::Backend& backend, std::span<const int32_t> ids, std::span<const AdapterSpan> spans,
                         float embedding_scale, AdapterScratch& scratch, float* x);

}  // namespace hearth::model
