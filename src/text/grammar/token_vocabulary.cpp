// Trees of a vocabulary, the walk that makes a terminal's mask, and the cache of such masks.
//
// Contract: see token_vocabulary.h.
// Not here: what follows a terminal (mask_builder.cpp).
#include "text/grammar/token_vocabulary.h"

#include <algorithm>

#include "text/tokenizer.h"

namespace hearth::text::grammar {

namespace {

constexpr size_t kMaxSparseTokens = 512;

struct Level {
  uint32_t end;
  RegexId state;
};

class LocalWalk {
 public:
  LocalWalk(RegexAutomaton* automaton, const TokenTrie& trie, size_t token_count)
      : automaton_(*automaton), trie_(trie), words_((token_count + 63) / 64) {}

  // False where it was too much.
  bool run(RegexId terminal, size_t* work) {
    const auto& nodes = trie_.nodes();
    size_t derivatives = automaton_.derivatives();
    std::vector<Level> levels{{static_cast<uint32_t>(nodes.size()), terminal}};
    for (uint32_t i = 1; i < nodes.size();) {
      const size_t steps = 1 + (automaton_.derivatives() - derivatives) * kDerivativeWork;
      if (*work < steps || automaton_.overflowed()) return false;
      *work -= steps;
      derivatives = automaton_.derivatives();
      while (i >= levels.back().end) levels.pop_back();
      const RegexId before = levels.back().state;
      if (levels.size() > 1 && automaton_.arena().nullable(before)) resume_.push_back(i);
      const RegexId state = automaton_.step(before, nodes[i].byte);
      if (state == kEmptyLanguage) {
        i = nodes[i].end;
        continue;
      }
      const bool leaf = nodes[i].end == i + 1;
      if (!leaf && nodes[i].plain_below && automaton_.has_plain_loop(state)) {
        accept(trie_.tokens_under(i));
        i = nodes[i].end;
        continue;
      }
      accept(trie_.tokens_at(i));
      if (!leaf) levels.push_back({nodes[i].end, state});
      ++i;
    }
    return !automaton_.overflowed();
  }

  std::shared_ptr<const LocalMask> result() {
    auto mask = std::make_shared<LocalMask>();
    // Where the terminal accepts all that is below, what follows it can add nothing.
    std::erase_if(resume_, [&](uint32_t node) {
      const auto below = trie_.tokens_under(node);
      return std::all_of(below.begin(), below.end(), [&](int32_t token) { return has(token); });
    });
    std::stable_sort(resume_.begin(), resume_.end(),
                     [&](uint32_t a, uint32_t b) { return trie_.nodes()[a].byte < trie_.nodes()[b].byte; });
    mask->resume = std::move(resume_);
    for (uint32_t i = 0; i < mask->resume.size(); ++i) {
      const uint8_t byte = trie_.nodes()[mask->resume[i]].byte;
      if (mask->groups.empty() || mask->groups.back().byte != byte) mask->groups.push_back({byte, i, i});
      mask->groups.back().end = i + 1;
    }
    if (accepted_.size() <= kMaxSparseTokens) {
      mask->sparse = std::move(accepted_);
    } else {
      mask->dense = std::move(words_);
    }
    return mask;
  }

 private:
  bool has(int32_t token) const { return words_[static_cast<size_t>(token) / 64] >> (token % 64) & 1; }
  void accept(std::span<const int32_t> tokens) {
    for (const int32_t token : tokens) words_[static_cast<size_t>(token) / 64] |= uint64_t{1} << (token % 64);
    if (accepted_.size() <= kMaxSparseTokens) accepted_.insert(accepted_.end(), tokens.begin(), tokens.end());
  }

  RegexAutomaton& automaton_;
  const TokenTrie& trie_;
  std::vector<uint64_t> words_;
  std::vector<int32_t> accepted_;
  std::vector<uint32_t> resume_;
};

}  // namespace

size_t LocalMask::byte_size() const {
  return sizeof *this + dense.size() * sizeof(uint64_t) + sparse.size() * sizeof(int32_t) + groups.size() * sizeof(Group) +
         resume.size() * sizeof(uint32_t);
}

std::shared_ptr<const LocalMask> build_local_mask(RegexAutomaton* automaton, RegexId terminal, const TokenTrie& trie,
                                                  size_t token_count, size_t* work) {
  LocalWalk walk(automaton, trie, token_count);
  if (!walk.run(terminal, work)) return nullptr;
  return walk.result();
}

TokenVocabulary::TokenVocabulary(const Tokenizer& tokenizer, std::span<const int32_t> shown, size_t cache_bytes)
    : shown_(shown.begin(), shown.end()), cache_bytes_(cache_bytes) {
  const auto is_shown = [&](int32_t id) { return std::find(shown.begin(), shown.end(), id) != shown.end(); };
  for (const int32_t id : tokenizer.stop_ids()) {
    if (!is_shown(id)) stop_ids_.push_back(id);
  }
  for (int32_t id = 0; id < tokenizer.size(); ++id) {
    pieces_.emplace_back(tokenizer.is_control(id) ? std::string_view() : tokenizer.token_bytes(id));
  }
  for (const int32_t id : shown_) pieces_[static_cast<size_t>(id)] = tokenizer.token_bytes(id, /*special=*/true);
  build();
}

TokenVocabulary::TokenVocabulary(std::vector<std::string> pieces, std::vector<int32_t> stop_ids, size_t cache_bytes)
    : pieces_(std::move(pieces)), stop_ids_(std::move(stop_ids)), cache_bytes_(cache_bytes) {
  build();
}

void TokenVocabulary::build() {
  std::sort(stop_ids_.begin(), stop_ids_.end());
  std::vector<std::pair<std::string_view, int32_t>> short_pieces, long_pieces;
  for (int32_t id = 0; id < size(); ++id) {
    if (is_stop(id)) pieces_[static_cast<size_t>(id)].clear();
    auto& pieces = piece(id).size() <= kShortTokenBytes ? short_pieces : long_pieces;
    pieces.emplace_back(piece(id), id);
  }
  short_tokens_ = std::make_unique<TokenTrie>(std::move(short_pieces));
  long_tokens_ = std::make_unique<TokenTrie>(std::move(long_pieces));
}

bool TokenVocabulary::is_stop(int32_t id) const { return std::binary_search(stop_ids_.begin(), stop_ids_.end(), id); }

size_t TokenVocabulary::byte_size() const {
  size_t total = short_tokens_->byte_size() + long_tokens_->byte_size() + pieces_.size() * sizeof(std::string);
  for (const std::string& piece : pieces_) total += piece.capacity() > 15 ? piece.capacity() : 0;
  return total + cached_bytes();
}

size_t TokenVocabulary::cached_bytes() const {
  const std::lock_guard lock(mutex_);
  return cached_bytes_;
}

std::shared_ptr<const LocalMask> TokenVocabulary::find(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto place = index_.find(key);
  if (place == index_.end()) return nullptr;
  entries_.splice(entries_.begin(), entries_, place->second);
  return place->second->mask;
}

void TokenVocabulary::remember(const std::string& key, std::shared_ptr<const LocalMask> mask) {
  const size_t bytes = mask->byte_size() + key.size() * 2;
  const std::lock_guard lock(mutex_);
  if (bytes > cache_bytes_ || index_.contains(key)) return;
  while (cached_bytes_ + bytes > cache_bytes_) {
    const Entry& oldest = entries_.back();
    cached_bytes_ -= oldest.mask->byte_size() + oldest.key.size() * 2;
    index_.erase(oldest.key);
    entries_.pop_back();
  }
  entries_.push_front({key, std::move(mask)});
  index_[key] = entries_.begin();
  cached_bytes_ += bytes;
}

}  // namespace hearth::text::grammar
