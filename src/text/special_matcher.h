// Finds tokens that are matched whole in raw text (control and user-defined ones), leftmost first, longest on ties.
//
// Contract: immutable after build(), thread-safe. Scanning costs O(1) per byte where no special token starts. Matching
// follows the `tokenizers` package: white space beside a token goes with it where the token says so (lstrip, rstrip), and
// a token that is a word of its own (single_word) does not match inside a longer word.
// Not here: what happens to the text between matches.
#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::text {

struct SpecialToken {
  std::string text;
  int32_t id = -1;
  bool control = false;  // skipped when special tokens are to be taken as plain text
  bool strip_left = false;
  bool strip_right = false;
  bool single_word = false;
};

struct SpecialMatch {
  size_t begin = 0, end = 0;  // in the text, white space included where stripped
  int32_t id = -1;
};

class SpecialMatcher {
 public:
  // Tokens with empty text are left out; of equal texts the first wins.
  void build(std::vector<SpecialToken> tokens);
  bool empty() const { return tokens_.empty(); }
  // The next match at or after `from`; false if there is none. Control tokens are passed over unless parse_control.
  bool find(std::string_view text, size_t from, bool parse_control, SpecialMatch* match) const;

 private:
  const SpecialToken* longest_at(std::string_view text, size_t position) const;

  std::vector<SpecialToken> tokens_;  // sorted by text
  struct Range {
    uint32_t begin, end;
  };
  std::array<Range, 256> by_first_byte_{};
  std::bitset<65536> starts_;  // first two bytes of any token; a token of one byte sets all its 256 pairs
};

}  // namespace hearth::text
