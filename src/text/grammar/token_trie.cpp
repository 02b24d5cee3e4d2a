// Building the tree from sorted pieces.
//
// Contract: see token_trie.h.
// Not here: walks.
#include "text/grammar/token_trie.h"

#include <algorithm>

namespace hearth::text::grammar {

TokenTrie::TokenTrie(std::vector<std::pair<std::string_view, int32_t>> pieces) {
  std::erase_if(pieces, [](const auto& piece) { return piece.first.empty(); });
  std::sort(pieces.begin(), pieces.end());
  nodes_.push_back({0, 0, 0, 0, false});
  std::vector<uint32_t> path{0};  // of the last piece, one node per byte
  std::string_view last;
  const auto close = [&](size_t depth) {
    for (; path.size() > depth + 1; path.pop_back()) nodes_[path.back()].end = static_cast<uint32_t>(nodes_.size());
  };
  for (const auto& [bytes, token] : pieces) {
    const size_t limit = std::min(last.size(), bytes.size());
    size_t common = 0;
    while (common < limit && last[common] == bytes[common]) ++common;
    close(common);
    for (size_t i = common; i < bytes.size(); ++i) {
      path.push_back(static_cast<uint32_t>(nodes_.size()));
      nodes_.push_back({0, static_cast<uint32_t>(tokens_.size()), 0, static_cast<uint8_t>(bytes[i]), true});
    }
    tokens_.push_back(token);
    ++nodes_[path.back()].own_tokens;
    depth_ = std::max(depth_, static_cast<uint32_t>(bytes.size()));
    last = bytes;
  }
  close(0);
  nodes_[0].end = static_cast<uint32_t>(nodes_.size());
  // From the leaves up: children come after their parent.
  std::vector<uint32_t> parents;
  for (uint32_t i = 1; i < nodes_.size(); ++i) {
    while (!parents.empty() && i >= nodes_[parents.back()].end) parents.pop_back();
    const uint8_t byte = nodes_[i].byte;
    const bool plain = byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
    if (!plain) {
      for (const uint32_t parent : parents) nodes_[parent].plain_below = false;
    }
    parents.push_back(i);
  }
}

int64_t TokenTrie::find(std::string_view bytes) const {
  uint32_t node = 0;
  for (const char c : bytes) {
    uint32_t child = node + 1;
    while (child < nodes_[node].end && nodes_[child].byte != static_cast<uint8_t>(c)) child = nodes_[child].end;
    if (child >= nodes_[node].end) return -1;
    node = child;
  }
  return node;
}

}  // namespace hearth::text::grammar
