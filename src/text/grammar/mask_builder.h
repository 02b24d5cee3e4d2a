// Token masks of a recogniser's states: what the terminals in progress say by themselves (found once per terminal, whatever
// is on the stack), completed by a walk over those tokens only in which a terminal ends.
//
// Contract: build() is a function of grammar, vocabulary and state. Not thread-safe.
// Not here: caching of whole masks (grammar.h).
#pragma once

#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "text/grammar/recogniser.h"
#include "text/grammar/token_vocabulary.h"

namespace hearth::text::grammar {

class MaskBuilder {
 public:
  explicit MaskBuilder(std::shared_ptr<TokenVocabulary> vocabulary) : vocabulary_(std::move(vocabulary)) {}

  // Sets the bits of the tokens that may follow. False if a limit was reached; the mask means nothing then.
  bool build(Recogniser* recogniser, StateId state, std::span<uint64_t> words);
  // Whether some token passes through this node of its tree and may follow in this state.
  bool any_below(Recogniser* recogniser, const TokenTrie& trie, uint32_t node, StateId state);
  void forget();
  size_t byte_size() const { return held_bytes_; }

 private:
  struct Local {
    std::shared_ptr<const LocalMask> of_short, of_long;
  };
  const Local* local(Recogniser* recogniser, RegexId terminal);
  std::shared_ptr<const LocalMask> find_or_build(Recogniser* recogniser, RegexId terminal, bool is_long);
  bool apply(Recogniser* recogniser, const LocalMask& mask, const TokenTrie& trie, std::span<const Reading> readings,
             std::span<uint64_t> words);
  bool walk(Recogniser* recogniser, const TokenTrie& trie, uint32_t node, StateId state, std::span<uint64_t> words);

  std::shared_ptr<TokenVocabulary> vocabulary_;
  std::unordered_map<RegexId, Local> locals_;                                   // by terminal as it is
  std::unordered_map<uint64_t, std::shared_ptr<const LocalMask>> of_terminal_;  // by terminal without far counts, and tree
  std::vector<std::pair<uint32_t, StateId>> levels_;
  size_t held_bytes_ = 0;
  size_t work_left_ = 0;
};

}  // namespace hearth::text::grammar
