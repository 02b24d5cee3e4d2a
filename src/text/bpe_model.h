// Byte-pair encoding of one word: symbols (bytes or characters) are joined pair by pair, best pair first, leftmost on ties.
//
// Contract: immutable after creation, thread-safe. The same algorithm serves byte-level BPE (pairs ranked by a list of
// merges) and SentencePiece BPE (pairs ranked by the score of the piece they make). A word of n symbols costs O(n log n).
// Not here: cutting text into words, special tokens.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/error.h"
#include "text/vocabulary.h"

namespace hearth::text {

inline constexpr size_t kMaxMerges = size_t{1} << 24;

struct BpeOptions {
  bool characters = false;      // symbols are UTF-8 characters with bytes as fallback, not bytes
  bool ignore_merges = false;   // a word that is a token is that token, whatever the merges say
  bool fuse_unknown = false;    // adjoining unknown symbols become one unknown token
  int32_t unknown_id = -1;      // for symbols without token; -1: such symbols are left out
};

class MergeTable {  // (left id, right id) -> rank and merged id
 public:
  struct Merge {
    uint32_t rank;
    int32_t id;
  };
  void reserve(size_t count);
  // The first entry of a pair wins.
  void insert(int32_t left, int32_t right, Merge merge);
  bool find(int32_t left, int32_t right, Merge* merge) const;
  void prefetch(int32_t left, int32_t right) const { __builtin_prefetch(&slots_[hash_pair(left, right) & mask_]); }
  bool empty() const { return used_ == 0; }

 private:
  struct Slot {
    int32_t left, right;  // left -1: free
    Merge merge;
  };
  LargeArray<Slot> slots_;
  size_t mask_ = 0, used_ = 0, capacity_ = 0;
};

class BpeModel {
 public:
  // Pairs ranked by merges; texts are "left right" in the vocabulary's form. Errors: kCorrupt, kResource.
  struct MergeSource {
    size_t size = 0;
    std::function<std::pair<std::string_view, std::string_view>(size_t)> pair;  // empty second: not a pair
  };
  static Result<std::unique_ptr<BpeModel>> with_merges(Vocabulary vocabulary, const MergeSource& merges,
                                                       const BpeOptions& options);
  // Pairs ranked by the score of the joined piece, higher first.
  static Result<std::unique_ptr<BpeModel>> with_scores(Vocabulary vocabulary, std::span<const float> scores,
                                                       const BpeOptions& options);

  const Vocabulary& vocabulary() const { return vocabulary_; }
  // `hash` is hash_bytes(word).
  void encode_word(std::string_view word, uint64_t hash, std::vector<int32_t>* out) const;

 private:
  struct Pair {
    uint32_t rank;
    int32_t id;
  };
  enum class Whole : uint8_t { kUnknown, kYes, kNo };

  BpeModel(Vocabulary vocabulary, const BpeOptions& options);
  struct PendingMerge;
  struct ResolvedMerge;
  Result<void> add_merges(const MergeSource& merges);
  // Looks up the merges from `first` to `last` in blocks; take(begin, block, count) gets each block in order.
  template <class Take>
  Result<void> resolve_merges(const MergeSource& merges, size_t first, size_t last, const Take& take) const;
  bool resolve(PendingMerge* merge) const;  // false: a token is missing
  bool find_pair(std::string_view joined, int32_t left, int32_t right, Pair* pair) const;
  // A byte without token and without stand-in is dropped before merging: its neighbours then adjoin.
  bool leaves_out(int32_t id) const { return id < 0 && !options_.characters && options_.unknown_id < 0; }
  void prefetch_pair(std::string_view joined, int32_t left, int32_t right) const;
  int32_t symbol_id(std::string_view symbol) const;
  void merge_word(std::string_view word, std::vector<int32_t>* out) const;
  void merge_short(std::string_view word, std::vector<int32_t>* out) const;
  void merge_long(std::string_view word, std::vector<int32_t>* out) const;
  uint32_t symbol_length(std::string_view word, size_t position) const;
  void emit(std::string_view symbol, int32_t id, std::vector<int32_t>* out) const;

  Vocabulary vocabulary_;
  BpeOptions options_;
  MergeTable merges_;
  std::vector<uint32_t> score_ranks_;  // [token], lower is better; empty with merges
  // Whether a token's own bytes encode to that token alone: found out at first use, the same for every thread.
  std::unique_ptr<std::atomic<Whole>[]> whole_;
};

}  // namespace hearth::text
