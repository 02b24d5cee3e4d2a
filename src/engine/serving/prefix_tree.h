// A tree of remembered token sequences whose nodes hold pages of keys and values.
//
// Contract: a node is up to kPagePositions tokens and a share of the page with their keys and values; only a node of a whole
// page has children, and no child of a node begins with another one, so the neighbours of a text in the order of a node's
// children are those that share most with it. Above the limit, and on request, leaves are given up: those never found again
// before those that were, the ones used longest ago first. Every node is newer than its children, so the oldest of a list
// is always a leaf. One thread.
// Not here: sessions (serving/prefix_cache.h), files (serving/prefix_disk.h).
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "model/kv_cache.h"

namespace hearth {

class PrefixTree {
 public:
  PrefixTree(model::PagePool& pool, int64_t limit_pages);
  ~PrefixTree();
  PrefixTree(const PrefixTree&) = delete;
  PrefixTree& operator=(const PrefixTree&) = delete;

  struct Match {
    int64_t size = 0;                // tokens
    std::vector<std::byte*> pages;   // [pages_for(size)], valid as long as nothing is given up
  };
  // The longest known prefix; it counts as used.
  Match find(std::string_view scope, std::span<const int32_t> tokens);
  int64_t known(std::string_view scope, std::span<const int32_t> tokens) const;

  struct Inserted {
    std::vector<std::byte*> pages;   // of the path as far as it is remembered, in order
    // A part of page number `extended_page` that was known and is now the beginning of more; 0 tokens: none.
    int64_t extended_page = 0;
    int64_t extended_tokens = 0;
  };
  // Remembers `tokens`, whose keys and values lie in pages[pages_for(tokens)]. What is known already keeps its page. A null
  // page stands for what ought to be known; if it is not, the rest is left out.
  Inserted insert(std::string_view scope, std::span<const int32_t> tokens, std::span<std::byte* const> pages);

  // Gives up pages that nobody else holds until the pool has `count` free ones; whether it has.
  bool make_room(int64_t count);
  int64_t reclaimable_pages() const;
  void clear();
  int64_t pages() const { return pages_; }
  int64_t limit_pages() const { return limit_pages_; }
  int64_t evicted_pages() const { return evicted_pages_; }
  // The rules above, checked node by node. For tests.
  bool is_consistent() const;

 private:
  using Tokens = std::vector<int32_t>;
  struct InOrder {
    using is_transparent = void;
    bool operator()(std::span<const int32_t> a, std::span<const int32_t> b) const;
  };
  struct Node;
  using Children = std::map<Tokens, std::unique_ptr<Node>, InOrder>;
  struct Step {
    Node* node = nullptr;
    int64_t shared = 0;              // tokens
  };
  // Nodes by use; the front is the newest.
  struct List {
    Node* newest = nullptr;
    Node* oldest = nullptr;
    int64_t count = 0;
  };

  const Node* root_of(std::string_view scope) const;
  static Step closest_child(const Node& node, std::span<const int32_t> rest);
  std::vector<Step> walk(std::string_view scope, std::span<const int32_t> tokens) const;
  Node* add_child(Node& parent, std::span<const int32_t> tokens, std::byte* page, int64_t* extended);
  void touch(Node& node, bool found);
  void push_newest(Node& node, bool proven);
  void unlink(Node& node);
  void evict(Node& leaf);
  void keep_limit();

  model::PagePool& pool_;
  const int64_t limit_pages_;
  int64_t pages_ = 0;
  int64_t evicted_pages_ = 0;
  List fresh_;                       // never found again
  List proven_;                      // found again
  std::map<std::string, std::unique_ptr<Node>, std::less<>> roots_;  // by scope
};

}  // namespace hearth
