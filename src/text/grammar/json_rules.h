// The parts of JSON texts that all schemas share: white space, punctuation, any value.
//
// Contract: white space is bounded (nothing, one space, or one or two line ends with at most 20 blanks), and so is the nesting of
// values without a schema (kMaxFreeNesting), so that no text can go on for ever without saying anything.
// Not here: schemas.
#pragma once

#include "text/grammar/rules.h"

namespace hearth::text::grammar {

inline constexpr size_t kMaxFreeNesting = 24;

class JsonRules {
 public:
  JsonRules(Rules* rules, bool compact);

  ExpressionId open_object, close_object, empty_object;
  ExpressionId open_array, close_array, empty_array;
  ExpressionId comma;
  RegexId colon, string, quote, any_character, canonical_character;
  // A list of one or more with commas between.
  ExpressionId list(ExpressionId item);
  ExpressionId any_value();
  ExpressionId any_object();
  ExpressionId any_array();
  // "name" : with quotes and white space
  ExpressionId key(RegexId name_without_quotes);

 private:
  void build_free_values();
  Rules& rules_;
  std::vector<ExpressionId> values_, objects_, arrays_;  // by levels that may still be inside
};

}  // namespace hearth::text::grammar
