// A context-free grammar over bytes while it is built: rules made of terminals (regular expressions), sequences, choices,
// references and counted repeats, as hash-consed expressions.
//
// Contract: what front ends fill. finish() proves that it can be recognised: every rule defined, no left recursion (direct,
// through other rules or behind parts that may be empty), something derivable from the root. When a limit is reached
// overflowed() becomes true. Not thread-safe.
// Not here: syntax (gbnf.h, schema.h), recognition (recogniser.h).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include "hearth/error.h"
#include "text/grammar/regex_automaton.h"

namespace hearth::text::grammar {

using ExpressionId = uint32_t;
using RuleId = uint32_t;
inline constexpr ExpressionId kNever = 0;    // derives nothing
inline constexpr ExpressionId kNothing = 1;  // derives ""

enum class ExpressionKind : uint8_t { kNever, kNothing, kTerminal, kSequence, kChoice, kRule, kRepeat };

class Rules {
 public:
  struct Expression {
    ExpressionKind kind;
    uint32_t a = 0, b = 0;       // kTerminal: regex; kSequence: parts; kChoice: range of the pool; kRule: rule; kRepeat: a
    uint32_t low = 0, high = 0;  // kRepeat
    auto key() const { return std::tie(kind, a, b, low, high); }
    bool operator<(const Expression& other) const { return key() < other.key(); }
  };

  RegexAutomaton& automaton() { return automaton_; }
  RegexArena& regex() { return automaton_.arena(); }
  size_t derivatives() const { return automaton_.derivatives(); }

  ExpressionId terminal(RegexId regex);
  ExpressionId literal(std::string_view text) { return terminal(regex().literal(text)); }
  ExpressionId sequence(std::span<const ExpressionId> parts);
  ExpressionId sequence(std::initializer_list<ExpressionId> parts) { return sequence(std::span(parts.begin(), parts.size())); }
  ExpressionId choice(std::vector<ExpressionId> parts);
  ExpressionId repeat(ExpressionId part, uint32_t low, uint32_t high);
  ExpressionId optional(ExpressionId part) { return choice({part, kNothing}); }
  RuleId add_rule(std::string name);
  ExpressionId reference(RuleId rule);
  void define(RuleId rule, ExpressionId body) { rules_[rule].body = body; }
  void set_root(RuleId rule) { root_ = rule; }
  RuleId root() const { return root_; }

  // The rules between one that refers to itself before it reads a byte and itself, first again at the end; empty if there is none.
  std::vector<RuleId> find_left_recursion();
  Result<void> finish();

  const Expression& expression(ExpressionId id) const { return expressions_[id]; }
  std::span<const ExpressionId> choices(ExpressionId id) const { return {pool_.data() + expressions_[id].a, expressions_[id].b}; }
  ExpressionId body(RuleId rule) const { return rules_[rule].body; }
  const std::string& name(RuleId rule) const { return rules_[rule].name; }
  size_t rule_count() const { return rules_.size(); }
  // Valid after finish(). Bytes that the shortest text of an expression has, kUnbounded where there is none.
  uint32_t min_length(ExpressionId id) const { return min_lengths_[id]; }
  bool nullable(ExpressionId id) const { return min_lengths_[id] == 0; }
  bool overflowed() const { return overflowed_ || automaton_.overflowed(); }
  size_t byte_size() const;

  // What is left of a repeat after one more of it began; built while recognising.
  ExpressionId rest_of_repeat(ExpressionId id);
  void freeze();  // after finish()
  void forget();  // back to freeze()

 private:
  struct Rule {
    std::string name;
    ExpressionId body = kNever;
  };
  ExpressionId intern(const Expression& expression);
  uint32_t measure(const Expression& expression) const;
  void measure_all();
  std::vector<RuleId> left_corners(ExpressionId id) const;

  RegexAutomaton automaton_;
  std::vector<Expression> expressions_{{ExpressionKind::kNever}, {ExpressionKind::kNothing}};
  std::vector<ExpressionId> pool_;
  std::map<Expression, ExpressionId> index_;
  std::vector<Rule> rules_;
  std::vector<ExpressionId> rule_expressions_;
  std::vector<uint32_t> min_lengths_;
  RuleId root_ = 0;
  size_t frozen_ = 0;
  bool overflowed_ = false;
};

}  // namespace hearth::text::grammar
