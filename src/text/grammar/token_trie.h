// The bytes of a vocabulary's tokens as a flat tree in depth-first order.
//
// Contract: immutable after building. A node's subtree is the nodes from it to `end`, its subtree's tokens are contiguous in
// tokens(); node 0 is the root, children are in order of their byte.
// Not here: which tokens are allowed.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::text::grammar {

class TokenTrie {
 public:
  struct Node {
    uint32_t end;          // index after the subtree
    uint32_t token_begin;  // in tokens(): those that end here first, then those below
    uint32_t own_tokens;
    uint8_t byte;          // on the edge to this node
    bool plain_below;      // all bytes below, without this node's own, are printable and need no escape in JSON
  };
  // Pieces with their token ids; empty pieces are left out.
  explicit TokenTrie(std::vector<std::pair<std::string_view, int32_t>> pieces);

  const std::vector<Node>& nodes() const { return nodes_; }
  std::span<const int32_t> tokens_at(uint32_t node) const { return {tokens_.data() + nodes_[node].token_begin, nodes_[node].own_tokens}; }
  std::span<const int32_t> tokens_under(uint32_t node) const {
    const uint32_t end = nodes_[node].end < nodes_.size() ? nodes_[nodes_[node].end].token_begin : static_cast<uint32_t>(tokens_.size());
    return {tokens_.data() + nodes_[node].token_begin, end - nodes_[node].token_begin};
  }
  // The node of these bytes, -1 if no token begins so.
  int64_t find(std::string_view bytes) const;
  uint32_t depth() const { return depth_; }
  size_t byte_size() const { return nodes_.size() * sizeof(Node) + tokens_.size() * sizeof(int32_t); }

 private:
  std::vector<Node> nodes_;
  std::vector<int32_t> tokens_;
  uint32_t depth_ = 0;
};

}  // namespace hearth::text::grammar
