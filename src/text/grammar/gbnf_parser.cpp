// The syntax of GBNF.
//
// Contract: see gbnf.h; recursion is bounded by kMaxSourceNesting.
// Not here: rules (gbnf.cpp).
#include <algorithm>
#include <map>

#include "base/utf8.h"
#include "text/grammar/gbnf.h"
#include "text/grammar/limits.h"
#include "text/grammar/source_position.h"

namespace hearth::text::grammar {

namespace {

using Kind = GbnfNode::Kind;

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<GbnfSource> parse() {
    skip_space(true);
    while (at_ < text_.size()) TRY(rule());
    for (const GbnfRule& rule : source_.rules) {
      if (!rule.defined) return fail("the rule '" + rule.name + "' is used but not defined", rule.position);
    }
    const auto root = names_.find("root");
    if (root == names_.end()) return fail("there is no rule 'root'", text_.size());
    source_.root = root->second;
    return std::move(source_);
  }

 private:
  Error fail(const std::string& what, size_t where, ErrorCode code = ErrorCode::kInvalidArgument) const {
    return {code, position_in(text_, where) + ": " + what};
  }
  Error fail(const std::string& what) const { return fail(what, at_); }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  // Blanks and comments; ends of lines too, if they mean nothing here.
  void skip_space(bool lines) {
    for (; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '#') {
        while (at_ < text_.size() && text_[at_] != '\n' && text_[at_] != '\r') ++at_;
        if (at_ == text_.size()) return;
        --at_;
      } else if (c != ' ' && c != '\t' && !(lines && (c == '\n' || c == '\r'))) {
        return;
      }
    }
  }
  // An alternative may begin the next line.
  void skip_to_bar() {
    const size_t before = at_;
    skip_space(true);
    if (peek() != '|') at_ = before;
  }

  Result<size_t> rule_named(size_t begin) {
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    const std::string name(text_.substr(begin, at_ - begin));
    const auto [place, added] = names_.try_emplace(name, source_.rules.size());
    if (!added) return place->second;
    if (source_.rules.size() >= kMaxRules) return fail("more than " + std::to_string(kMaxRules) + " rules", begin);
    source_.rules.push_back({name, begin, false, {}});
    return place->second;
  }

  Result<void> rule() {
    const size_t begin = at_;
    if (!is_word(peek())) return fail("a rule's name is expected");
    const size_t index = TRY(rule_named(begin));
    if (source_.rules[index].defined) return fail("the rule '" + source_.rules[index].name + "' is defined twice", begin);
    skip_space(false);
    if (!take("::=")) return fail("'::=' is expected");
    skip_space(true);
    GbnfNode body = TRY(choice(0));
    if (at_ < text_.size() && peek() != '\n' && peek() != '\r') return fail("the end of the line is expected");
    source_.rules[index].body = std::move(body);
    source_.rules[index].position = begin;
    source_.rules[index].defined = true;
    skip_space(true);
    return {};
  }

  Result<GbnfNode> choice(size_t depth) {
    if (depth > kMaxSourceNesting) return fail("more than " + std::to_string(kMaxSourceNesting) + " groups inside each other");
    GbnfNode node;
    node.kind = Kind::kChoice;
    node.parts.push_back(TRY(sequence(depth)));
    if (depth == 0) skip_to_bar();
    while (take("|")) {
      skip_space(true);
      node.parts.push_back(TRY(sequence(depth)));
      if (depth == 0) skip_to_bar();
    }
    if (node.parts.size() == 1) return std::move(node.parts[0]);
    return node;
  }

  Result<GbnfNode> sequence(size_t depth) {
    GbnfNode node;
    for (;;) {
      const char c = peek();
      GbnfNode part;
      if (take("\"")) {
        part.kind = Kind::kLiteral;
        TRY(literal(&part.text));
      } else if (take("[")) {
        part.kind = Kind::kSet;
        part.set = TRY(character_class());
      } else if (take(".")) {
        part.kind = Kind::kSet;
        part.set = CodePointSet::all();
      } else if (take("(")) {
        skip_space(true);
        part = TRY(choice(depth + 1));
        if (!take(")")) return fail("')' is expected");
      } else if (is_word(c)) {
        part.kind = Kind::kReference;
        part.rule = TRY(rule_named(at_));
      } else if (c == '<' || (c == '!' && text_.substr(at_ + 1, 1) == "<")) {
        return fail("references to tokens (<...>) are not supported: write the text that the token stands for", at_, ErrorCode::kUnsupported);
      } else if (c == '*' || c == '+' || c == '?' || c == '{') {
        return fail(std::string("there is nothing before '") + c + "' that it could repeat");
      } else {
        return node;
      }
      skip_space(depth > 0);
      part = TRY(repeats(std::move(part), depth));
      node.parts.push_back(std::move(part));
    }
  }

  Result<GbnfNode> repeats(GbnfNode part, size_t depth) {
    for (size_t count = 0;; ++count) {
      uint32_t low = 0, high = kUnbounded;
      if (take("*")) {
      } else if (take("+")) {
        low = 1;
      } else if (take("?")) {
        high = 1;
      } else if (take("{")) {
        TRY(counts(&low, &high, depth));
      } else {
        return part;
      }
      if (count > kMaxSourceNesting) return fail("more than " + std::to_string(kMaxSourceNesting) + " repeats of each other");
      skip_space(depth > 0);
      GbnfNode node;
      node.kind = Kind::kRepeat;
      node.low = low;
      node.high = high;
      node.parts.push_back(std::move(part));
      part = std::move(node);
    }
  }

  Result<void> counts(uint32_t* low, uint32_t* high, size_t depth) {
    skip_space(depth > 0);
    *low = TRY(number());
    *high = *low;
    skip_space(depth > 0);
    if (take(",")) {
      skip_space(depth > 0);
      *high = peek() >= '0' && peek() <= '9' ? TRY(number()) : kUnbounded;
      skip_space(depth > 0);
    }
    if (!take("}")) return fail("'}' is expected");
    if (*low > *high) return fail("a repeat whose bounds are out of order");
    return {};
  }

  Result<uint32_t> number() {
    const size_t begin = at_;
    uint64_t value = 0;
    for (; peek() >= '0' && peek() <= '9'; ++at_) value = std::min<uint64_t>(value * 10 + static_cast<uint64_t>(peek() - '0'), kUnbounded);
    if (at_ == begin) return fail("a number is expected");
    if (value > kMaxRepeat) return fail("a repeat above " + std::to_string(kMaxRepeat), begin);
    return static_cast<uint32_t>(value);
  }

  Result<void> literal(std::string* out) {
    while (!take("\"")) {
      if (at_ >= text_.size() || peek() == '\n') return fail("a literal without its closing '\"'");
      append_utf8(TRY(character()), out);
    }
    return {};
  }

  Result<CodePointSet> character_class() {
    const size_t begin = at_ - 1;
    const bool negated = take("^");
    CodePointSet set;
    while (!take("]")) {
      if (at_ >= text_.size() || peek() == '\n') return fail("a class without its closing ']'", begin);
      const uint32_t first = TRY(character());
      uint32_t last = first;
      if (peek() == '-' && text_.substr(at_ + 1, 1) != "]") {
        const size_t dash = at_++;
        if (at_ >= text_.size()) return fail("a class without its closing ']'", begin);
        last = TRY(character());
        if (last < first) return fail("a range out of order", dash);
      }
      set.add(first, last);
    }
    if (set.empty()) return fail("an empty class", begin);
    return negated ? set.complement() : set;
  }

  Result<uint32_t> character() {
    const size_t begin = at_;
    if (take("\\")) {
      const char c = peek();
      ++at_;
      switch (c) {
        case 'x': return hex(begin, 2);
        case 'u': return hex(begin, 4);
        case 'U': return hex(begin, 8);
        case 't': return '\t';
        case 'r': return '\r';
        case 'n': return '\n';
        case '\\':
        case '"':
        case '[':
        case ']': return static_cast<uint32_t>(c);
        default: return fail("an unknown escape", begin);
      }
    }
    const auto lead = static_cast<uint8_t>(text_[at_++]);
    if (lead < 0x80) return lead;
    const size_t more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    uint32_t value = lead & (0x3F >> more);
    for (size_t i = 0; i < more; ++i) value = value << 6 | (static_cast<uint8_t>(text_[at_++]) & 0x3F);
    return value;
  }

  Result<uint32_t> hex(size_t begin, size_t digits) {
    uint64_t value = 0;
    for (size_t i = 0; i < digits; ++i, ++at_) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
      if (digit < 0) return fail("an escape that needs " + std::to_string(digits) + " hexadecimal digits", begin);
      value = value * 16 + static_cast<uint64_t>(digit);
    }
    if (value > kLastCodePoint || (value >= 0xD800 && value <= 0xDFFF)) return fail("an escape that is no Unicode character", begin);
    return static_cast<uint32_t>(value);
  }

  std::string_view text_;
  size_t at_ = 0;
  GbnfSource source_;
  std::map<std::string, size_t> names_;
};

}  // namespace

Result<GbnfSource> parse_gbnf(std::string_view text) {
  if (text.size() > kMaxSourceBytes) {
    return Error{ErrorCode::kInvalidArgument, "the grammar has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(kMaxSourceBytes)};
  }
  if (!is_valid_utf8(text) || text.find('\0') != std::string_view::npos) {
    return Error{ErrorCode::kInvalidArgument, "the grammar is not UTF-8 text"};
  }
  return Parser(text).parse();
}

}  // namespace hearth::text::grammar
