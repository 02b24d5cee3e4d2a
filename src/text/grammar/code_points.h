// Sets of Unicode characters and the byte languages of one character out of a set: as UTF-8, or as JSON strings spell it.
//
// Contract: surrogates are no characters and never part of a set's language. Plain values.
// Not here: patterns.
#pragma once

#include <cstdint>
#include <vector>

#include "text/grammar/regex.h"

namespace hearth::text::grammar {

inline constexpr uint32_t kLastCodePoint = 0x10FFFF;

class CodePointSet {
 public:
  struct Range {
    uint32_t first, last;
    bool operator==(const Range&) const = default;
  };
  static CodePointSet all();
  static CodePointSet of(uint32_t first, uint32_t last);
  void add(uint32_t first, uint32_t last);
  void add(const CodePointSet& other);
  CodePointSet complement() const;
  CodePointSet intersect(const CodePointSet& other) const;
  // Sorted, apart, not touching.
  const std::vector<Range>& ranges() const { return ranges_; }
  bool empty() const { return ranges_.empty(); }

 private:
  std::vector<Range> ranges_;
};

// Appends the UTF-8 bytes.
void append_utf8(uint32_t code_point, std::string* out);

RegexId utf8_character(RegexArena* arena, const CodePointSet& set);
// The one canonical spelling inside a JSON string: characters as themselves, except \" \\ \b \f \n \r \t and \u00xx for the
// other controls. Since each character has one spelling, what a pattern or a name excludes cannot be written differently.
RegexId json_character(RegexArena* arena, const CodePointSet& set);
// Any spelling of any character, \uXXXX and pairs of them too; one word per character, so that lengths count characters.
RegexId any_json_character(RegexArena* arena);
// The canonical spelling of a text between quotes; the quotes are not part of it.
std::string json_spelling(std::string_view text);

}  // namespace hearth::text::grammar
