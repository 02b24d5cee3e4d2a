// Derivatives, the search for dead states, and the abstraction of far counts.
//
// Contract: see regex_automaton.h. Recursion is bounded by kMaxRegexDepth; long sequences are walked in loops.
// Not here: the normal forms (regex.cpp).
#include "text/grammar/regex_automaton.h"

#include <algorithm>
#include <map>

#include "text/grammar/limits.h"
#include "text/hash.h"

namespace hearth::text::grammar {

namespace {

constexpr size_t kCachedDerivatives = 4096;

bool is_plain(int byte) { return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\'; }

}  // namespace

void RegexAutomaton::classify_bytes() {
  std::map<std::vector<bool>, uint8_t> found;
  representatives_.clear();
  for (int byte = 0; byte < 256; ++byte) {
    std::vector<bool> key;
    for (const ByteSet& set : arena_.byte_sets()) key.push_back(set.has(static_cast<uint8_t>(byte)));
    // Divisibility looks at single digits, masks at plain characters.
    key.push_back(is_plain(byte));
    for (int digit = '0'; digit <= '9'; ++digit) key.push_back(byte == digit);
    for (const char sign : {'-', '.'}) key.push_back(byte == sign);
    const auto [place, added] = found.try_emplace(std::move(key), static_cast<uint8_t>(representatives_.size()));
    if (added) representatives_.push_back(static_cast<uint8_t>(byte));
    classes_[byte] = place->second;
  }
  classified_sets_ = arena_.byte_sets().size();
}

void RegexAutomaton::freeze() {
  classify_bytes();
  is_frozen_ = true;
  frozen_ = arena_.mark();
  arena_.set_max_nodes(SIZE_MAX);  // from here on the recogniser's budget holds
  forget();
}

void RegexAutomaton::forget() {
  arena_.truncate(frozen_);
  rows_ = {};
  deltas_ = {};
  life_ = {};
  plain_loop_ = {};
  cache_.assign(kCachedDerivatives, {});
  overflowed_ = false;
}

void RegexAutomaton::clear_overflow() {
  arena_.clear_overflow();
  overflowed_ = false;
}

size_t RegexAutomaton::byte_size() const {
  return arena_.byte_size() + rows_.size() * sizeof(uint32_t) + deltas_.size() * sizeof(RegexId) + life_.size() + plain_loop_.size();
}

uint32_t RegexAutomaton::row(RegexId state) {
  if (state >= rows_.size()) rows_.resize(std::max<size_t>(state + 1, arena_.size()), kNoRow);
  if (rows_[state] == kNoRow) {
    rows_[state] = static_cast<uint32_t>(deltas_.size());
    deltas_.resize(deltas_.size() + class_count(), kUnknown);
  }
  return rows_[state];
}

RegexId RegexAutomaton::compute_step(RegexId state, uint8_t byte_class) {
  if (state <= kEmptyWord) return kEmptyLanguage;
  RegexId next = derive(state, representatives_[byte_class]);
  if (!alive(next)) next = kEmptyLanguage;
  if (!overflowed()) deltas_[row(state) + byte_class] = next;
  return next;
}

RegexId RegexAutomaton::derive(RegexId state, uint8_t byte) {
  const RegexArena::Node node = arena_.node(state);
  if (node.kind == RegexKind::kBytes) return arena_.byte_set(state).has(byte) ? kEmptyWord : kEmptyLanguage;
  if (node.kind <= RegexKind::kEmptyWord || overflowed()) return kEmptyLanguage;
  const size_t slot = hash_pair(static_cast<int32_t>(state), byte) % kCachedDerivatives;
  if (cache_.empty()) cache_.resize(kCachedDerivatives);
  if (cache_[slot].state == state && cache_[slot].byte == byte) return cache_[slot].result;
  if (++derivatives_ > kMaxCompileDerivatives && !is_frozen_) overflowed_ = true;
  RegexId result = kEmptyLanguage;
  switch (node.kind) {
    case RegexKind::kConcat: result = derive_concat(state, byte); break;
    case RegexKind::kMultiple: result = derive_multiple(state, byte); break;
    case RegexKind::kNot: result = arena_.complement(derive(node.a, byte)); break;
    case RegexKind::kRepeat: {
      const RegexId rest = arena_.repeat(node.a, node.low == 0 ? 0 : node.low - 1, node.high == kUnbounded ? kUnbounded : node.high - 1);
      result = arena_.concat(derive(node.a, byte), rest);
      break;
    }
    default: {
      std::vector<RegexId> parts(arena_.children(state).begin(), arena_.children(state).end());
      bool dead = false;
      for (RegexId& part : parts) {
        part = derive(part, byte);
        dead |= node.kind == RegexKind::kAnd && part == kEmptyLanguage;
        if (dead) break;
      }
      if (!dead) result = node.kind == RegexKind::kOr ? arena_.either(std::move(parts)) : arena_.both(std::move(parts));
    }
  }
  if (!overflowed()) cache_[slot] = {state, result, byte};
  return result;
}

RegexId RegexAutomaton::derive_concat(RegexId state, uint8_t byte) {
  std::vector<RegexId> parts;
  for (;;) {
    const RegexArena::Node node = arena_.node(state);
    if (node.kind != RegexKind::kConcat) {
      parts.push_back(derive(state, byte));
      break;
    }
    parts.push_back(arena_.concat(derive(node.a, byte), node.b));
    if (!arena_.nullable(node.a)) break;
    state = node.b;
  }
  return arena_.either(std::move(parts));
}

RegexId RegexAutomaton::derive_multiple(RegexId state, uint8_t byte) {
  Multiple m = arena_.multiple_of(state);
  if (byte == '-') return state;
  if (byte == '.') {
    if (m.fraction_digits >= 0) return kEmptyLanguage;
    m.fraction_digits = 0;
    return arena_.multiple(m);
  }
  if (byte < '0' || byte > '9') return kEmptyLanguage;
  if (m.fraction_digits >= 0) {
    if (static_cast<uint32_t>(m.fraction_digits) == m.scale) return byte == '0' ? state : kEmptyLanguage;
    ++m.fraction_digits;
  }
  m.remainder = static_cast<uint32_t>((uint64_t{m.remainder} * 10 + static_cast<uint32_t>(byte - '0')) % m.modulus);
  return arena_.multiple(m);
}

bool RegexAutomaton::alive(RegexId state) {
  const auto known = [&](RegexId id) {
    const RegexArena::Node& node = arena_.node(id);
    if (id == kEmptyLanguage) return Life::kDead;
    if (node.nullable || !node.needs_search) return Life::kAlive;
    return id < life_.size() ? life_[id] : Life::kUnknown;
  };
  const auto remember = [&](RegexId id, Life life) {
    if (id >= life_.size()) life_.resize(std::max<size_t>(id + 1, arena_.size()), Life::kUnknown);
    life_[id] = life;
  };
  if (known(state) != Life::kUnknown) return known(state) == Life::kAlive;
  if (!is_frozen_ && classified_sets_ != arena_.byte_sets().size()) classify_bytes();
  // Depth first: a path to an end makes everything on it alive; where there is none, all that was visited is dead.
  struct Visit {
    RegexId state;
    size_t next_class;
  };
  std::vector<Visit> path{{state, 0}};
  std::vector<RegexId> visited{state};
  std::map<RegexId, bool> seen{{state, true}};
  while (!path.empty()) {
    if (path.back().next_class == class_count()) {
      path.pop_back();
      continue;
    }
    const RegexId next = derive(path.back().state, representatives_[path.back().next_class++]);
    if (overflowed() || visited.size() > kMaxSearchStates) {
      overflowed_ = true;
      return false;
    }
    const Life life = known(next);
    if (life == Life::kAlive) {
      for (const Visit& visit : path) remember(visit.state, Life::kAlive);
      return true;
    }
    if (life == Life::kDead || !seen.try_emplace(next, true).second) continue;
    visited.push_back(next);
    path.push_back({next, 0});
  }
  for (const RegexId id : visited) remember(id, Life::kDead);
  return false;
}

bool RegexAutomaton::matches(RegexId state, std::string_view text) {
  for (const char c : text) state = derive(state, static_cast<uint8_t>(c));
  return arena_.nullable(state);
}

bool RegexAutomaton::has_plain_loop(RegexId state) {
  if (state >= plain_loop_.size()) plain_loop_.resize(std::max<size_t>(state + 1, arena_.size()), 0);
  if (plain_loop_[state] == 0) {
    bool loops = true;
    for (size_t c = 0; c < class_count() && loops; ++c) {
      if (is_plain(representatives_[c])) loops = step_class(state, static_cast<uint8_t>(c)) == state;
    }
    if (state >= plain_loop_.size()) plain_loop_.resize(state + 1, 0);
    plain_loop_[state] = loops ? 2 : 1;
  }
  return plain_loop_[state] == 2;
}

RegexId RegexAutomaton::without_far_counts(RegexId state, uint32_t max_bytes) {
  const RegexArena::Node& node = arena_.node(state);
  // Inside an intersection a bound decides about other parts' far ends too.
  if (!node.has_counts || node.needs_search) return state;
  const RegexId capped = cap(state, max_bytes);
  return overflowed() ? state : capped;
}

RegexId RegexAutomaton::cap(RegexId state, uint32_t max_bytes) {
  const RegexArena::Node node = arena_.node(state);
  if (!node.has_counts) return state;
  switch (node.kind) {
    case RegexKind::kConcat: {
      std::vector<RegexId> parts;
      RegexId rest = state;
      for (; arena_.node(rest).kind == RegexKind::kConcat; rest = arena_.node(rest).b) parts.push_back(arena_.node(rest).a);
      parts.push_back(rest);
      for (RegexId& part : parts) part = cap(part, max_bytes);
      return arena_.concat(parts);
    }
    case RegexKind::kOr: {
      std::vector<RegexId> parts(arena_.children(state).begin(), arena_.children(state).end());
      for (RegexId& part : parts) part = cap(part, max_bytes);
      return arena_.either(std::move(parts));
    }
    case RegexKind::kRepeat:
      return arena_.repeat(cap(node.a, max_bytes), std::min(node.low, max_bytes + 1), node.high > max_bytes ? kUnbounded : node.high);
    default: return state;
  }
}

}  // namespace hearth::text::grammar
