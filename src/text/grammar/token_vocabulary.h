// What masks need to know of a tokenizer: its tokens' bytes as trees, the tokens that end an answer, and the masks of terminals
// that grammars of the same vocabulary share (every JSON schema has the same strings).
//
// Contract: thread-safe. Control tokens have no bytes here and so are never allowed inside a text, but for those that the caller
// shows, which are text like any other and end nothing; stop tokens are allowed only where a grammar may end. The shared masks keep to their byte budget; the least recently used goes first.
// Not here: whole masks (grammar.h).
#pragma once

#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "text/grammar/limits.h"
#include "text/grammar/regex_automaton.h"
#include "text/grammar/token_trie.h"

namespace hearth::text {
class Tokenizer;
}

namespace hearth::text::grammar {

// Tokens up to this length are apart from longer ones, so that a count that is further off than this cannot be felt by most.
inline constexpr uint32_t kShortTokenBytes = 16;

// What a terminal alone says about all tokens of a tree.
struct LocalMask {
  std::vector<uint64_t> dense;   // one bit per token, or
  std::vector<int32_t> sparse;   // the tokens, where they are few: the terminal accepts all their bytes
  // Nodes before which the terminal can end within a token, and below which are tokens that it does not accept by itself:
  // what follows the terminal decides. In groups by the byte on the edge to the node.
  struct Group {
    uint8_t byte;
    uint32_t begin, end;  // in resume
  };
  std::vector<Group> groups;
  std::vector<uint32_t> resume;
  size_t byte_size() const;
};

// Nothing if the automaton overflowed or took more than `work` steps, which it counts down.
std::shared_ptr<const LocalMask> build_local_mask(RegexAutomaton* automaton, RegexId terminal, const TokenTrie& trie,
                                                  size_t token_count, size_t* work);

class TokenVocabulary {
 public:
  // `shown`: control tokens that are text here, such as the marks of tool calls.
  explicit TokenVocabulary(const Tokenizer& tokenizer, std::span<const int32_t> shown = {}, size_t cache_bytes = kDefaultLocalCacheBytes);
  // For tests: pieces by id, "" for control tokens.
  TokenVocabulary(std::vector<std::string> pieces, std::vector<int32_t> stop_ids, size_t cache_bytes = kDefaultLocalCacheBytes);

  int32_t size() const { return static_cast<int32_t>(pieces_.size()); }
  std::string_view piece(int32_t id) const { return pieces_[static_cast<size_t>(id)]; }
  bool is_stop(int32_t id) const;
  const std::vector<int32_t>& stop_ids() const { return stop_ids_; }
  const std::vector<int32_t>& shown() const { return shown_; }
  const TokenTrie& short_tokens() const { return *short_tokens_; }
  const TokenTrie& long_tokens() const { return *long_tokens_; }

  std::shared_ptr<const LocalMask> find(const std::string& key);
  void remember(const std::string& key, std::shared_ptr<const LocalMask> mask);
  size_t cached_bytes() const;
  size_t byte_size() const;

 private:
  struct Entry {
    std::string key;
    std::shared_ptr<const LocalMask> mask;
  };
  void build();

  std::vector<std::string> pieces_;
  std::vector<int32_t> stop_ids_;  // sorted
  std::vector<int32_t> shown_;
  std::unique_ptr<TokenTrie> short_tokens_, long_tokens_;
  size_t cache_bytes_;
  mutable std::mutex mutex_;
  std::list<Entry> entries_;  // most recently used first
  std::unordered_map<std::string, std::list<Entry>::iterator> index_;
  size_t cached_bytes_ = 0;
};

}  // namespace hearth::text::grammar
