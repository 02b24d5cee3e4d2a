// The merge loops of byte-pair encoding.
//
// Contract: see bpe_model.h. Short words (nearly all) are merged in flat arrays with a linear search for the best pair;
// long ones use a heap over a linked list. Both pick the same pairs.
// Not here: text normalisation and word splitting.
#include "text/bpe_model.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <future>
#include <queue>
#include <string>
#include <system_error>
#include <tuple>

#include "text/unicode.h"

namespace hearth::text {

namespace {

constexpr size_t kShortWord = 32;  // symbols
constexpr uint32_t kNoRank = 0xFFFFFFFF;
constexpr size_t kMergeBlock = 32;  // merges looked up together
constexpr size_t kMergesForTwoThreads = 20000;
// Symbols are counted in 32 bits; a longer word is encoded in parts of this many bytes.
constexpr size_t kMaxWordBytes = size_t{1} << 30;

// Order-preserving map of floats to integers, best score = lowest rank.
uint32_t rank_of_score(float score) {
  if (std::isnan(score)) return kNoRank - 1;
  const auto bits = std::bit_cast<uint32_t>(score + 0.0f);  // -0 becomes +0
  const uint32_t ascending = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return std::min(~ascending, kNoRank - 1);
}

}  // namespace

void MergeTable::reserve(size_t count) {
  const size_t slot_count = std::bit_ceil(count * 3 / 2 + 16);
  slots_ = LargeArray<Slot>(slot_count);
  for (size_t i = 0; i < slot_count; ++i) slots_[i].left = -1;
  mask_ = slot_count - 1;
  used_ = 0;
  capacity_ = count;
}

void MergeTable::insert(int32_t left, int32_t right, Merge merge) {
  CHECK(used_ < capacity_);
  for (size_t i = hash_pair(left, right) & mask_;; i = (i + 1) & mask_) {
    Slot& slot = slots_[i];
    if (slot.left < 0) {
      slot = {left, right, merge};
      ++used_;
      return;
    }
    if (slot.left == left && slot.right == right) return;
  }
}

bool MergeTable::find(int32_t left, int32_t right, Merge* merge) const {
  for (size_t i = hash_pair(left, right) & mask_;; i = (i + 1) & mask_) {
    const Slot& slot = slots_[i];
    if (slot.left < 0) return false;
    if (slot.left == left && slot.right == right) {
      *merge = slot.merge;
      return true;
    }
  }
}

BpeModel::BpeModel(Vocabulary vocabulary, const BpeOptions& options)
    : vocabulary_(std::move(vocabulary)), options_(options) {
  const auto size = static_cast<size_t>(vocabulary_.size());
  whole_ = std::make_unique<std::atomic<Whole>[]>(size);
}

// One merge on its way into the table. Bytes of the left part, the right part and both lie in one stretch of a buffer.
struct BpeModel::PendingMerge {
  std::string_view left_text, right_text;
  std::string_view left_bytes, right_bytes, joined;  // empty where the text is not in the vocabulary's form
  uint64_t left_hash, right_hash, joined_hash;
  int32_t left, right, merged;
};

struct BpeModel::ResolvedMerge {
  int32_t left, right, merged;
};

Result<std::unique_ptr<BpeModel>> BpeModel::with_merges(Vocabulary vocabulary, const MergeSource& merges,
                                                        const BpeOptions& options) {
  if (merges.size > kMaxMerges) {
    return Error{ErrorCode::kResource,
                 "the tokenizer has " + std::to_string(merges.size) + " merges; the limit is " + std::to_string(kMaxMerges)};
  }
  std::unique_ptr<BpeModel> model(new BpeModel(std::move(vocabulary), options));
  TRY(model->add_merges(merges));
  return model;
}

// The tables are larger than the processor's caches, so that merges go through in blocks: all look-ups of a block are
// under way before the first result is needed.
template <class Take>
Result<void> BpeModel::resolve_merges(const MergeSource& merges, size_t first, size_t last, const Take& take) const {
  PendingMerge block[kMergeBlock];
  std::vector<char> buffers[kMergeBlock];
  for (size_t begin = first; begin < last; begin += kMergeBlock) {
    const size_t count = std::min(kMergeBlock, last - begin);
    for (size_t i = 0; i < count; ++i) {
      PendingMerge& merge = block[i];
      std::tie(merge.left_text, merge.right_text) = merges.pair(begin + i);
      if (merge.left_text.empty() || merge.right_text.empty()) {
        return Error{ErrorCode::kCorrupt, "merge " + std::to_string(begin + i) + " is not a pair of tokens"};
      }
      std::vector<char>& buffer = buffers[i];
      const size_t room = merge.left_text.size() + merge.right_text.size();
      if (buffer.size() < room) buffer.resize(room);
      size_t left = 0, right = 0;
      const bool left_good = Vocabulary::decode_text(vocabulary_.form(), merge.left_text, buffer.data(), &left);
      if (!left_good) left = 0;
      if (!Vocabulary::decode_text(vocabulary_.form(), merge.right_text, buffer.data() + left, &right)) right = 0;
      merge.left_bytes = {buffer.data(), left};
      merge.right_bytes = {buffer.data() + left, right};
      merge.joined = {buffer.data(), left == 0 || right == 0 ? 0 : left + right};
      merge.left_hash = hash_bytes(merge.left_bytes);
      merge.right_hash = hash_bytes(merge.right_bytes);
      merge.joined_hash = hash_bytes(merge.joined);
      for (const uint64_t hash : {merge.left_hash, merge.right_hash, merge.joined_hash}) vocabulary_.prefetch(hash);
    }
    for (size_t i = 0; i < count; ++i) {
      if (!resolve(&block[i])) {
        return Error{ErrorCode::kCorrupt, "merge " + std::to_string(begin + i) + ", \"" +
                                              std::string(block[i].left_text.substr(0, 64)) + "\" and \"" +
                                              std::string(block[i].right_text.substr(0, 64)) +
                                              "\", names or makes a token that is not in the vocabulary"};
      }
    }
    take(begin, block, count);
  }
  return {};
}

// A long list is looked up by two threads, the second half into a list of its own: start-up waits for this.
Result<void> BpeModel::add_merges(const MergeSource& merges) {
  const size_t half = merges.size < kMergesForTwoThreads ? merges.size : merges.size / 2;
  std::vector<ResolvedMerge> second(merges.size - half);
  std::future<Result<void>> second_done;
  const auto resolve_second = [&] {
    return resolve_merges(merges, half, merges.size, [&](size_t begin, const PendingMerge* block, size_t count) {
      for (size_t i = 0; i < count; ++i) second[begin - half + i] = {block[i].left, block[i].right, block[i].merged};
    });
  };
  try {
    if (!second.empty()) second_done = std::async(std::launch::async, resolve_second);
  } catch (const std::system_error&) {  // no thread to be had
    second_done = std::async(std::launch::deferred, resolve_second);
  }
  merges_.reserve(merges.size);
  TRY(resolve_merges(merges, 0, half, [&](size_t begin, const PendingMerge* block, size_t count) {
    for (size_t i = 0; i < count; ++i) merges_.prefetch(block[i].left, block[i].right);
    for (size_t i = 0; i < count; ++i) {
      merges_.insert(block[i].left, block[i].right, {static_cast<uint32_t>(begin + i), block[i].merged});
    }
  }));
  if (second_done.valid()) TRY(second_done.get());
  for (size_t i = 0; i < second.size(); ++i) {
    if (i + kMergeBlock < second.size()) merges_.prefetch(second[i + kMergeBlock].left, second[i + kMergeBlock].right);
    merges_.insert(second[i].left, second[i].right, {static_cast<uint32_t>(half + i), second[i].merged});
  }
  return {};
}

bool BpeModel::resolve(PendingMerge* merge) const {
  const auto find = [this](std::string_view bytes, uint64_t hash, std::string_view text) {
    const int32_t id = bytes.empty() ? -1 : vocabulary_.find_piece(bytes, hash);
    // A special token may be part of a merge too; it is found by its text.
    return id >= 0 ? id : vocabulary_.find_text(text);
  };
  merge->left = find(merge->left_bytes, merge->left_hash, merge->left_text);
  merge->right = find(merge->right_bytes, merge->right_hash, merge->right_text);
  merge->merged = merge->joined.empty() ? -1 : vocabulary_.find_piece(merge->joined, merge->joined_hash);
  if (merge->merged < 0) merge->merged = vocabulary_.find_text(std::string(merge->left_text) + std::string(merge->right_text));
  return merge->left >= 0 && merge->right >= 0 && merge->merged >= 0;
}

Result<std::unique_ptr<BpeModel>> BpeModel::with_scores(Vocabulary vocabulary, std::span<const float> scores,
                                                        const BpeOptions& options) {
  if (scores.size() != static_cast<size_t>(vocabulary.size())) {
    return Error{ErrorCode::kCorrupt, "the vocabulary has " + std::to_string(vocabulary.size()) + " tokens but " +
                                          std::to_string(scores.size()) + " scores"};
  }
  std::unique_ptr<BpeModel> model(new BpeModel(std::move(vocabulary), options));
  model->options_.characters = true;
  model->score_ranks_.resize(scores.size());
  for (int32_t id = 0; id < model->vocabulary_.size(); ++id) {
    const auto i = static_cast<size_t>(id);
    // User-defined pieces are made before all others, the longest first; no score has so low a rank.
    const bool first = model->vocabulary_.kind(id) == TokenKind::kUserDefined;
    model->score_ranks_[i] =
        first ? static_cast<uint32_t>(kMaxTokenBytes - model->vocabulary_.bytes(id).size()) : rank_of_score(scores[i]);
  }
  return model;
}

bool BpeModel::find_pair(std::string_view joined, int32_t left, int32_t right, Pair* pair) const {
  if (!score_ranks_.empty()) {
    pair->id = vocabulary_.find_piece(joined);
    if (pair->id < 0) return false;
    pair->rank = score_ranks_[static_cast<size_t>(pair->id)];
    return true;
  }
  MergeTable::Merge merge;
  if (left < 0 || right < 0 || !merges_.find(left, right, &merge)) return false;
  *pair = {merge.rank, merge.id};
  return true;
}

void BpeModel::prefetch_pair(std::string_view joined, int32_t left, int32_t right) const {
  if (score_ranks_.empty()) {
    merges_.prefetch(left, right);
  } else {
    vocabulary_.prefetch(hash_bytes(joined));
  }
}

uint32_t BpeModel::symbol_length(std::string_view word, size_t position) const {
  if (!options_.characters || static_cast<unsigned char>(word[position]) < 0x80) return 1;
  return decode_char(word, position).length;
}

int32_t BpeModel::symbol_id(std::string_view symbol) const {
  if (!options_.characters) return vocabulary_.byte_token(static_cast<uint8_t>(symbol[0]));
  return vocabulary_.find_piece(symbol);
}

void BpeModel::emit(std::string_view symbol, int32_t id, std::vector<int32_t>* out) const {
  if (id >= 0) {
    out->push_back(id);
    return;
  }
  if (options_.characters) {
    const bool all = std::all_of(symbol.begin(), symbol.end(), [this](char c) {
      return vocabulary_.byte_token(static_cast<uint8_t>(c)) >= 0;
    });
    if (all) {
      for (const char c : symbol) out->push_back(vocabulary_.byte_token(static_cast<uint8_t>(c)));
      return;
    }
  }
  if (options_.unknown_id < 0) return;
  if (options_.fuse_unknown && !out->empty() && out->back() == options_.unknown_id) return;
  out->push_back(options_.unknown_id);
}

void BpeModel::encode_word(std::string_view word, uint64_t hash, std::vector<int32_t>* out) const {
  while (word.size() > kMaxWordBytes) {
    merge_long(word.substr(0, kMaxWordBytes), out);
    word.remove_prefix(kMaxWordBytes);
    hash = hash_bytes(word);
  }
  if (word.size() <= kMaxTokenBytes) {
    const int32_t id = vocabulary_.find_piece(word, hash);
    if (id >= 0) {
      std::atomic<Whole>& whole = whole_[static_cast<size_t>(id)];
      Whole known = options_.ignore_merges ? Whole::kYes : whole.load(std::memory_order_relaxed);
      if (known == Whole::kUnknown) {
        std::vector<int32_t> ids;
        merge_word(word, &ids);
        known = ids.size() == 1 && ids[0] == id ? Whole::kYes : Whole::kNo;
        whole.store(known, std::memory_order_relaxed);
      }
      if (known == Whole::kYes) {
        out->push_back(id);
        return;
      }
    }
  }
  merge_word(word, out);
}

void BpeModel::merge_word(std::string_view word, std::vector<int32_t>* out) const {
  if (word.size() <= kShortWord) {
    merge_short(word, out);
  } else {
    merge_long(word, out);
  }
}

void BpeModel::merge_short(std::string_view word, std::vector<int32_t>* out) const {
  uint32_t begins[kShortWord + 1];
  int32_t ids[kShortWord];
  Pair pairs[kShortWord];  // pairs[i] joins symbols i and i + 1
  size_t count = 0;
  for (size_t i = 0; i < word.size();) {
    const uint32_t length = symbol_length(word, i);
    begins[count] = static_cast<uint32_t>(i);
    ids[count] = symbol_id(word.substr(i, length));
    i += length;
    count += !leaves_out(ids[count]);
  }
  begins[count] = static_cast<uint32_t>(word.size());
  const auto look_up = [&](size_t i) {
    const std::string_view joined = word.substr(begins[i], begins[i + 2] - begins[i]);
    if (!find_pair(joined, ids[i], ids[i + 1], &pairs[i])) pairs[i].rank = kNoRank;
  };
  for (size_t i = 0; i + 1 < count; ++i) prefetch_pair(word.substr(begins[i], begins[i + 2] - begins[i]), ids[i], ids[i + 1]);
  for (size_t i = 0; i + 1 < count; ++i) look_up(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == kNoRank) break;
    ids[best] = pairs[best].id;
    for (size_t i = best + 1; i + 1 < count; ++i) {
      begins[i] = begins[i + 1];
      ids[i] = ids[i + 1];
      pairs[i] = pairs[i + 1];
    }
    begins[count - 1] = begins[count];
    --count;
    if (best > 0) look_up(best - 1);
    if (best + 1 < count) look_up(best);
  }
  for (size_t i = 0; i < count; ++i) emit(word.substr(begins[i], begins[i + 1] - begins[i]), ids[i], out);
}

void BpeModel::merge_long(std::string_view word, std::vector<int32_t>* out) const {
  struct Symbol {
    uint32_t begin, length;  // length 0: joined to its left neighbour
    int32_t id;
    uint32_t previous, next;
  };
  struct Candidate {
    uint64_t order;  // rank, then position
    uint32_t length;
    int32_t id;
    bool operator<(const Candidate& other) const { return order > other.order; }
  };
  constexpr uint32_t kNone = 0xFFFFFFFF;
  std::vector<Symbol> symbols;
  symbols.reserve(word.size());
  for (size_t i = 0; i < word.size();) {
    const uint32_t length = symbol_length(word, i);
    const auto index = static_cast<uint32_t>(symbols.size());
    const int32_t id = symbol_id(word.substr(i, length));
    if (!leaves_out(id)) symbols.push_back({static_cast<uint32_t>(i), length, id, index == 0 ? kNone : index - 1, index + 1});
    i += length;
  }
  if (symbols.empty()) return;
  symbols.back().next = kNone;
  std::vector<Candidate> storage;
  storage.reserve(symbols.size());
  std::priority_queue<Candidate> queue(std::less<Candidate>(), std::move(storage));
  const auto offer = [&](uint32_t left) {
    const Symbol& a = symbols[left];
    if (a.next == kNone) return;
    const Symbol& b = symbols[a.next];
    Pair pair;
    if (!find_pair(word.substr(a.begin, a.length + b.length), a.id, b.id, &pair) || pair.rank == kNoRank) return;
    queue.push({static_cast<uint64_t>(pair.rank) << 32 | left, a.length + b.length, pair.id});
  };
  for (uint32_t i = 0; i < symbols.size(); ++i) offer(i);
  while (!queue.empty()) {
    const Candidate candidate = queue.top();
    queue.pop();
    const auto left = static_cast<uint32_t>(candidate.order);
    Symbol& a = symbols[left];
    // Boundaries only ever vanish, so that an equal span is the very pair that was offered.
    if (a.length == 0 || a.next == kNone || a.length + symbols[a.next].length != candidate.length) continue;
    Symbol& b = symbols[a.next];
    a.length = candidate.length;
    a.id = candidate.id;
    b.length = 0;
    a.next = b.next;
    if (b.next != kNone) symbols[b.next].previous = left;
    if (a.previous != kNone) offer(a.previous);
    offer(left);
  }
  for (uint32_t i = 0; i != kNone; i = symbols[i].next) {
    emit(word.substr(symbols[i].begin, symbols[i].length), symbols[i].id, out);
  }
}

}  // namespace hearth::text
