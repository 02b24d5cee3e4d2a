// Building the shared parts.
//
// Contract: see json_rules.h.
// Not here: schemas.
#include "text/grammar/json_rules.h"

#include "text/grammar/code_points.h"
#include "text/grammar/decimal.h"

namespace hearth::text::grammar {

JsonRules::JsonRules(Rules* rules, bool compact) : rules_(*rules) {
  RegexArena& arena = rules->regex();
  RegexId space = kEmptyWord;
  if (!compact) {
    ByteSet blanks;
    blanks.add(' ');
    blanks.add('\t');
    const RegexId lines = arena.concat(arena.repeat(arena.byte('\n'), 1, 2), arena.repeat(arena.bytes(blanks), 0, 20));
    space = arena.either({kEmptyWord, arena.byte(' '), lines});
  }
  const auto before = [&](const char* mark) { return rules_.terminal(arena.concat(space, arena.literal(mark))); };
  const auto after = [&](const char* mark) { return arena.concat(arena.literal(mark), space); };
  open_object = rules_.terminal(after("{"));
  close_object = before("}");
  empty_object = rules_.terminal(arena.concat(after("{"), arena.byte('}')));
  open_array = rules_.terminal(after("["));
  close_array = before("]");
  empty_array = rules_.terminal(arena.concat(after("["), arena.byte(']')));
  comma = rules_.terminal(after(","));
  colon = after(":");
  quote = arena.byte('"');
  any_character = any_json_character(&arena);
  canonical_character = json_character(&arena, CodePointSet::all());
  string = arena.concat(std::vector<RegexId>{quote, arena.star(any_character), quote});
}

ExpressionId JsonRules::list(ExpressionId item) {
  return rules_.sequence({item, rules_.repeat(rules_.sequence({comma, item}), 0, kUnbounded)});
}

ExpressionId JsonRules::key(RegexId name) {
  return rules_.terminal(rules_.regex().concat(std::vector<RegexId>{quote, name, quote, colon}));
}

void JsonRules::build_free_values() {
  if (!values_.empty()) return;
  RegexArena& arena = rules_.regex();
  const ExpressionId scalar = rules_.terminal(
      arena.either({string, number_language(&arena, {}, false), arena.literal("true"), arena.literal("false"), arena.literal("null")}));
  const ExpressionId name = rules_.terminal(arena.concat(string, colon));
  values_.push_back(scalar);
  for (size_t level = 0; level < kMaxFreeNesting; ++level) {
    const auto named = [&](const char* what, ExpressionId body) {
      const RuleId rule = rules_.add_rule(std::string(what) + " of depth " + std::to_string(level + 1));
      rules_.define(rule, body);
      return rules_.reference(rule);
    };
    const ExpressionId inner = values_.back();
    const ExpressionId members = rules_.sequence({open_object, list(rules_.sequence({name, inner})), close_object});
    objects_.push_back(named("any object", rules_.choice({empty_object, members})));
    arrays_.push_back(named("any array", rules_.choice({empty_array, rules_.sequence({open_array, list(inner), close_array})})));
    values_.push_back(named("any value", rules_.choice({scalar, objects_.back(), arrays_.back()})));
  }
}

ExpressionId JsonRules::any_value() {
  build_free_values();
  return values_.back();
}

ExpressionId JsonRules::any_object() {
  build_free_values();
  return objects_.back();
}

ExpressionId JsonRules::any_array() {
  build_free_values();
  return arrays_.back();
}

}  // namespace hearth::text::grammar
