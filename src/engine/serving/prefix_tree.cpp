// Nodes, their order of use, and what is given up; see prefix_tree.h.
#include "engine/serving/prefix_tree.h"

#include <algorithm>
#include <set>

namespace hearth {
namespace {

constexpr int64_t kNodeTokens = kernels::kPagePositions;
// Of the limit, what was found again may keep so much from what is new.
constexpr int64_t kProvenQuarters = 3;
// A node of which less was used is neither proven nor renewed: nearly all prompts begin with the same few tokens.
constexpr int64_t kWorthTokens = kNodeTokens / 2;

int64_t common_prefix(std::span<const int32_t> a, std::span<const int32_t> b) {
  const size_t count = std::min(a.size(), b.size());
  return std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(count), b.begin()).first - a.begin();
}

bool starts_with(std::span<const int32_t> text, std::span<const int32_t> beginning) {
  return text.size() >= beginning.size() && std::equal(beginning.begin(), beginning.end(), text.begin());
}

}  // namespace

struct PrefixTree::Node {
  Node* parent = nullptr;
  const Tokens* tokens = nullptr;    // the key of the parent's map
  const std::string* scope = nullptr;  // of a root only
  std::byte* page = nullptr;
  Children children;
  Node* newer = nullptr;
  Node* older = nullptr;
  bool proven = false;
  mutable bool held_below = false;   // of reclaimable_pages(): somebody else needs a page below
};

bool PrefixTree::InOrder::operator()(std::span<const int32_t> a, std::span<const int32_t> b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end());
}

PrefixTree::PrefixTree(model::PagePool& pool, int64_t limit_pages) : pool_(pool), limit_pages_(limit_pages) {}
PrefixTree::~PrefixTree() { clear(); }

const PrefixTree::Node* PrefixTree::root_of(std::string_view scope) const {
  const auto found = roots_.find(scope);
  return found == roots_.end() ? nullptr : found->second.get();
}

PrefixTree::Step PrefixTree::closest_child(const Node& node, std::span<const int32_t> rest) {
  Step best;
  const auto consider = [&](const Children::value_type& child) {
    const int64_t shared = common_prefix(child.first, rest);
    if (shared > best.shared) best = {child.second.get(), shared};
  };
  const auto next = node.children.lower_bound(rest);
  if (next != node.children.end()) consider(*next);
  if (next != node.children.begin()) consider(*std::prev(next));
  return best;
}

std::vector<PrefixTree::Step> PrefixTree::walk(std::string_view scope, std::span<const int32_t> tokens) const {
  std::vector<Step> path;
  const Node* node = root_of(scope);
  while (node != nullptr && !tokens.empty()) {
    const Step step = closest_child(*node, tokens.first(std::min<size_t>(tokens.size(), kNodeTokens)));
    if (step.node == nullptr) break;
    path.push_back(step);
    if (step.shared < kNodeTokens) break;
    tokens = tokens.subspan(kNodeTokens);
    node = step.node;
  }
  return path;
}

int64_t PrefixTree::known(std::string_view scope, std::span<const int32_t> tokens) const {
  int64_t size = 0;
  for (const Step& step : walk(scope, tokens)) size += step.shared;
  return size;
}

PrefixTree::Match PrefixTree::find(std::string_view scope, std::span<const int32_t> tokens) {
  const std::vector<Step> path = walk(scope, tokens);
  Match match;
  for (const Step& step : path) {
    match.size += step.shared;
    match.pages.push_back(step.node->page);
  }
  // From the deepest on, so that a node stays newer than its children.
  for (size_t i = path.size(); i-- > 0;) {
    const bool whole = path[i].shared == static_cast<int64_t>(path[i].node->tokens->size());
    if (whole || path[i].shared >= kWorthTokens) touch(*path[i].node, true);
  }
  for (const int64_t most = limit_pages_ * kProvenQuarters / 4; proven_.count > most;) {
    Node& node = *proven_.oldest;
    unlink(node);
    push_newest(node, false);
  }
  return match;
}

PrefixTree::Node* PrefixTree::add_child(Node& parent, std::span<const int32_t> tokens, std::byte* page,
                                        int64_t* extended) {
  const auto next = parent.children.lower_bound(tokens);
  if (next != parent.children.end() && starts_with(next->first, tokens)) return next->second.get();
  if (page == nullptr) return nullptr;
  pool_.share(page);
  if (next != parent.children.begin() && starts_with(tokens, std::prev(next)->first)) {
    auto entry = parent.children.extract(std::prev(next));
    *extended = static_cast<int64_t>(entry.key().size());
    entry.key().assign(tokens.begin(), tokens.end());
    const auto place = parent.children.insert(std::move(entry)).position;
    Node& node = *place->second;
    node.tokens = &place->first;
    pool_.release(node.page);
    node.page = page;
    return &node;
  }
  auto node = std::make_unique<Node>();
  node->parent = &parent;
  node->page = page;
  push_newest(*node, false);
  ++pages_;
  const auto place = parent.children.emplace_hint(next, Tokens(tokens.begin(), tokens.end()), std::move(node));
  place->second->tokens = &place->first;
  return place->second.get();
}

PrefixTree::Inserted PrefixTree::insert(std::string_view scope, std::span<const int32_t> tokens,
                                        std::span<std::byte* const> pages) {
  CHECK(static_cast<int64_t>(pages.size()) == model::pages_for(static_cast<int64_t>(tokens.size())));
  Inserted inserted;
  if (limit_pages_ == 0 || tokens.empty()) return inserted;
  auto root = roots_.find(scope);
  if (root == roots_.end()) {
    root = roots_.emplace(std::string(scope), std::make_unique<Node>()).first;
    root->second->scope = &root->first;
  }
  std::vector<Node*> path;
  Node* node = root->second.get();
  for (size_t i = 0; i < pages.size() && node != nullptr; ++i) {
    int64_t extended = 0;
    node = add_child(*node, tokens.subspan(i * kNodeTokens, std::min<size_t>(tokens.size() - i * kNodeTokens, kNodeTokens)), pages[i], &extended);
    if (node != nullptr) path.push_back(node);
    if (extended == 0) continue;
    inserted.extended_page = static_cast<int64_t>(i);
    inserted.extended_tokens = extended;
  }
  for (size_t i = path.size(); i-- > 0;) touch(*path[i], false);
  if (root->second->children.empty()) roots_.erase(root);
  keep_limit();
  // Walked again, as the end of a path that is longer than the limit is gone.
  for (const Step& step : walk(scope, tokens)) inserted.pages.push_back(step.node->page);
  return inserted;
}

void PrefixTree::push_newest(Node& node, bool proven) {
  List& list = proven ? proven_ : fresh_;
  node.proven = proven;
  node.newer = nullptr;
  node.older = list.newest;
  (list.newest ? list.newest->newer : list.oldest) = &node;
  list.newest = &node;
  ++list.count;
}

void PrefixTree::unlink(Node& node) {
  List& list = node.proven ? proven_ : fresh_;
  (node.newer ? node.newer->older : list.newest) = node.older;
  (node.older ? node.older->newer : list.oldest) = node.newer;
  --list.count;
}

void PrefixTree::touch(Node& node, bool found) {
  unlink(node);
  push_newest(node, node.proven || found);
}

void PrefixTree::evict(Node& leaf) {
  CHECK(leaf.children.empty());
  pool_.release(leaf.page);
  unlink(leaf);
  --pages_;
  ++evicted_pages_;
  Node& parent = *leaf.parent;
  parent.children.erase(parent.children.find(*leaf.tokens));
  if (parent.scope != nullptr && parent.children.empty()) roots_.erase(roots_.find(*parent.scope));
}

void PrefixTree::keep_limit() {
  while (pages_ > limit_pages_) evict(fresh_.oldest ? *fresh_.oldest : *proven_.oldest);
}

bool PrefixTree::make_room(int64_t count) {
  for (const List* list : {&fresh_, &proven_}) {
    for (Node* node = list->oldest; node != nullptr && pool_.free_pages() < count;) {
      Node* const newer = node->newer;
      if (node->children.empty() && !pool_.is_shared(node->page)) evict(*node);
      node = newer;
    }
  }
  return pool_.free_pages() >= count;
}

int64_t PrefixTree::reclaimable_pages() const {
  int64_t count = 0;
  for (const List* list : {&fresh_, &proven_}) {
    for (const Node* node = list->oldest; node != nullptr; node = node->newer) {  // children come before their parents
      if (!node->held_below && !pool_.is_shared(node->page)) {
        ++count;
      } else {
        node->parent->held_below = true;
      }
      node->held_below = false;
    }
  }
  return count;
}

void PrefixTree::clear() {
  const int64_t evicted = evicted_pages_;
  while (fresh_.oldest) evict(*fresh_.oldest);
  while (proven_.oldest) evict(*proven_.oldest);
  evicted_pages_ = evicted;
}

bool PrefixTree::is_consistent() const {
  std::set<const Node*> seen;
  int64_t below = 0;                 // nodes that are some seen node's child
  for (const List* list : {&fresh_, &proven_}) {
    int64_t count = 0;
    for (const Node* node = list->oldest; node != nullptr; node = node->newer, ++count) {
      if (node->proven != (list == &proven_) || node->tokens->empty()) return false;
      if (!node->children.empty() && node->tokens->size() != static_cast<size_t>(kNodeTokens)) return false;
      const Tokens* previous = nullptr;
      for (const auto& [tokens, child] : node->children) {
        if (seen.count(child.get()) == 0 || child->parent != node || child->tokens != &tokens) return false;
        if (previous != nullptr && starts_with(tokens, *previous)) return false;
        previous = &tokens;
      }
      below += static_cast<int64_t>(node->children.size());
      seen.insert(node);
    }
    if (count != list->count) return false;
  }
  for (const auto& [scope, root] : roots_) {
    if (root->children.empty()) return false;
    below += static_cast<int64_t>(root->children.size());
  }
  return below == pages_ && static_cast<int64_t>(seen.size()) == pages_ && pages_ <= limit_pages_;
}

}  // namespace hearth
