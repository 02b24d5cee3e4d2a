// Search for special tokens by narrowing a range of the sorted list.
//
// Contract: see special_matcher.h.
// Not here: encoding.
#include "text/special_matcher.h"

#include <algorithm>

#include "text/unicode.h"

namespace hearth::text {

namespace {

bool is_word_char(CharClass c, std::string_view text, size_t position) {
  return c == CharClass::kLetter || c == CharClass::kNumber || c == CharClass::kMark || text[position] == '_';
}

size_t previous_char(std::string_view text, size_t position) {
  size_t begin = position - 1;
  for (int i = 0; i < 3 && begin > 0 && (static_cast<unsigned char>(text[begin]) & 0xC0) == 0x80; ++i) --begin;
  return begin + classed_char(text, begin).length == position ? begin : position - 1;
}

bool is_own_word(std::string_view text, size_t begin, size_t end) {
  if (begin > 0) {
    const size_t before = previous_char(text, begin);
    if (is_word_char(classed_char(text, before).char_class, text, before)) return false;
  }
  return end >= text.size() || !is_word_char(classed_char(text, end).char_class, text, end);
}

}  // namespace

void SpecialMatcher::build(std::vector<SpecialToken> tokens) {
  tokens_ = std::move(tokens);
  std::erase_if(tokens_, [](const SpecialToken& token) { return token.text.empty(); });
  std::stable_sort(tokens_.begin(), tokens_.end(),
                   [](const SpecialToken& a, const SpecialToken& b) { return a.text < b.text; });
  tokens_.erase(std::unique(tokens_.begin(), tokens_.end(),
                            [](const SpecialToken& a, const SpecialToken& b) { return a.text == b.text; }),
                tokens_.end());
  by_first_byte_.fill({0, 0});
  starts_.reset();
  for (uint32_t i = 0; i < tokens_.size(); ++i) {
    const std::string& text = tokens_[i].text;
    const auto first = static_cast<unsigned char>(text[0]);
    Range& range = by_first_byte_[first];
    if (range.begin == range.end) range.begin = i;
    range.end = i + 1;
    if (text.size() > 1) {
      starts_.set(first * 256u + static_cast<unsigned char>(text[1]));
    } else {
      for (unsigned second = 0; second < 256; ++second) starts_.set(first * 256u + second);
    }
  }
}

const SpecialToken* SpecialMatcher::longest_at(std::string_view text, size_t position) const {
  auto [low, high] = by_first_byte_[static_cast<unsigned char>(text[position])];
  const SpecialToken* best = nullptr;
  for (size_t depth = 1; low < high; ++depth) {
    // All of [low, high) agree with the text in `depth` bytes; the one that ends here comes first.
    if (tokens_[low].text.size() == depth) best = &tokens_[low++];
    if (position + depth >= text.size()) break;
    const auto wanted = static_cast<unsigned char>(text[position + depth]);
    const auto byte_at = [depth](const SpecialToken& token) { return static_cast<unsigned char>(token.text[depth]); };
    const auto begin = tokens_.begin() + low, end = tokens_.begin() + high;
    const auto first = std::partition_point(begin, end, [&](const SpecialToken& t) { return byte_at(t) < wanted; });
    const auto last = std::partition_point(first, end, [&](const SpecialToken& t) { return byte_at(t) == wanted; });
    low = static_cast<uint32_t>(first - tokens_.begin());
    high = static_cast<uint32_t>(last - tokens_.begin());
  }
  return best;
}

bool SpecialMatcher::find(std::string_view text, size_t from, bool parse_control, SpecialMatch* match) const {
  if (tokens_.empty()) return false;
  for (size_t i = from; i < text.size();) {
    const unsigned first = static_cast<unsigned char>(text[i]);
    const Range range = by_first_byte_[first];
    if (range.begin == range.end ||
        (i + 1 < text.size() && !starts_[first * 256u + static_cast<unsigned char>(text[i + 1])])) {
      ++i;
      continue;
    }
    const SpecialToken* token = longest_at(text, i);
    if (token == nullptr) {
      ++i;
      continue;
    }
    size_t begin = i, end = i + token->text.size();
    i = end;  // a token that is passed over hides those that overlap it
    if (token->control && !parse_control) continue;
    if (token->single_word && !is_own_word(text, begin, end)) continue;
    if (token->strip_left) {
      while (begin > from) {
        const size_t before = previous_char(text, begin);
        if (before < from || classed_char(text, before).char_class != CharClass::kSpace) break;
        begin = before;
      }
    }
    if (token->strip_right) {
      while (end < text.size()) {
        const ClassedChar next = classed_char(text, end);
        if (next.char_class != CharClass::kSpace) break;
        end += next.length;
      }
    }
    *match = {begin, end, token->id};
    return true;
  }
  return false;
}

}  // namespace hearth::text
