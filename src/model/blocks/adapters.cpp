// Collects the pairs that a batch needs and runs their first halves in one op; see adapters.h.
#include "model/blocks/adapters.h"

#include <algorithm>

#include "model/blocks/blocks.h"

namespace hearth::model {
namespace {

// find(adapter, place) is the pair of one of `places` weights.
template <class Find>
void gather(backend::Backend& backend, const backend::Activation& in, std::span<const AdapterSpan> spans, size_t places,
            AdapterScratch& scratch, const Find& find, std::span<LowRankTerms> terms) {
  scratch.jobs.clear();
  scratch.terms.clear();
  float* low = scratch.low;
  std::array<size_t, 4> begin{};
  for (size_t place = 0; place < places; ++place) {
    for (const AdapterSpan& span : spans) {
      for (const AdapterUse& use : span.uses) {
        const LowRank& pair = find(*use.adapter, place);
        if (!pair.present()) continue;
        scratch.jobs.push_back({&pair.down, pair.scale(use.scale), span.first, span.count, low});
        scratch.terms.push_back({&pair.up, low, span.first, span.count});
        low += span.count * pair.rank();
      }
    }
    begin[place + 1] = scratch.terms.size();
  }
  if (scratch.jobs.empty()) return;
  backend.low_rank(in, scratch.jobs);
  for (size_t place = 0; place < places; ++place) {
    terms[place] = LowRankTerms(scratch.terms).subspan(begin[place], begin[place + 1] - begin[place]);
  }
}

}  // namespace

void find_terms(BlockContext& context, const backend::Activation& in, std::span<const AdapterPlace> places,
                std::span<LowRankTerms> terms) {
  if (context.adapted.empty()) return;
  const auto find = [&](const Adapter& adapter, size_t place) -> const LowRank& {
    return adapter.layers()[context.layer].*places[place];
  };
  gather(context.backend, in, context.adapted, places.size(), context.adapters, find, terms);
}

LowRankTerms head_terms(backend::Backend& backend, const backend::Activation& in, std::span<const AdapterSpan> spans,
                        AdapterScratch& scratch) {
  LowRankTerms terms;
  if (spans.empty()) return terms;
  gather(backend, in, spans, 1, scratch, [](const Adapter& adapter, size_t) -> const LowRank& { return adapter.head(); },
         {&terms, 1});
  return terms;
}

// A row of the first matrix is the first half for its token.
void add_embedding_terms(backend::Backend& backend, std::span<const int32_t> ids, std::span<const AdapterSpan> spans,
                         float embedding_scale, AdapterScratch& scratch, float* x) {
  for (const AdapterSpan& span : spans) {
    for (const AdapterUse& use : span.uses) {
      const LowRank& pair = use.adapter->embedding();
      if (!pair.present()) continue;
      const auto scale = static_cast<float>(double{use.scale} * pair.factor * double{embedding_scale});
      backend.embed(pair.down, ids.subspan(static_cast<size_t>(span.first), static_cast<size_t>(span.count)), scale, scratch.low);
      backend::Activation low;
      low.width = pair.rank();
      low.x = scratch.low;
      backend.linear_add(low, span.count, {&pair.up, nullptr, x + span.first * pair.up.rows});
    }
  }
}

}  // namespace hearth::model
