// The regular expressions of JSON schema's "pattern": ECMA-262 syntax with the u flag's view of characters, as languages of
// whole strings (a pattern matches anywhere unless ^ and $ say otherwise).
//
// Contract: parse_pattern() is pure; errors name the position. Refused (kUnsupported): back references, look-behind, look-ahead
// other than at the beginning, word boundaries. Lazy and greedy repeats have the same language.
// Not here: "format" (formats.h), GBNF's classes (gbnf.h).
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "hearth/error.h"
#include "text/grammar/code_points.h"

namespace hearth::text::grammar {

struct PatternNode {
  enum class Kind : uint8_t { kSet, kSequence, kChoice, kRepeat, kStart, kEnd, kLook };
  Kind kind = Kind::kSequence;
  CodePointSet set;
  std::vector<PatternNode> parts;    // kSequence, kChoice; one for kRepeat and kLook
  uint32_t low = 0, high = 0;
  bool negative = false;             // kLook
};

enum class Spelling : uint8_t { kUtf8, kJsonString };

Result<PatternNode> parse_pattern(std::string_view pattern);

struct PatternLanguage {
  RegexId regex = kEmptyLanguage;          // of the whole string, without quotes
  uint32_t min_characters = 0;             // bounds that hold for every word
  uint32_t max_characters = kUnbounded;
  // The pattern is ^ set{low,high} $.
  bool single_repeat = false;
  CodePointSet set;
};
Result<PatternLanguage> pattern_language(RegexArena* arena, std::string_view pattern, Spelling spelling);
RegexId character_language(RegexArena* arena, const CodePointSet& set, Spelling spelling);

}  // namespace hearth::text::grammar
