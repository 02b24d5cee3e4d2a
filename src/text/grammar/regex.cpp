// Construction of regular expressions in normal form.
//
// Contract: see regex.h. The rules applied here are equalities of languages; they keep the number of distinct derivatives small.
// Not here: derivatives.
#include "text/grammar/regex.h"

#include <algorithm>
#include <map>
#include <tuple>

#include "text/grammar/limits.h"
#include "text/hash.h"

namespace hearth::text::grammar {

namespace {

constexpr size_t kFirstNodeSlots = 1024;

uint32_t multiply_saturated(uint32_t a, uint32_t b) {
  const uint64_t product = uint64_t{a} * b;
  return product >= kUnbounded ? kUnbounded - 1 : static_cast<uint32_t>(product);
}

}  // namespace

RegexArena::RegexArena() : slots_(kFirstNodeSlots, 0), max_nodes_(kMaxRegexNodes) {
  nodes_.push_back({RegexKind::kEmptyLanguage, false, false, false, 1, kUnbounded, 0, 0, 0, 0});
  nodes_.push_back({RegexKind::kEmptyWord, true, false, false, 1, 0, 0, 0, 0, 0});
  anything_ = star(bytes(ByteSet::all()));
}

size_t RegexArena::byte_size() const {
  return nodes_.size() * sizeof(Node) + pool_.size() * sizeof(RegexId) + sets_.size() * sizeof(ByteSet) +
         multiples_.size() * sizeof(Multiple) + slots_.size() * sizeof(uint32_t);
}

uint64_t RegexArena::hash_of(const Node& node) const {
  uint64_t hash = mix_hash(static_cast<uint64_t>(node.kind), uint64_t{node.low} << 32 | node.high);
  if (node.kind == RegexKind::kOr || node.kind == RegexKind::kAnd) {
    for (uint32_t i = 0; i < node.b; ++i) hash = mix_hash(hash, pool_[node.a + i]);
    return hash;
  }
  if (node.kind == RegexKind::kMultiple) {
    const Multiple& m = multiples_[node.a];
    hash = mix_hash(hash, uint64_t{m.modulus} << 32 | m.remainder);
    return mix_hash(hash, uint64_t{m.scale} << 32 | static_cast<uint32_t>(m.fraction_digits));
  }
  return mix_hash(hash, uint64_t{node.a} << 32 | node.b);
}

bool RegexArena::same(const Node& left, const Node& right) const {
  if (left.kind != right.kind || left.low != right.low || left.high != right.high) return false;
  if (left.kind == RegexKind::kOr || left.kind == RegexKind::kAnd) {
    return left.b == right.b && std::equal(pool_.begin() + left.a, pool_.begin() + left.a + left.b, pool_.begin() + right.a);
  }
  if (left.kind == RegexKind::kMultiple) {
    const Multiple &l = multiples_[left.a], &r = multiples_[right.a];
    return l.modulus == r.modulus && l.remainder == r.remainder && l.scale == r.scale && l.fraction_digits == r.fraction_digits;
  }
  return left.a == right.a && left.b == right.b;
}

void RegexArena::grow_slots() {
  std::vector<uint32_t> slots(slots_.size() * 2, 0);
  const size_t mask = slots.size() - 1;
  for (size_t id = 2; id < nodes_.size(); ++id) {
    size_t slot = hash_of(nodes_[id]) & mask;
    while (slots[slot] != 0) slot = (slot + 1) & mask;
    slots[slot] = static_cast<uint32_t>(id + 1);
  }
  slots_.swap(slots);
}

RegexId RegexArena::intern(Node node) {
  const size_t mask = slots_.size() - 1;
  size_t slot = hash_of(node) & mask;
  for (; slots_[slot] != 0; slot = (slot + 1) & mask) {
    if (same(nodes_[slots_[slot] - 1], node)) return slots_[slot] - 1;
  }
  if (nodes_.size() >= max_nodes_ || node.depth > kMaxRegexDepth) {
    overflowed_ = true;
    return kEmptyLanguage;
  }
  nodes_.push_back(node);
  slots_[slot] = static_cast<uint32_t>(nodes_.size());
  const auto id = static_cast<RegexId>(nodes_.size() - 1);
  if (nodes_.size() * 2 > slots_.size()) grow_slots();
  return id;
}

void RegexArena::truncate(const Mark& mark) {
  nodes_.resize(mark.nodes);
  std::erase_if(set_indices_, [&](const auto& entry) { return entry.second >= mark.sets; });
  sets_.resize(mark.sets);
  multiples_.resize(mark.multiples);
  pool_.resize(mark.pool);
  size_t size = kFirstNodeSlots;
  while (size < nodes_.size() * 2) size *= 2;
  slots_ = std::vector<uint32_t>(size / 2, 0);
  grow_slots();
  overflowed_ = false;
}

uint32_t RegexArena::set_index(const ByteSet& set) {
  const auto [place, added] = set_indices_.try_emplace(set.words, static_cast<uint32_t>(sets_.size()));
  if (added) sets_.push_back(set);
  return place->second;
}

RegexId RegexArena::bytes(const ByteSet& set) {
  if (set.empty()) return kEmptyLanguage;
  return intern({RegexKind::kBytes, false, false, false, 1, 1, set_index(set), 0, 0, 0});
}

RegexId RegexArena::byte(uint8_t value) { return bytes(ByteSet::range(value, value)); }

RegexId RegexArena::literal(std::string_view text) {
  RegexId result = kEmptyWord;
  for (size_t i = text.size(); i-- > 0;) result = concat(byte(static_cast<uint8_t>(text[i])), result);
  return result;
}

RegexId RegexArena::concat(std::span<const RegexId> parts) {
  RegexId result = kEmptyWord;
  for (size_t i = parts.size(); i-- > 0;) result = concat(parts[i], result);
  return result;
}

RegexId RegexArena::concat(RegexId first, RegexId second) {
  if (first == kEmptyLanguage || second == kEmptyLanguage) return kEmptyLanguage;
  if (first == kEmptyWord) return second;
  if (second == kEmptyWord) return first;
  std::vector<RegexId> heads;
  while (nodes_[first].kind == RegexKind::kConcat) {
    heads.push_back(nodes_[first].a);
    first = nodes_[first].b;
  }
  heads.push_back(first);
  for (size_t i = heads.size(); i-- > 0;) {
    const RegexId head = heads[i];
    // Two neighbouring repeats of one thing are one repeat.
    if (nodes_[head].kind == RegexKind::kRepeat) {
      const bool chain = nodes_[second].kind == RegexKind::kConcat;
      const RegexId next = chain ? nodes_[second].a : second;
      if (nodes_[next].kind == RegexKind::kRepeat && nodes_[next].a == nodes_[head].a) {
        const RegexId joined = repeat(nodes_[head].a, add_saturated(nodes_[head].low, nodes_[next].low),
                                      add_saturated(nodes_[head].high, nodes_[next].high));
        second = chain ? concat(joined, nodes_[second].b) : joined;
        continue;
      }
    }
    const Node &a = nodes_[head], &b = nodes_[second];
    Node node{RegexKind::kConcat, a.nullable && b.nullable, a.needs_search || b.needs_search, a.has_counts || b.has_counts,
              std::max(a.depth + 1, b.depth), add_saturated(a.min_length, b.min_length), head, second, 0, 0};
    second = intern(node);
    if (second == kEmptyLanguage) return kEmptyLanguage;
  }
  return second;
}

RegexId RegexArena::repeat(RegexId part, uint32_t low, uint32_t high) {
  if (low > high) return kEmptyLanguage;
  if (high == 0 || part == kEmptyWord) return kEmptyWord;
  if (part == kEmptyLanguage) return low == 0 ? kEmptyWord : kEmptyLanguage;
  if (low == 1 && high == 1) return part;
  const Node inner = nodes_[part];
  if (inner.nullable) low = 0;
  if (inner.kind == RegexKind::kRepeat) {
    // (x*){..} is x*; (x?)* and (x+)* are x*.
    if (inner.low == 0 && inner.high == kUnbounded) return part;
    if (inner.low <= 1 && high == kUnbounded && low == 0) return repeat(inner.a, 0, kUnbounded);
  }
  Node node{RegexKind::kRepeat, low == 0, inner.needs_search, inner.has_counts || low > 1 || (high != kUnbounded && high > 1),
            inner.depth + 1, multiply_saturated(inner.min_length, low), part, 0, low, high};
  return intern(node);
}

RegexId RegexArena::complement(RegexId part) {
  if (part == kEmptyLanguage) return anything_;
  if (part == anything_) return kEmptyLanguage;
  const Node& inner = nodes_[part];
  if (inner.kind == RegexKind::kNot) return inner.a;
  return intern({RegexKind::kNot, !inner.nullable, true, inner.has_counts, inner.depth + 1, inner.nullable ? 1u : 0u, part, 0, 0, 0});
}

RegexId RegexArena::multiple(const Multiple& value) {
  Multiple reduced = value;
  reduced.remainder %= reduced.modulus;
  uint64_t rest = reduced.remainder;
  const auto used = static_cast<uint32_t>(std::max(reduced.fraction_digits, 0));
  for (uint32_t i = used; i < reduced.scale; ++i) rest = rest * 10 % reduced.modulus;
  multiples_.push_back(reduced);
  const auto index = static_cast<uint32_t>(multiples_.size() - 1);
  const size_t before = nodes_.size();
  const RegexId id = intern({RegexKind::kMultiple, rest == 0, true, false, 1, rest == 0 ? 0u : 1u, index, 0, 0, 0});
  if (nodes_.size() == before) multiples_.pop_back();
  return id;
}

// Replaces lists of the same kind by what is in them. False if nothing had to be done.
bool RegexArena::flatten(RegexKind kind, std::vector<RegexId>* parts) const {
  bool nested = false;
  for (const RegexId part : *parts) nested |= nodes_[part].kind == kind;
  if (!nested) return false;
  std::vector<RegexId> flat;
  for (const RegexId part : *parts) {
    if (nodes_[part].kind != kind) {
      flat.push_back(part);
      continue;
    }
    for (const RegexId child : children(part)) flat.push_back(child);
  }
  parts->swap(flat);
  return true;
}

void RegexArena::merge_byte_sets(bool intersect, std::vector<RegexId>* parts) {
  ByteSet merged = intersect ? ByteSet::all() : ByteSet{};
  size_t count = 0;
  for (const RegexId part : *parts) {
    if (nodes_[part].kind != RegexKind::kBytes) continue;
    merged = intersect ? merged & byte_set(part) : merged | byte_set(part);
    ++count;
  }
  if (count < 2) return;
  std::erase_if(*parts, [&](RegexId part) { return nodes_[part].kind == RegexKind::kBytes; });
  parts->push_back(bytes(merged));
}

// x r{a,b} y | x r{c,d} y = x r{min,max} y where the ranges touch. Without it, counted repeats of things that can be read in
// several ways would give one alternative per count.
void RegexArena::merge_counts(std::vector<RegexId>* parts) {
  const auto counted = std::count_if(parts->begin(), parts->end(), [&](RegexId part) { return nodes_[part].has_counts; });
  if (counted < 2) return;
  struct Split {
    std::vector<RegexId> prefix;
    RegexId repeated, suffix;
    bool operator<(const Split& o) const { return std::tie(prefix, repeated, suffix) < std::tie(o.prefix, o.repeated, o.suffix); }
  };
  std::map<Split, std::vector<std::pair<uint32_t, uint32_t>>> groups;
  std::vector<RegexId> others;
  for (const RegexId part : *parts) {
    Split split{{}, 0, kEmptyWord};
    RegexId rest = part;
    bool found = false;
    while (!found && split.prefix.size() < 8) {
      const bool chain = nodes_[rest].kind == RegexKind::kConcat;
      const RegexId head = chain ? nodes_[rest].a : rest;
      const Node& node = nodes_[head];
      if (node.kind == RegexKind::kRepeat && (node.low > 0 || (node.high != kUnbounded && node.high > 1))) {
        split.repeated = node.a;
        split.suffix = chain ? nodes_[rest].b : kEmptyWord;
        groups[split].push_back({node.low, node.high});
        found = true;
      } else {
        if (!chain) break;
        split.prefix.push_back(head);
        rest = nodes_[rest].b;
      }
    }
    if (!found) others.push_back(part);
  }
  bool merged = false;
  std::vector<RegexId> result = std::move(others);
  for (auto& [split, ranges] : groups) {
    std::sort(ranges.begin(), ranges.end());
    std::vector<std::pair<uint32_t, uint32_t>> joined;
    for (const auto& range : ranges) {
      if (!joined.empty() && (joined.back().second == kUnbounded || range.first <= joined.back().second + 1)) {
        joined.back().second = std::max(joined.back().second, range.second);
        merged = true;
      } else {
        joined.push_back(range);
      }
    }
    for (const auto& [low, high] : joined) {
      RegexId id = concat(repeat(split.repeated, low, high), split.suffix);
      for (size_t i = split.prefix.size(); i-- > 0;) id = concat(split.prefix[i], id);
      result.push_back(id);
    }
  }
  if (merged) parts->swap(result);
}

RegexId RegexArena::intern_list(RegexKind kind, const std::vector<RegexId>& parts) {
  const bool either = kind == RegexKind::kOr;
  Node node{kind, !either, !either, false, 0, either ? kUnbounded : 0u, 0, 0, 0, 0};
  for (const RegexId part : parts) {
    const Node& child = nodes_[part];
    node.nullable = either ? node.nullable || child.nullable : node.nullable && child.nullable;
    node.needs_search |= child.needs_search;
    node.has_counts |= child.has_counts;
    node.depth = std::max(node.depth, child.depth + 1);
    node.min_length = either ? std::min(node.min_length, child.min_length) : std::max(node.min_length, child.min_length);
  }
  node.a = static_cast<uint32_t>(pool_.size());
  node.b = static_cast<uint32_t>(parts.size());
  pool_.insert(pool_.end(), parts.begin(), parts.end());
  const size_t before = nodes_.size();
  const RegexId id = intern(node);
  if (nodes_.size() == before) pool_.resize(node.a);
  return id;
}

RegexId RegexArena::either(std::vector<RegexId> parts) {
  for (int round = 0; round < 2; ++round) {
    flatten(RegexKind::kOr, &parts);
    std::sort(parts.begin(), parts.end());
    parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
    std::erase(parts, kEmptyLanguage);
    if (parts.size() < 2) break;
    if (round == 0) {
      merge_byte_sets(false, &parts);
      merge_counts(&parts);
    }
  }
  bool other_nullable = false;
  for (const RegexId part : parts) {
    if (part == anything_) return anything_;
    other_nullable |= part != kEmptyWord && nodes_[part].nullable;
  }
  if (other_nullable) std::erase(parts, kEmptyWord);
  if (parts.empty()) return kEmptyLanguage;
  if (parts.size() == 1) return parts[0];
  return intern_list(RegexKind::kOr, parts);
}

RegexId RegexArena::both(std::vector<RegexId> parts) {
  flatten(RegexKind::kAnd, &parts);
  merge_byte_sets(true, &parts);
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  std::erase(parts, anything_);
  bool all_nullable = true, has_empty_word = false;
  for (const RegexId part : parts) {
    if (part == kEmptyLanguage) return kEmptyLanguage;
    has_empty_word |= part == kEmptyWord;
    all_nullable &= nodes_[part].nullable;
    if (nodes_[part].kind == RegexKind::kNot && std::binary_search(parts.begin(), parts.end(), nodes_[part].a)) return kEmptyLanguage;
  }
  if (has_empty_word) return all_nullable ? kEmptyWord : kEmptyLanguage;
  if (parts.empty()) return anything_;
  if (parts.size() == 1) return parts[0];
  return intern_list(RegexKind::kAnd, parts);
}

std::string RegexArena::describe(RegexId id, size_t limit) const {
  std::string out;
  std::map<RegexId, uint32_t> seen;
  std::vector<RegexId> open{id};
  const auto put = [&](uint64_t value) { out.append(reinterpret_cast<const char*>(&value), sizeof value); };
  while (!open.empty() && out.size() <= limit) {
    const RegexId next = open.back();
    open.pop_back();
    const auto [place, added] = seen.try_emplace(next, static_cast<uint32_t>(seen.size()));
    out.push_back(added ? static_cast<char>(nodes_[next].kind) : '\x7f');
    if (!added) {
      put(place->second);
      continue;
    }
    const Node& node = nodes_[next];
    switch (node.kind) {
      case RegexKind::kEmptyLanguage:
      case RegexKind::kEmptyWord: break;
      case RegexKind::kBytes:
        for (const uint64_t word : sets_[node.a].words) put(word);
        break;
      case RegexKind::kMultiple: {
        const Multiple& m = multiples_[node.a];
        put(uint64_t{m.modulus} << 32 | m.remainder);
        put(uint64_t{m.scale} << 32 | static_cast<uint32_t>(m.fraction_digits));
        break;
      }
      case RegexKind::kConcat:
        open.push_back(node.b);
        open.push_back(node.a);
        break;
      case RegexKind::kOr:
      case RegexKind::kAnd:
        put(node.b);
        for (const RegexId child : children(next)) open.push_back(child);
        break;
      case RegexKind::kRepeat: put(uint64_t{node.low} << 32 | node.high); [[fallthrough]];
      case RegexKind::kNot: open.push_back(node.a);
    }
  }
  return out.size() > limit ? std::string() : out;
}

RegexId RegexArena::one_of_sorted(std::span<const std::string> words, size_t offset) {
  // What all of them begin with, then one alternative per next byte.
  const std::string &first = words.front(), &last = words.back();
  size_t common = offset;
  while (common < first.size() && common < last.size() && first[common] == last[common]) ++common;
  std::vector<RegexId> tails;
  size_t begin = 0;
  if (first.size() == common) {
    tails.push_back(kEmptyWord);
    ++begin;
  }
  while (begin < words.size()) {
    size_t end = begin + 1;
    while (end < words.size() && words[end][common] == words[begin][common]) ++end;
    const RegexId head = byte(static_cast<uint8_t>(words[begin][common]));
    tails.push_back(concat(head, one_of_sorted(words.subspan(begin, end - begin), common + 1)));
    begin = end;
  }
  return concat(literal(std::string_view(first).substr(offset, common - offset)), either(std::move(tails)));
}

RegexId RegexArena::one_of(std::vector<std::string> words) {
  std::sort(words.begin(), words.end());
  words.erase(std::unique(words.begin(), words.end()), words.end());
  if (words.empty()) return kEmptyLanguage;
  return one_of_sorted(words, 0);
}

}  // namespace hearth::text::grammar
