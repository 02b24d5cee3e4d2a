// The control tokens with which a model fills a gap between two texts (fill-in-the-middle).
//
// Contract: keys of the file first, else texts by which families of models name them; control and user-defined tokens only.
// Not here: prompts (server/infill.h).
#pragma once

#include <cstdint>

#include "gguf/view.h"
#include "hearth/error.h"
#include "text/vocabulary.h"

namespace hearth::text {

struct FimTokens {
  int32_t prefix = -1, suffix = -1, middle = -1;  // -1: the model has none
  int32_t repository = -1, file = -1;             // come before a repository's name, and before each file's name
  int32_t pad = -1;
  bool suffix_first = false;                      // the suffix, then the prefix that the answer goes on from

  bool usable() const { return prefix >= 0 && suffix >= 0 && (middle >= 0 || suffix_first); }
  bool contains(int32_t id) const { return id >= 0 && (id == prefix || id == suffix || id == middle); }
};

class Tokenizer;

// Those of a tokenizer that was made from a file; none where there are none.
FimTokens fim_tokens_of(const Tokenizer& tokenizer);

// Errors: a key that is no token id (kCorrupt).
Result<FimTokens> find_fim_tokens(const gguf::View& view, const Vocabulary& vocabulary);

}  // namespace hearth::text
