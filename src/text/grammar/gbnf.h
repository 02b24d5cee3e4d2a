// GBNF, llama.cpp's notation of grammars: rules `name ::= ...` over characters, read from the rule `root`.
//
// Contract: pure. Errors (kInvalidArgument) say line and column: broken syntax, undefined and doubly defined rules, no root,
// left recursion in any form, a grammar without any text. Beyond llama.cpp's reader: `_` in names, `|` at a line's beginning.
// Not here: token references (<think>), which name what a text of bytes cannot hold: refused with kUnsupported.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/error.h"
#include "text/grammar/code_points.h"
#include "text/grammar/rules.h"

namespace hearth::text::grammar {

struct GbnfNode {
  enum class Kind : uint8_t { kSequence, kChoice, kLiteral, kSet, kReference, kRepeat };
  Kind kind = Kind::kSequence;
  std::vector<GbnfNode> parts;  // kSequence, kChoice; one for kRepeat
  std::string text;             // kLiteral: UTF-8
  CodePointSet set;
  size_t rule = 0;              // kReference
  uint32_t low = 0, high = 0;
};

struct GbnfRule {
  std::string name;
  size_t position = 0;          // of its definition, or of its first use
  bool defined = false;
  GbnfNode body;
};

struct GbnfSource {
  std::vector<GbnfRule> rules;
  size_t root = 0;
};

Result<GbnfSource> parse_gbnf(std::string_view text);
Result<Rules> compile_gbnf(std::string_view text);

}  // namespace hearth::text::grammar
