// The syntax of patterns.
//
// Contract: see pattern.h; recursion is bounded by kMaxSourceNesting.
// Not here: what patterns mean (pattern.cpp).
#include <unicode/uset.h>

#include "base/utf8.h"
#include "text/grammar/limits.h"
#include "text/grammar/pattern.h"

namespace hearth::text::grammar {

namespace {

using Kind = PatternNode::Kind;

CodePointSet words() {
  CodePointSet set = CodePointSet::of('0', '9');
  set.add('A', 'Z');
  set.add('a', 'z');
  set.add('_', '_');
  return set;
}

CodePointSet spaces() {
  CodePointSet set = CodePointSet::of(9, 13);
  for (const uint32_t c : {0x20u, 0xA0u, 0x1680u, 0x2028u, 0x2029u, 0x202Fu, 0x205Fu, 0x3000u, 0xFEFFu}) set.add(c, c);
  set.add(0x2000, 0x200A);
  return set;
}

PatternNode set_node(CodePointSet set) {
  PatternNode node;
  node.kind = Kind::kSet;
  node.set = std::move(set);
  return node;
}

class Parser {
 public:
  explicit Parser(std::u32string text) : text_(std::move(text)) {}

  Result<PatternNode> parse() {
    PatternNode node = TRY(choice(0));
    if (at_ < text_.size()) return fail("unmatched ')'");
    return node;
  }

 private:
  Error fail(const std::string& what, ErrorCode code = ErrorCode::kInvalidArgument) const {
    return {code, what + " at character " + std::to_string(at_ + 1)};
  }
  bool more() const { return at_ < text_.size(); }
  bool take(char32_t c) {
    if (!more() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::u32string_view word) {
    if (text_.compare(at_, word.size(), word) != 0) return false;
    at_ += word.size();
    return true;
  }

  Result<PatternNode> choice(size_t depth) {
    if (depth > kMaxSourceNesting) return fail("more than " + std::to_string(kMaxSourceNesting) + " groups inside each other");
    PatternNode node;
    node.kind = Kind::kChoice;
    do {
      PatternNode sequence;
      while (more() && text_[at_] != '|' && text_[at_] != ')') sequence.parts.push_back(TRY(term(depth)));
      node.parts.push_back(std::move(sequence));
    } while (take('|'));
    if (node.parts.size() == 1) return std::move(node.parts[0]);
    return node;
  }

  Result<PatternNode> term(size_t depth) {
    PatternNode node = TRY(atom(depth));
    if (node.kind == Kind::kStart || node.kind == Kind::kEnd || node.kind == Kind::kLook) return node;
    uint32_t low = 1, high = 1;
    if (take('*')) {
      low = 0, high = kUnbounded;
    } else if (take('+')) {
      high = kUnbounded;
    } else if (take('?')) {
      low = 0;
    } else if (!TRY(counts(&low, &high))) {
      return node;
    }
    take('?');
    if (more() && (text_[at_] == '*' || text_[at_] == '+' || text_[at_] == '?')) return fail("nothing to repeat");
    PatternNode repeat;
    repeat.kind = Kind::kRepeat;
    repeat.low = low;
    repeat.high = high;
    repeat.parts.push_back(std::move(node));
    return repeat;
  }

  // {m}, {m,}, {m,n}; anything else that begins with a brace is the brace itself.
  Result<bool> counts(uint32_t* low, uint32_t* high) {
    const size_t begin = at_;
    if (!take('{')) return false;
    const auto number = [&](uint32_t* value) {
      const size_t first = at_;
      uint64_t sum = 0;
      for (; more() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_) sum = std::min<uint64_t>(sum * 10 + (text_[at_] - '0'), UINT32_MAX);
      *value = static_cast<uint32_t>(sum);
      return at_ > first;
    };
    bool good = number(low);
    *high = *low;
    if (good && take(',') && !number(high)) *high = kUnbounded;
    if (!good || !take('}')) {
      at_ = begin;
      return false;
    }
    if (*low > kMaxRepeat || (*high > kMaxRepeat && *high != kUnbounded)) return fail("a repeat above " + std::to_string(kMaxRepeat));
    if (*low > *high) return fail("a repeat whose bounds are out of order");
    return true;
  }

  Result<PatternNode> atom(size_t depth) {
    const char32_t c = text_[at_];
    PatternNode node;
    if (take('^')) {
      node.kind = Kind::kStart;
      return node;
    }
    if (take('$')) {
      node.kind = Kind::kEnd;
      return node;
    }
    if (take('(')) return group(depth);
    if (take('[')) return set_node(TRY(character_class()));
    if (take('.')) {
      CodePointSet lines = CodePointSet::of('\n', '\n');
      lines.add('\r', '\r');
      lines.add(0x2028, 0x2029);
      return set_node(lines.complement());
    }
    if (c == '*' || c == '+' || c == '?') return fail("nothing to repeat");
    if (take('\\')) {
      if (more() && (text_[at_] == 'b' || text_[at_] == 'B')) return fail("word boundaries (\\b) are not supported", ErrorCode::kUnsupported);
      if (more() && ((text_[at_] >= '1' && text_[at_] <= '9') || text_[at_] == 'k')) {
        return fail("back references are not supported", ErrorCode::kUnsupported);
      }
      return set_node(TRY(escape(false)));
    }
    ++at_;
    return set_node(CodePointSet::of(c, c));
  }

  Result<PatternNode> group(size_t depth) {
    PatternNode look;
    look.kind = Kind::kLook;
    bool is_look = false;
    if (take(U"?=") || take(U"?!")) {
      is_look = true;
      look.negative = text_[at_ - 1] == '!';
    } else if (take(U"?<=") || take(U"?<!")) {
      return fail("look-behind is not supported", ErrorCode::kUnsupported);
    } else if (take(U"?<")) {
      while (more() && text_[at_] != '>') ++at_;
      if (!take('>')) return fail("a group name without '>'");
    } else if (!take(U"?:") && more() && text_[at_] == '?') {
      return fail("an unknown kind of group", ErrorCode::kUnsupported);
    }
    PatternNode inner = TRY(choice(depth + 1));
    if (!take(')')) return fail("a group without ')'");
    if (!is_look) return inner;
    look.parts.push_back(std::move(inner));
    return look;
  }

  Result<CodePointSet> character_class() {
    const bool negated = take('^');
    CodePointSet set;
    while (more() && text_[at_] != ']') {
      const CodePointSet first = TRY(class_member());
      const bool single = first.ranges().size() == 1 && first.ranges()[0].first == first.ranges()[0].last;
      if (more() && text_[at_] == '-' && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        const size_t dash = at_++;
        const CodePointSet last = TRY(class_member());
        const bool last_single = last.ranges().size() == 1 && last.ranges()[0].first == last.ranges()[0].last;
        if (single && last_single) {
          if (first.ranges()[0].first > last.ranges()[0].first) {
            at_ = dash;
            return fail("a range out of order");
          }
          set.add(first.ranges()[0].first, last.ranges()[0].first);
        } else {
          // [\w-.]: the dash is itself.
          set.add(first);
          set.add('-', '-');
          set.add(last);
        }
        continue;
      }
      set.add(first);
    }
    if (!take(']')) return fail("a class without ']'");
    return negated ? set.complement() : set;
  }

  Result<CodePointSet> class_member() {
    if (take('\\')) return escape(true);
    const char32_t c = text_[at_++];
    return CodePointSet::of(c, c);
  }

  Result<uint32_t> hex(size_t digits) {
    uint32_t value = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const char32_t c = more() ? text_[at_] : U' ';
      const uint32_t digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 16;
      if (digit == 16) return fail("an escape without its hexadecimal digits");
      value = value * 16 + digit;
    }
    return value;
  }

  Result<CodePointSet> escape(bool in_class) {
    if (!more()) return fail("a backslash at the end");
    const char32_t c = text_[at_++];
    const auto one = [](uint32_t value) { return CodePointSet::of(value, value); };
    switch (c) {
      case 'd': return CodePointSet::of('0', '9');
      case 'D': return CodePointSet::of('0', '9').complement();
      case 'w': return words();
      case 'W': return words().complement();
      case 's': return spaces();
      case 'S': return spaces().complement();
      case 'n': return one('\n');
      case 'r': return one('\r');
      case 't': return one('\t');
      case 'f': return one('\f');
      case 'v': return one('\v');
      case 'b': return one(in_class ? '\b' : 'b');
      case '0': return one(0);
      case 'x': return one(TRY(hex(2)));
      case 'c': {
        if (!more() || (text_[at_] | 32) < 'a' || (text_[at_] | 32) > 'z') return fail("\\c without a letter");
        return one(text_[at_++] & 31);
      }
      case 'u': return one(TRY(unicode_escape()));
      case 'p':
      case 'P': return property(c == 'P');
      default: return one(c);
    }
  }

  Result<uint32_t> unicode_escape() {
    if (!take('{')) {
      const uint32_t first = TRY(hex(4));
      if (first < 0xD800 || first > 0xDBFF || !take(U"\\u")) return first;
      const uint32_t second = TRY(hex(4));
      if (second < 0xDC00 || second > 0xDFFF) return fail("half a surrogate pair");
      return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
    }
    uint32_t value = 0;
    size_t digits = 0;
    while (more() && text_[at_] != '}' && digits++ < 6) value = value * 16 + TRY(hex(1));
    if (!take('}') || digits == 0 || value > kLastCodePoint) return fail("\\u{...} is not a character");
    return value;
  }

  Result<CodePointSet> property(bool negated) {
    if (!take('{')) return fail("\\p without {name}");
    std::u16string name = u"[\\p{";
    while (more() && text_[at_] != '}' && name.size() < 80) {
      const char32_t c = text_[at_++];
      const bool good = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '=';
      if (!good) return fail("\\p{...} is not a property");
      name.push_back(static_cast<char16_t>(c));
    }
    if (!take('}')) return fail("\\p{...} is not a property");
    name += u"}]";
    UErrorCode status = U_ZERO_ERROR;
    USet* members = uset_openPattern(name.data(), static_cast<int32_t>(name.size()), &status);
    if (U_FAILURE(status)) return fail("\\p{...} names an unknown property", ErrorCode::kUnsupported);
    CodePointSet set;
    for (int32_t i = 0; i < uset_getItemCount(members); ++i) {
      UChar32 first = 0, last = 0;
      UErrorCode item_status = U_ZERO_ERROR;
      if (uset_getItem(members, i, &first, &last, nullptr, 0, &item_status) == 0) {
        set.add(static_cast<uint32_t>(first), static_cast<uint32_t>(last));
      }
    }
    uset_close(members);
    return negated ? set.complement() : set;
  }

  std::u32string text_;
  size_t at_ = 0;
};

}  // namespace

Result<PatternNode> parse_pattern(std::string_view pattern) {
  if (pattern.size() > kMaxPatternBytes) {
    return Error{ErrorCode::kInvalidArgument, "it has more than " + std::to_string(kMaxPatternBytes) + " bytes"};
  }
  if (!is_valid_utf8(pattern)) return Error{ErrorCode::kInvalidArgument, "it is not UTF-8"};
  std::u32string text;
  for (size_t i = 0; i < pattern.size();) {
    const auto lead = static_cast<uint8_t>(pattern[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
    char32_t c = length == 1 ? lead : lead & (0x7F >> length);
    for (size_t k = 1; k < length; ++k) c = c << 6 | (static_cast<uint8_t>(pattern[i + k]) & 0x3F);
    text.push_back(c);
    i += length;
  }
  return Parser(std::move(text)).parse();
}

}  // namespace hearth::text::grammar
