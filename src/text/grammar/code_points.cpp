// Ranges of characters as byte languages.
//
// Contract: see code_points.h.
// Not here: case folding.
#include "text/grammar/code_points.h"

#include <algorithm>
#include <cstdio>

namespace hearth::text::grammar {

namespace {

std::string encode(uint32_t code_point) {
  std::string text;
  append_utf8(code_point, &text);
  return text;
}

// Characters first..last that all have `length` bytes: one alternative per run of byte ranges.
void add_ranges(RegexArena* arena, std::string_view first, std::string_view last, std::vector<RegexId>* out) {
  const auto range = [&](int low, int high) { return arena->bytes(ByteSet::range(low, high)); };
  const auto any_tail = [&](size_t length) {
    RegexId tail = kEmptyWord;
    for (size_t i = 0; i < length; ++i) tail = arena->concat(range(0x80, 0xBF), tail);
    return tail;
  };
  const int low = static_cast<uint8_t>(first[0]), high = static_cast<uint8_t>(last[0]);
  const size_t tail = first.size() - 1;
  if (tail == 0) {
    out->push_back(range(low, high));
    return;
  }
  const auto all = [](std::string_view text, char byte) { return std::all_of(text.begin() + 1, text.end(), [&](char c) { return c == byte; }); };
  if (low == high) {
    std::vector<RegexId> tails;
    add_ranges(arena, first.substr(1), last.substr(1), &tails);
    out->push_back(arena->concat(range(low, low), arena->either(std::move(tails))));
    return;
  }
  int middle_low = low, middle_high = high;
  if (!all(first, '\x80')) {
    std::vector<RegexId> tails;
    add_ranges(arena, first.substr(1), std::string(tail, '\xBF'), &tails);
    out->push_back(arena->concat(range(low, low), arena->either(std::move(tails))));
    ++middle_low;
  }
  if (!all(last, '\xBF')) {
    std::vector<RegexId> tails;
    add_ranges(arena, std::string(tail, '\x80'), last.substr(1), &tails);
    out->push_back(arena->concat(range(high, high), arena->either(std::move(tails))));
    --middle_high;
  }
  if (middle_low <= middle_high) out->push_back(arena->concat(range(middle_low, middle_high), any_tail(tail)));
}

}  // namespace

CodePointSet CodePointSet::all() { return of(0, kLastCodePoint); }

CodePointSet CodePointSet::of(uint32_t first, uint32_t last) {
  CodePointSet set;
  set.add(first, last);
  return set;
}

void CodePointSet::add(uint32_t first, uint32_t last) {
  if (first > last) return;
  std::vector<Range> result;
  for (const Range& range : ranges_) {
    if (range.last != UINT32_MAX && range.last + 1 < first) {
      result.push_back(range);
    } else if (last != UINT32_MAX && last + 1 < range.first) {
      if (first <= last) result.push_back({first, last});
      result.push_back(range);
      first = 1, last = 0;  // placed
    } else if (first <= last) {
      first = std::min(first, range.first);
      last = std::max(last, range.last);
    } else {
      result.push_back(range);
    }
  }
  if (first <= last) result.push_back({first, last});
  std::sort(result.begin(), result.end(), [](const Range& a, const Range& b) { return a.first < b.first; });
  ranges_.swap(result);
}

void CodePointSet::add(const CodePointSet& other) {
  for (const Range& range : other.ranges_) add(range.first, range.last);
}

CodePointSet CodePointSet::complement() const {
  CodePointSet result;
  uint32_t next = 0;
  for (const Range& range : ranges_) {
    if (range.first > next) result.ranges_.push_back({next, range.first - 1});
    next = range.last + 1;
  }
  if (next <= kLastCodePoint) result.ranges_.push_back({next, kLastCodePoint});
  return result;
}

CodePointSet CodePointSet::intersect(const CodePointSet& other) const {
  CodePointSet outside = complement();
  outside.add(other.complement());
  return outside.complement();
}

void append_utf8(uint32_t code_point, std::string* out) {
  const auto put = [&](uint32_t byte) { out->push_back(static_cast<char>(byte)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
    put(0x80 | (code_point & 0x3F));
  } else if (code_point < 0x10000) {
    put(0xE0 | code_point >> 12);
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  } else {
    put(0xF0 | code_point >> 18);
    put(0x80 | (code_point >> 12 & 0x3F));
    put(0x80 | (code_point >> 6 & 0x3F));
    put(0x80 | (code_point & 0x3F));
  }
}

RegexId utf8_character(RegexArena* arena, const CodePointSet& set) {
  constexpr CodePointSet::Range kLengths[] = {{0, 0x7F}, {0x80, 0x7FF}, {0x800, 0xD7FF}, {0xE000, 0xFFFF}, {0x10000, kLastCodePoint}};
  std::vector<RegexId> parts;
  for (const CodePointSet::Range& range : set.ranges()) {
    for (const CodePointSet::Range& length : kLengths) {
      const uint32_t first = std::max(range.first, length.first), last = std::min(range.last, length.last);
      if (first <= last) add_ranges(arena, encode(first), encode(last), &parts);
    }
  }
  return arena->either(std::move(parts));
}

RegexId json_character(RegexArena* arena, const CodePointSet& set) {
  CodePointSet plain = CodePointSet::of(0x20, kLastCodePoint);
  CodePointSet special = CodePointSet::of('"', '"');
  special.add('\\', '\\');
  special.add(0, 0x1F);
  plain = plain.intersect(special.complement());
  std::vector<std::string> escapes;
  const CodePointSet escaped = set.intersect(special);
  for (const CodePointSet::Range& range : escaped.ranges()) {
    for (uint32_t c = range.first; c <= range.last; ++c) escapes.push_back(json_spelling(encode(c)));
  }
  return arena->either(utf8_character(arena, set.intersect(plain)), arena->one_of(std::move(escapes)));
}

RegexId any_json_character(RegexArena* arena) {
  CodePointSet plain = CodePointSet::of(0x20, kLastCodePoint);
  CodePointSet special = CodePointSet::of('"', '"');
  special.add('\\', '\\');
  plain = plain.intersect(special.complement());
  const auto set_of = [&](std::string_view bytes) {
    ByteSet set;
    for (const char c : bytes) set.add(static_cast<uint8_t>(c));
    return arena->bytes(set);
  };
  const RegexId hex = set_of("0123456789abcdefABCDEF");
  const RegexId escape = arena->byte('\\'), u = arena->byte('u');
  const auto four = [&](RegexId first, RegexId second) { return arena->concat(std::vector<RegexId>{first, second, hex, hex}); };
  const RegexId d = set_of("dD");
  const RegexId single = arena->either(four(set_of("0123456789abcefABCEF"), hex), four(d, set_of("01234567")));
  const RegexId pair = arena->concat(std::vector<RegexId>{four(d, set_of("89abAB")), escape, u, four(d, set_of("cdefCDEF"))});
  const RegexId escaped = arena->either(set_of("\"\\/bfnrt"), arena->concat(u, arena->either(single, pair)));
  return arena->either(utf8_character(arena, plain), arena->concat(escape, escaped));
}

std::string json_spelling(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '"': out += "\\\""; break;
      case '\\': out += "\\\\"; break;
      case '\b': out += "\\b"; break;
      case '\f': out += "\\f"; break;
      case '\n': out += "\\n"; break;
      case '\r': out += "\\r"; break;
      case '\t': out += "\\t"; break;
      default:
        if (static_cast<uint8_t>(c) < 0x20) {
          char escape[8];
          std::snprintf(escape, sizeof escape, "\\u%04x", static_cast<unsigned>(c));
          out += escape;
        } else {
          out.push_back(c);
        }
    }
  }
  return out;
}

}  // namespace hearth::text::grammar
