// A grammar compiled for one vocabulary, and matchers that follow one text each: which tokens may come next, which must.
//
// Contract: masks are a pure function of grammar, vocabulary and the text so far; what is cached never shows. Grammar is
// thread-safe and shared by any number of matchers; a Matcher is a value, copied to try something and rolled back by tokens,
// used by one thread at a time. Its text is the joined bytes of its tokens. After an error a matcher is as it was before.
// Errors (kResource): the grammar can be read in too many ways at this place. Nothing is ever allowed by giving up.
// Not here: sampling, and the front ends (gbnf.h, schema.h, choices.h), which make the Rules.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hearth/error.h"
#include "text/grammar/limits.h"
#include "text/grammar/mask_builder.h"
#include "text/grammar/recogniser.h"
#include "text/grammar/rules.h"
#include "text/grammar/token_vocabulary.h"

namespace hearth::text::grammar {

struct GrammarBudgets {
  size_t recogniser_bytes = kDefaultRecogniserBytes;
  size_t mask_bytes = kDefaultMaskCacheBytes;
};

class TokenMask {
 public:
  explicit TokenMask(int32_t size) : words_((static_cast<size_t>(size) + 63) / 64) {}
  bool allows(int32_t token) const { return words_[static_cast<size_t>(token) / 64] >> (token % 64) & 1; }
  std::span<const uint64_t> words() const { return words_; }
  std::span<uint64_t> words() { return words_; }
  size_t count() const;

 private:
  std::vector<uint64_t> words_;
};

class Grammar {
 public:
  static std::shared_ptr<Grammar> create(Rules rules, std::shared_ptr<TokenVocabulary> vocabulary, const GrammarBudgets& budgets = {});

  const TokenVocabulary& vocabulary() const { return *vocabulary_; }
  // Bytes of everything that can be forgotten: states, terminals' masks in use, whole masks.
  size_t byte_size() const;
  uint64_t times_forgotten() const;

 private:
  friend class Matcher;
  struct CachedMask {
    StateId state;
    std::shared_ptr<const TokenMask> mask;
  };
  Grammar(Rules rules, std::shared_ptr<TokenVocabulary> vocabulary, const GrammarBudgets& budgets);
  void keep_to_budget();
  Result<std::shared_ptr<const TokenMask>> mask(StateId state);
  Error too_ambiguous();

  mutable std::mutex mutex_;
  std::shared_ptr<TokenVocabulary> vocabulary_;
  GrammarBudgets budgets_;
  Recogniser recogniser_;
  MaskBuilder builder_;
  std::list<CachedMask> masks_;  // most recently used first
  std::unordered_map<StateId, std::list<CachedMask>::iterator> mask_index_;
  size_t base_bytes_ = 0;        // of what cannot be forgotten
  uint64_t epoch_ = 0;           // states of another epoch are gone
};

class Matcher {
 public:
  explicit Matcher(std::shared_ptr<Grammar> grammar);

  // The tokens that may come next; stop tokens where the text may end.
  Result<std::shared_ptr<const TokenMask>> mask();
  // False, and nothing changes, if the token may not come next. After a stop token nothing may.
  Result<bool> accept(int32_t token);
  // The same for text that is no token's: it counts as one token for rollback().
  Result<bool> accept_bytes(std::string_view bytes);
  void rollback(size_t tokens);
  size_t token_count() const { return steps_.size(); }
  const std::string& text() const { return text_; }
  bool ended() const { return ended_; }
  Result<bool> can_end();
  // The text may end and cannot go on.
  Result<bool> must_end();
  // Fewest bytes to an end; a lower bound where patterns or bounds intersect.
  Result<uint32_t> min_bytes_to_end();

  // The bytes that must come next, whatever is chosen; "" where there is a choice or the text may end.
  Result<std::string> forced_bytes(size_t max_bytes = 4096);
  // The tokens at the beginning of those bytes as the tokenizer itself would write them, as far as no allowed token reaches
  // from one of them over the end of what is forced; the stop token where nothing else may come and there is only one.
  Result<std::vector<int32_t>> forced_tokens(const Tokenizer& tokenizer, size_t max_bytes = 4096);

 private:
  struct Step {
    StateId before;
    uint32_t text_bytes;
  };
  // Under the grammar's lock: makes state_ and steps_ valid again if states were forgotten.
  Result<void> revive();
  Result<StateId> advance(StateId state, std::string_view bytes);
  Result<bool> accept_locked(std::string_view bytes);
  Result<std::pair<std::string, StateId>> forced_locked(size_t max_bytes);
  size_t settled_tokens(std::span<const int32_t> tokens, std::string_view forced, StateId end);

  std::shared_ptr<Grammar> grammar_;
  uint64_t epoch_ = 0;
  StateId state_ = kDeadState;
  std::vector<Step> steps_;
  std::string text_;
  bool ended_ = false;
};

}  // namespace hearth::text::grammar
