// GBNF's rules as rules over bytes: what is regular and not larger than a word becomes one terminal.
//
// Contract: see gbnf.h. How a grammar is cut into terminals never shows in what it accepts, only in what a mask costs.
// Not here: syntax (gbnf_parser.cpp).
#include "text/grammar/gbnf.h"

#include <optional>

#include "text/grammar/limits.h"
#include "text/grammar/source_position.h"

namespace hearth::text::grammar {

namespace {

using Kind = GbnfNode::Kind;

constexpr size_t kMaxTerminalParts = 512;
constexpr size_t kMaxReferenceDepth = 64;  // rules followed to make one terminal

// A part of a grammar that could be a terminal, or part of one.
struct Regular {
  RegexId regex;
  size_t parts;
  bool has_loop;  // a list of any length: kept apart from its neighbours, so that its mask serves wherever it stands
};

class Lowering {
 public:
  explicit Lowering(const GbnfSource& source) : source_(source), regular_(source.rules.size()), state_(source.rules.size()) {}

  Rules run() {
    for (const GbnfRule& rule : source_.rules) rules_.add_rule(rule.name);
    for (size_t i = 0; i < source_.rules.size() && !rules_.overflowed(); ++i) {
      rules_.define(static_cast<RuleId>(i), expression(source_.rules[i].body));
    }
    rules_.set_root(static_cast<RuleId>(source_.root));
    return std::move(rules_);
  }

 private:
  enum class State : uint8_t { kUnknown, kOpen, kDone };

  std::optional<Regular> regular(const GbnfNode& node, size_t depth) {
    RegexArena& arena = rules_.regex();
    if (rules_.overflowed()) return std::nullopt;
    switch (node.kind) {
      case Kind::kLiteral: return Regular{arena.literal(node.text), 1, false};
      case Kind::kSet: return Regular{utf8_character(&arena, node.set), 1, false};
      case Kind::kReference: {
        const std::optional<Regular> rule = regular_rule(node.rule, depth + 1);
        if (!rule || rule->has_loop) return std::nullopt;
        return rule;
      }
      case Kind::kRepeat: {
        std::optional<Regular> part = regular(node.parts[0], depth);
        if (!part) return std::nullopt;
        part->regex = arena.repeat(part->regex, node.low, node.high);
        part->has_loop |= node.high > 1;
        return part;
      }
      case Kind::kSequence:
      case Kind::kChoice: {
        Regular sum{0, 1, false};
        std::vector<RegexId> parts;
        for (const GbnfNode& child : node.parts) {
          const std::optional<Regular> part = regular(child, depth);
          if (!part || (sum.parts += part->parts) > kMaxTerminalParts) return std::nullopt;
          sum.has_loop |= part->has_loop;
          parts.push_back(part->regex);
        }
        sum.regex = node.kind == Kind::kSequence ? arena.concat(parts) : arena.either(std::move(parts));
        return sum;
      }
    }
    return std::nullopt;
  }

  std::optional<Regular> regular_rule(size_t rule, size_t depth) {
    if (state_[rule] == State::kOpen || depth > kMaxReferenceDepth) return std::nullopt;
    if (state_[rule] == State::kUnknown) {
      state_[rule] = State::kOpen;
      regular_[rule] = regular(source_.rules[rule].body, depth);
      state_[rule] = State::kDone;
    }
    return regular_[rule];
  }

  ExpressionId expression(const GbnfNode& node) {
    if (node.kind != Kind::kReference) {
      if (const std::optional<Regular> whole = regular(node, 0)) return rules_.terminal(whole->regex);
    }
    switch (node.kind) {
      case Kind::kReference: return rules_.reference(static_cast<RuleId>(node.rule));
      case Kind::kRepeat: return rules_.repeat(expression(node.parts[0]), node.low, node.high);
      case Kind::kChoice: {
        std::vector<ExpressionId> parts;
        for (const GbnfNode& part : node.parts) parts.push_back(expression(part));
        return rules_.choice(std::move(parts));
      }
      case Kind::kSequence: return sequence(node.parts);
      default: return kNever;
    }
  }

  // Neighbours without loops are one terminal.
  ExpressionId sequence(const std::vector<GbnfNode>& nodes) {
    std::vector<ExpressionId> parts;
    RegexId joined = kEmptyWord;
    size_t size = 0;
    const auto close = [&] {
      parts.push_back(rules_.terminal(joined));
      joined = kEmptyWord;
      size = 0;
    };
    for (const GbnfNode& node : nodes) {
      const std::optional<Regular> part = regular(node, 0);
      if (!part || part->has_loop) {
        close();
        parts.push_back(expression(node));
        continue;
      }
      if ((size += part->parts) > kMaxTerminalParts) close();
      joined = rules_.regex().concat(joined, part->regex);
    }
    close();
    return rules_.sequence(parts);
  }

  const GbnfSource& source_;
  Rules rules_;
  std::vector<std::optional<Regular>> regular_;
  std::vector<State> state_;
};

}  // namespace

Result<Rules> compile_gbnf(std::string_view text) {
  const GbnfSource source = TRY(parse_gbnf(text));
  Rules rules = Lowering(source).run();
  if (!rules.overflowed()) {
    const std::vector<RuleId> cycle = rules.find_left_recursion();
    if (!cycle.empty()) {
      std::string path;
      for (const RuleId rule : cycle) path += (path.empty() ? "" : " -> ") + rules.name(rule);
      return Error{ErrorCode::kInvalidArgument, position_in(text, source.rules[cycle.front()].position) +
                                                    ": left recursion, which never reads a character: " + path};
    }
  }
  TRY(rules.finish());
  return rules;
}

}  // namespace hearth::text::grammar
