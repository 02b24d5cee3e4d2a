// The language of a parsed pattern.
//
// Contract: see pattern.h. A part's language is kept apart by whether it insists on the string's beginning or end, so that
// anchors mean the right thing wherever they stand.
// Not here: syntax (pattern_parser.cpp).
#include "text/grammar/pattern.h"

#include <algorithm>
#include <array>

namespace hearth::text::grammar {

namespace {

using Kind = PatternNode::Kind;

// [insists on the beginning][insists on the end]
using Variants = std::array<std::array<RegexId, 2>, 2>;

class Lowering {
 public:
  Lowering(RegexArena* arena, Spelling spelling) : arena_(*arena), spelling_(spelling) {
    any_ = arena_.star(character_language(arena, CodePointSet::all(), spelling));
  }

  Result<RegexId> whole(const PatternNode& node) {
    if (node.kind != Kind::kChoice) return branch(node);
    std::vector<RegexId> parts;
    for (const PatternNode& part : node.parts) parts.push_back(TRY(branch(part)));
    return arena_.either(std::move(parts));
  }

 private:
  // Look-aheads right after ^ are conditions on the whole string.
  Result<RegexId> branch(const PatternNode& node) {
    if (node.kind != Kind::kSequence) return searched(TRY(lower(node)));
    size_t at = 0;
    while (at < node.parts.size() && node.parts[at].kind == Kind::kStart) ++at;
    if (at == 0 || at == node.parts.size() || node.parts[at].kind != Kind::kLook) return searched(TRY(lower(node)));
    std::vector<RegexId> conditions;
    for (; at < node.parts.size() && node.parts[at].kind == Kind::kLook; ++at) {
      const Variants look = TRY(lower(node.parts[at].parts[0]));
      const RegexId open = arena_.either(look[0][0], look[1][0]), closed = arena_.either(look[0][1], look[1][1]);
      const RegexId condition = arena_.either(arena_.concat(open, any_), closed);
      conditions.push_back(node.parts[at].negative ? arena_.both(any_, arena_.complement(condition)) : condition);
    }
    PatternNode rest;
    rest.parts.push_back(node.parts[0]);
    rest.parts.insert(rest.parts.end(), node.parts.begin() + static_cast<std::ptrdiff_t>(at), node.parts.end());
    conditions.push_back(searched(TRY(lower(rest))));
    return arena_.both(std::move(conditions));
  }

  RegexId searched(const Variants& v) {
    std::vector<RegexId> parts;
    for (size_t a = 0; a < 2; ++a) {
      for (size_t b = 0; b < 2; ++b) {
        parts.push_back(arena_.concat(std::vector<RegexId>{a ? kEmptyWord : any_, v[a][b], b ? kEmptyWord : any_}));
      }
    }
    return arena_.either(std::move(parts));
  }

  RegexId only_empty(RegexId part) const { return arena_.nullable(part) ? kEmptyWord : kEmptyLanguage; }

  Variants join(const Variants& left, const Variants& right) {
    std::array<std::array<std::vector<RegexId>, 2>, 2> parts;
    for (size_t i = 0; i < 16; ++i) {
      const size_t a1 = i & 1, b1 = i >> 1 & 1, a2 = i >> 2 & 1, b2 = i >> 3;
      const RegexId first = a2 ? only_empty(left[a1][b1]) : left[a1][b1];
      const RegexId second = b1 ? only_empty(right[a2][b2]) : right[a2][b2];
      parts[a1 | a2][b1 | b2].push_back(arena_.concat(first, second));
    }
    Variants result;
    for (size_t a = 0; a < 2; ++a) {
      for (size_t b = 0; b < 2; ++b) result[a][b] = arena_.either(std::move(parts[a][b]));
    }
    return result;
  }

  Result<Variants> lower(const PatternNode& node) {
    Variants result{};
    switch (node.kind) {
      case Kind::kSet: result[0][0] = character_language(&arena_, node.set, spelling_); return result;
      case Kind::kStart: result[1][0] = kEmptyWord; return result;
      case Kind::kEnd: result[0][1] = kEmptyWord; return result;
      case Kind::kLook: return Error{ErrorCode::kUnsupported, "look-ahead is supported only right after ^ at the beginning"};
      case Kind::kChoice:
        for (const PatternNode& part : node.parts) {
          const Variants v = TRY(lower(part));
          for (size_t i = 0; i < 4; ++i) result[i >> 1][i & 1] = arena_.either(result[i >> 1][i & 1], v[i >> 1][i & 1]);
        }
        return result;
      case Kind::kSequence:
        result[0][0] = kEmptyWord;
        // From the right, so that long sequences stay in normal form.
        for (size_t i = node.parts.size(); i-- > 0;) result = join(TRY(lower(node.parts[i])), result);
        return result;
      case Kind::kRepeat: return repeat(node);
    }
    return result;
  }

  Result<Variants> repeat(const PatternNode& node) {
    const Variants inner = TRY(lower(node.parts[0]));
    Variants result{};
    const bool anchored = inner[0][1] != kEmptyLanguage || inner[1][0] != kEmptyLanguage || inner[1][1] != kEmptyLanguage;
    if (!anchored) {
      result[0][0] = arena_.repeat(inner[0][0], node.low, node.high);
      return result;
    }
    if (node.low > 1 || (node.high > 1 && node.high != kUnbounded)) {
      return Error{ErrorCode::kUnsupported, "a counted repeat of something with ^ or $ in it"};
    }
    result = inner;
    if (node.high == kUnbounded) {
      Variants middle{};
      middle[0][0] = arena_.star(inner[0][0]);
      const Variants several = join(inner, join(middle, inner));
      for (size_t i = 0; i < 4; ++i) result[i >> 1][i & 1] = arena_.either(result[i >> 1][i & 1], several[i >> 1][i & 1]);
    }
    if (node.low == 0) result[0][0] = arena_.either(result[0][0], kEmptyWord);
    return result;
  }

  RegexArena& arena_;
  Spelling spelling_;
  RegexId any_ = 0;
};

struct Lengths {
  uint64_t low, high;
};

Lengths lengths_of(const PatternNode& node) {
  constexpr uint64_t kMany = kUnbounded;
  switch (node.kind) {
    case Kind::kSet: return {1, 1};
    case Kind::kChoice: {
      Lengths result{kMany, 0};
      for (const PatternNode& part : node.parts) {
        const Lengths l = lengths_of(part);
        result = {std::min(result.low, l.low), std::max(result.high, l.high)};
      }
      return result;
    }
    case Kind::kSequence: {
      Lengths result{0, 0};
      for (const PatternNode& part : node.parts) {
        const Lengths l = lengths_of(part);
        result = {std::min(result.low + l.low, kMany), std::min(result.high + l.high, kMany)};
      }
      return result;
    }
    case Kind::kRepeat: {
      const Lengths l = lengths_of(node.parts[0]);
      return {std::min(l.low * node.low, kMany), std::min(node.high == kUnbounded && l.high > 0 ? kMany : l.high * node.high, kMany)};
    }
    default: return {0, 0};
  }
}

bool spans_everything(const PatternNode& node) {
  return node.kind == Kind::kSequence && node.parts.size() >= 2 && node.parts.front().kind == Kind::kStart &&
         node.parts.back().kind == Kind::kEnd;
}

}  // namespace

RegexId character_language(RegexArena* arena, const CodePointSet& set, Spelling spelling) {
  return spelling == Spelling::kUtf8 ? utf8_character(arena, set) : json_character(arena, set);
}

Result<PatternLanguage> pattern_language(RegexArena* arena, std::string_view pattern, Spelling spelling) {
  const PatternNode node = TRY(parse_pattern(pattern));
  PatternLanguage result;
  result.regex = TRY(Lowering(arena, spelling).whole(node));
  const Lengths lengths = lengths_of(node);
  result.min_characters = static_cast<uint32_t>(lengths.low);
  if (!spans_everything(node)) return result;
  result.max_characters = static_cast<uint32_t>(lengths.high);
  if (node.parts.size() == 3 && node.parts[1].kind == Kind::kRepeat && node.parts[1].parts[0].kind == Kind::kSet) {
    result.single_repeat = true;
    result.set = node.parts[1].parts[0].set;
  }
  return result;
}

}  // namespace hearth::text::grammar
