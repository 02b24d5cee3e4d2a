// The deterministic automaton of an arena of regular expressions, built as far as it is walked: states are expressions,
// transitions are derivatives. A state that cannot reach the end of a word is never entered: kEmptyLanguage stands for it.
//
// Contract: freeze() after the last terminal is built; from then on the arena grows by derivatives only, and forget() takes it
// back to what freeze() saw. step() is correct whatever was forgotten. Not thread-safe.
// Not here: grammars, tokens.
#pragma once

#include <cstdint>
#include <vector>

#include "text/grammar/regex.h"

namespace hearth::text::grammar {

class RegexAutomaton {
 public:
  RegexArena& arena() { return arena_; }
  const RegexArena& arena() const { return arena_; }

  void freeze();
  void forget();
  size_t class_count() const { return representatives_.size(); }
  // Bytes of one class are never told apart by this grammar.
  uint8_t class_of(uint8_t byte) const { return classes_[byte]; }
  uint8_t representative(size_t byte_class) const { return representatives_[byte_class]; }

  RegexId step(RegexId state, uint8_t byte) { return step_class(state, classes_[byte]); }
  RegexId step_class(RegexId state, uint8_t byte_class) {
    if (state < rows_.size() && rows_[state] != kNoRow) {
      const RegexId known = deltas_[rows_[state] + byte_class];
      if (known != kUnknown) return known;
    }
    return compute_step(state, byte_class);
  }
  // Whether some word leads to its end, before and after freeze(). `overflowed()` is set where the search was given up.
  bool alive(RegexId state);
  bool matches(RegexId state, std::string_view text);  // before and after freeze()
  // The printable characters that need no escape in JSON keep this state.
  bool has_plain_loop(RegexId state);
  // The same first max_bytes bytes are possible as with `state`, and among them the same ends; far bounds of counts are gone.
  RegexId without_far_counts(RegexId state, uint32_t max_bytes);
  bool overflowed() const { return arena_.overflowed() || overflowed_; }
  void clear_overflow();
  size_t byte_size() const;
  // Derivatives computed since construction: what work is limited by.
  size_t derivatives() const { return derivatives_; }

 private:
  static constexpr uint32_t kNoRow = UINT32_MAX;
  static constexpr RegexId kUnknown = UINT32_MAX;
  enum class Life : uint8_t { kUnknown, kAlive, kDead };

  RegexId compute_step(RegexId state, uint8_t byte_class);
  RegexId derive(RegexId state, uint8_t byte);
  RegexId derive_concat(RegexId state, uint8_t byte);
  RegexId derive_multiple(RegexId state, uint8_t byte);
  RegexId cap(RegexId state, uint32_t max_bytes);
  uint32_t row(RegexId state);
  void classify_bytes();

  RegexArena arena_;
  RegexArena::Mark frozen_{};
  uint8_t classes_[256] = {};
  std::vector<uint8_t> representatives_;
  std::vector<uint32_t> rows_;     // of a state: where its transitions begin in deltas_
  std::vector<RegexId> deltas_;
  std::vector<Life> life_;
  std::vector<uint8_t> plain_loop_;  // 0: unknown, 1: no, 2: yes
  struct CachedDerivative {
    RegexId state = UINT32_MAX, result = 0;
    uint8_t byte = 0;
  };
  std::vector<CachedDerivative> cache_;
  size_t classified_sets_ = 0;
  size_t derivatives_ = 0;
  bool is_frozen_ = false;
  bool overflowed_ = false;
};

}  // namespace hearth::text::grammar
