// How a mask comes about.
//
// Contract: see mask_builder.h.
// Not here: the walk of one terminal (token_vocabulary.cpp).
#include "text/grammar/mask_builder.h"

#include <algorithm>

#include "text/grammar/limits.h"

namespace hearth::text::grammar {

namespace {

void allow(std::span<const int32_t> tokens, std::span<uint64_t> words) {
  for (const int32_t token : tokens) words[static_cast<size_t>(token) / 64] |= uint64_t{1} << (token % 64);
}

}  // namespace

void MaskBuilder::forget() {
  locals_.clear();
  of_terminal_.clear();
  held_bytes_ = 0;
}

std::shared_ptr<const LocalMask> MaskBuilder::find_or_build(Recogniser* recogniser, RegexId terminal, bool is_long) {
  const TokenTrie& trie = is_long ? vocabulary_->long_tokens() : vocabulary_->short_tokens();
  const RegexId near = recogniser->automaton().without_far_counts(terminal, trie.depth());
  auto& known = of_terminal_[uint64_t{near} << 1 | static_cast<uint64_t>(is_long)];
  if (known) return known;
  std::string key = recogniser->automaton().arena().describe(near, kMaxLocalKeyBytes);
  if (!key.empty()) {
    key.push_back(is_long ? 'l' : 's');
    known = vocabulary_->find(key);
  }
  if (!known) {
    known = build_local_mask(&recogniser->automaton(), near, trie, static_cast<size_t>(vocabulary_->size()), &work_left_);
    if (known && !key.empty()) vocabulary_->remember(key, known);
  }
  if (known) held_bytes_ += known->byte_size() + 64;
  return known;
}

const MaskBuilder::Local* MaskBuilder::local(Recogniser* recogniser, RegexId terminal) {
  Local& found = locals_[terminal];
  if (found.of_long) return &found;
  found.of_short = find_or_build(recogniser, terminal, false);
  if (found.of_short) found.of_long = find_or_build(recogniser, terminal, true);
  held_bytes_ += 96;
  return found.of_long ? &found : nullptr;
}

bool MaskBuilder::build(Recogniser* recogniser, StateId state, std::span<uint64_t> words) {
  work_left_ = kMaxMaskWork;
  if (recogniser->can_end(state)) allow(vocabulary_->stop_ids(), words);
  // Copied: walking makes new states, which moves the readings of old ones.
  const std::vector<Reading> readings(recogniser->readings(state).begin(), recogniser->readings(state).end());
  for (size_t begin = 0; begin < readings.size();) {
    size_t end = begin + 1;
    while (end < readings.size() && readings[end].terminal == readings[begin].terminal) ++end;
    const Local* mask = local(recogniser, readings[begin].terminal);
    if (mask == nullptr) return false;
    const Local held = *mask;
    const std::span<const Reading> same(readings.data() + begin, end - begin);
    if (!apply(recogniser, *held.of_short, vocabulary_->short_tokens(), same, words)) return false;
    if (!apply(recogniser, *held.of_long, vocabulary_->long_tokens(), same, words)) return false;
    begin = end;
  }
  return true;
}

bool MaskBuilder::apply(Recogniser* recogniser, const LocalMask& mask, const TokenTrie& trie, std::span<const Reading> readings,
                        std::span<uint64_t> words) {
  for (size_t i = 0; i < mask.dense.size(); ++i) words[i] |= mask.dense[i];
  allow(mask.sparse, words);
  if (mask.groups.empty()) return true;
  for (const Reading& reading : readings) {
    const StateId rest = recogniser->after(reading.stack);
    for (const LocalMask::Group& group : mask.groups) {
      const StateId next = recogniser->step(rest, group.byte);
      if (recogniser->overflowed()) return false;
      if (next == kDeadState) continue;
      for (uint32_t i = group.begin; i < group.end; ++i) {
        if (!walk(recogniser, trie, mask.resume[i], next, words)) return false;
      }
    }
  }
  return true;
}

// `state` is the one after the node's own byte.
bool MaskBuilder::walk(Recogniser* recogniser, const TokenTrie& trie, uint32_t node, StateId state, std::span<uint64_t> words) {
  const auto& nodes = trie.nodes();
  const uint32_t end = nodes[node].end;
  allow(trie.tokens_at(node), words);
  if (end == node + 1) return true;
  const size_t work_before = recogniser->work();
  levels_.assign(1, {end, state});
  for (uint32_t i = node + 1; i < end;) {
    while (i >= levels_.back().first) levels_.pop_back();
    const StateId next = recogniser->step(levels_.back().second, nodes[i].byte);
    if (recogniser->overflowed() || work_left_ == 0) return false;
    --work_left_;
    if (next == kDeadState) {
      i = nodes[i].end;
      continue;
    }
    allow(trie.tokens_at(i), words);
    if (nodes[i].end > i + 1) levels_.push_back({nodes[i].end, next});
    ++i;
  }
  const size_t work = recogniser->work() - work_before;
  work_left_ -= std::min(work, work_left_);
  return work_left_ > 0;
}

bool MaskBuilder::any_below(Recogniser* recogniser, const TokenTrie& trie, uint32_t node, StateId state) {
  const auto& nodes = trie.nodes();
  const uint32_t end = nodes[node].end;
  levels_.assign(1, {end, state});
  for (uint32_t i = node + 1; i < end;) {
    while (i >= levels_.back().first) levels_.pop_back();
    const StateId next = recogniser->step(levels_.back().second, nodes[i].byte);
    if (next == kDeadState) {
      i = nodes[i].end;
      continue;
    }
    if (nodes[i].own_tokens > 0) return true;
    levels_.push_back({nodes[i].end, next});
    ++i;
  }
  return false;
}

}  // namespace hearth::text::grammar
