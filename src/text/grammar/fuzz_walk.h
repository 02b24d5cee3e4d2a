// A short seeded walk with masks, which aborts on a contradiction.
//
// Contract: for fuzz targets only. Errors are answers too.
// Not here: expectations about particular grammars.
#pragma once

#include <cstdlib>
#include <random>

#include "text/grammar/test_grammars.h"

namespace hearth::text::grammar {

inline void fuzz_walk(Rules rules, uint64_t seed) {
  static const auto vocabulary = mixed_vocabulary(sample_texts(), 1);
  GrammarBudgets budgets;
  budgets.recogniser_bytes = size_t{1} << 20;
  const auto grammar = Grammar::create(std::move(rules), vocabulary, budgets);
  Matcher matcher(grammar);
  std::mt19937_64 random(seed);
  for (int step = 0; step < 8 && !matcher.ended(); ++step) {
    const auto mask = matcher.mask();
    if (!mask.ok()) return;
    std::vector<int32_t> allowed;
    for (int32_t token = 0; token < vocabulary->size(); ++token) {
      if ((*mask)->allows(token)) allowed.push_back(token);
    }
    // The vocabulary lacks some bytes; where it has all that may come, there is no dead end.
    if (allowed.empty()) return;
    const auto accepted = matcher.accept(allowed[random() % allowed.size()]);
    if (!accepted.ok()) return;
    if (!*accepted) std::abort();
    const auto least = matcher.min_bytes_to_end();
    if (least.ok() && *least == kUnbounded) std::abort();
  }
}

}  // namespace hearth::text::grammar
