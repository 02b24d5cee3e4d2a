// The suffix automaton; contract and exclusions: suffix_drafter.h.
#include "engine/speculation/suffix_drafter.h"

#include <algorithm>

namespace hearth {
namespace {

constexpr int kUpdatedEnds = 16;       // states whose occurrence is moved to the latest one, longest first
constexpr size_t kFirstSlots = 1024, kUsualDraft = 64;
// Shortest match of each class of confidence.
constexpr int64_t kClassFrom[Drafter::kClasses] = {1, 2, 3, 4, 6, 10, 18, 34};

size_t hash_of(int32_t state, int32_t token) {
  const uint64_t key = static_cast<uint64_t>(static_cast<uint32_t>(state)) << 32 | static_cast<uint32_t>(token);
  return static_cast<size_t>((key * 0x9E3779B97F4A7C15u) >> 24);
}

}  // namespace

void SuffixDrafter::clear() {
  tokens_.clear();
  states_.clear();
  edges_.clear();
  slots_.assign(std::max(slots_.size(), kFirstSlots), -1);
  last_ = add_state(0, -1, 0);
  match_length_ = match_end_ = 0;
  draft_.reserve(kUsualDraft);
}

void SuffixDrafter::begin(std::span<const int32_t> timeline, const text::SamplerOptions&) {
  if (static_cast<int64_t>(timeline.size()) > max_tokens_) timeline = timeline.last(static_cast<size_t>(max_tokens_));
  const bool continues = !tokens_.empty() && tokens_.size() <= timeline.size() &&
                         std::equal(tokens_.begin(), tokens_.end(), timeline.begin());
  if (!continues) clear();
  for (const int32_t token : timeline.subspan(tokens_.size())) extend(token);
}

void SuffixDrafter::forget_half() {
  const std::vector<int32_t> kept(tokens_.end() - max_tokens_ / 2, tokens_.end());
  clear();
  for (const int32_t token : kept) extend(token);
}

int32_t SuffixDrafter::add_state(int32_t length, int32_t link, int32_t end) {
  states_.push_back({length, link, end, -1});
  return static_cast<int32_t>(states_.size()) - 1;
}

int32_t SuffixDrafter::find_edge(int32_t state, int32_t token) const {
  const size_t mask = slots_.size() - 1;
  for (size_t slot = hash_of(state, token) & mask; slots_[slot] >= 0; slot = (slot + 1) & mask) {
    const Edge& edge = edges_[slots_[slot]];
    if (edge.state == state && edge.token == token) return slots_[slot];
  }
  return -1;
}

void SuffixDrafter::grow_slots() {
  slots_.assign(slots_.size() * 2, -1);
  const size_t mask = slots_.size() - 1;
  for (size_t i = 0; i < edges_.size(); ++i) {
    size_t slot = hash_of(edges_[i].state, edges_[i].token) & mask;
    while (slots_[slot] >= 0) slot = (slot + 1) & mask;
    slots_[slot] = static_cast<int32_t>(i);
  }
}

void SuffixDrafter::add_edge(int32_t state, int32_t token, int32_t target) {
  edges_.push_back({state, token, target, states_[state].first_edge});
  const auto index = static_cast<int32_t>(edges_.size()) - 1;
  states_[state].first_edge = index;
  if (edges_.size() * 2 > slots_.size()) return grow_slots();
  const size_t mask = slots_.size() - 1;
  size_t slot = hash_of(state, token) & mask;
  while (slots_[slot] >= 0) slot = (slot + 1) & mask;
  slots_[slot] = index;
}

// The strings of `target` up to parent's length + 1 get a state of their own, because they end at more places.
int32_t SuffixDrafter::split(int32_t parent, int32_t token, int32_t target) {
  const int32_t copy = add_state(states_[parent].length + 1, states_[target].link, states_[target].end);
  for (int32_t edge = states_[target].first_edge; edge >= 0; edge = edges_[edge].next) {
    add_edge(copy, edges_[edge].token, edges_[edge].target);
  }
  for (int32_t state = parent; state >= 0; state = states_[state].link) {
    const int32_t edge = find_edge(state, token);
    if (edge < 0 || edges_[edge].target != target) break;
    edges_[edge].target = copy;
  }
  states_[target].link = copy;
  return copy;
}

void SuffixDrafter::extend(int32_t token) {
  if (states_.empty()) clear();
  if (static_cast<int64_t>(tokens_.size()) >= max_tokens_) forget_half();
  tokens_.push_back(token);
  const auto size = static_cast<int32_t>(tokens_.size());
  const int32_t current = add_state(size, 0, size);
  int32_t parent = last_, edge = -1;
  while (parent >= 0 && (edge = find_edge(parent, token)) < 0) {
    add_edge(parent, token, current);
    parent = states_[parent].link;
  }
  if (parent >= 0) {
    const int32_t target = edges_[edge].target;
    const bool whole = states_[target].length == states_[parent].length + 1;
    const int32_t link = whole ? target : split(parent, token, target);
    states_[current].link = link;
  }
  last_ = current;
  int32_t matched = states_[current].link;
  match_length_ = states_[matched].length;
  match_end_ = states_[matched].end;
  for (int i = 0; i < kUpdatedEnds && matched > 0; ++i, matched = states_[matched].link) states_[matched].end = size;
}

int SuffixDrafter::confidence(int ahead) const {
  if (match_length_ == 0) return kNoGuess;
  int found = 0;
  while (found + 1 < kClasses && kClassFrom[found + 1] <= match_length_ + ahead) ++found;
  return found;
}

std::span<const int32_t> SuffixDrafter::propose(int most) {
  draft_.clear();
  if (match_length_ == 0) return draft_;
  const size_t size = tokens_.size();
  for (size_t i = 0; i < static_cast<size_t>(most); ++i) {
    const size_t source = static_cast<size_t>(match_end_) + i;
    draft_.push_back(source < size ? tokens_[source] : draft_[source - size]);
  }
  return draft_;
}

}  // namespace hearth
