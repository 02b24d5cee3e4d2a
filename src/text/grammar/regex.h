// Regular expressions over bytes as hash-consed expressions: equal expressions have equal ids, and so have most equal languages
// that repetition produces. With intersection, complement, counted repeats and divisibility, since derivatives give them free.
//
// Contract: pure construction; an id stays valid until truncate(). When a limit is reached `overflowed()` becomes true and the
// empty language is returned: whoever builds or derives checks it before the result is used. Not thread-safe.
// Not here: transitions (regex_automaton.h), syntax (pattern.h, gbnf.h).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/grammar/byte_set.h"

namespace hearth::text::grammar {

using RegexId = uint32_t;
inline constexpr uint32_t kUnbounded = UINT32_MAX;

inline uint32_t add_saturated(uint32_t a, uint32_t b) { return a > kUnbounded - b ? kUnbounded : a + b; }
inline constexpr RegexId kEmptyLanguage = 0;  // matches nothing
inline constexpr RegexId kEmptyWord = 1;      // matches ""

enum class RegexKind : uint8_t { kEmptyLanguage, kEmptyWord, kBytes, kConcat, kOr, kAnd, kNot, kRepeat, kMultiple };

// Decimal numbers that are multiples of modulus / 10^scale: `remainder` of the digits read so far.
struct Multiple {
  uint32_t modulus = 1, remainder = 0;
  int32_t fraction_digits = -1;  // -1: no point read
  uint32_t scale = 0;
};

class RegexArena {
 public:
  struct Node {
    RegexKind kind;
    bool nullable;        // matches ""
    bool needs_search;    // can be empty without being kEmptyLanguage: has an intersection, a complement or a divisibility in it
    bool has_counts;      // has a repeat with a bound
    uint32_t depth;
    uint32_t min_length;  // no word is shorter; exact unless needs_search
    uint32_t a, b;        // kBytes: set; kConcat: parts; kOr, kAnd: range of children; kNot, kRepeat: a; kMultiple: index
    uint32_t low, high;   // kRepeat
    bool operator==(const Node& other) const = default;
  };

  RegexArena();
  RegexId bytes(const ByteSet& set);
  RegexId byte(uint8_t value);
  RegexId literal(std::string_view text);
  RegexId concat(RegexId first, RegexId second);
  RegexId concat(std::span<const RegexId> parts);
  RegexId either(std::vector<RegexId> parts);
  RegexId either(RegexId first, RegexId second) { return either(std::vector<RegexId>{first, second}); }
  RegexId both(std::vector<RegexId> parts);
  RegexId both(RegexId first, RegexId second) { return both(std::vector<RegexId>{first, second}); }
  RegexId complement(RegexId part);
  RegexId repeat(RegexId part, uint32_t low, uint32_t high);
  RegexId star(RegexId part) { return repeat(part, 0, kUnbounded); }
  RegexId optional(RegexId part) { return repeat(part, 0, 1); }
  RegexId multiple(const Multiple& multiple);
  RegexId anything() const { return anything_; }  // every byte string
  // One of the words, sharing their beginnings.
  RegexId one_of(std::vector<std::string> words);

  const Node& node(RegexId id) const { return nodes_[id]; }
  bool nullable(RegexId id) const { return nodes_[id].nullable; }
  std::span<const RegexId> children(RegexId id) const { return {pool_.data() + nodes_[id].a, nodes_[id].b}; }
  const ByteSet& byte_set(RegexId id) const { return sets_[nodes_[id].a]; }
  const Multiple& multiple_of(RegexId id) const { return multiples_[nodes_[id].a]; }
  const std::vector<ByteSet>& byte_sets() const { return sets_; }
  size_t size() const { return nodes_.size(); }
  size_t byte_size() const;
  bool overflowed() const { return overflowed_; }
  void clear_overflow() { overflowed_ = false; }
  void set_max_nodes(size_t count) { max_nodes_ = count; }

  // Forgets everything built after the arena had these sizes.
  struct Mark {
    size_t nodes, sets, multiples, pool;
  };
  Mark mark() const { return {nodes_.size(), sets_.size(), multiples_.size(), pool_.size()}; }
  void truncate(const Mark& mark);

  // A text that two expressions of any arenas share only if they are equal; "" if it would be longer than `limit`.
  std::string describe(RegexId id, size_t limit) const;

 private:
  RegexId intern(Node node);
  RegexId intern_list(RegexKind kind, const std::vector<RegexId>& parts);
  uint64_t hash_of(const Node& node) const;
  bool same(const Node& left, const Node& right) const;
  void grow_slots();
  uint32_t set_index(const ByteSet& set);
  bool flatten(RegexKind kind, std::vector<RegexId>* parts) const;
  void merge_byte_sets(bool intersect, std::vector<RegexId>* parts);
  void merge_counts(std::vector<RegexId>* parts);
  RegexId one_of_sorted(std::span<const std::string> words, size_t offset);

  std::vector<Node> nodes_;
  std::vector<RegexId> pool_;
  std::vector<ByteSet> sets_;
  std::vector<Multiple> multiples_;
  std::map<std::array<uint64_t, 4>, uint32_t> set_indices_;
  std::vector<uint32_t> slots_;  // id + 1, 0: free
  RegexId anything_ = 0;
  size_t max_nodes_;
  bool overflowed_ = false;
};

}  // namespace hearth::text::grammar
