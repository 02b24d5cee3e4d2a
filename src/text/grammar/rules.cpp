// Building rules, and the proofs that they can be recognised.
//
// Contract: see rules.h. All walks over rules are loops or bounded in depth by the source's nesting limit.
// Not here: front ends.
#include "text/grammar/rules.h"

#include <algorithm>

#include "text/grammar/limits.h"

namespace hearth::text::grammar {

ExpressionId Rules::intern(const Expression& expression) {
  const auto [place, added] = index_.try_emplace(expression, static_cast<ExpressionId>(expressions_.size()));
  if (!added) return place->second;
  if (frozen_ == 0 && expressions_.size() >= kMaxExpressions) {
    overflowed_ = true;
    index_.erase(place);
    return kNever;
  }
  expressions_.push_back(expression);
  if (frozen_ != 0) min_lengths_.push_back(measure(expression));
  return place->second;
}

ExpressionId Rules::terminal(RegexId regex) {
  if (regex == kEmptyLanguage) return kNever;
  if (regex == kEmptyWord) return kNothing;
  return intern({ExpressionKind::kTerminal, regex});
}

ExpressionId Rules::sequence(std::span<const ExpressionId> parts) {
  ExpressionId result = kNothing;
  for (size_t i = parts.size(); i-- > 0;) {
    const ExpressionId part = parts[i];
    if (part == kNever || result == kNever) return kNever;
    if (part == kNothing) continue;
    if (result == kNothing) {
      result = part;
      continue;
    }
    if (expressions_[part].kind == ExpressionKind::kSequence) {
      // Keep sequences leaning to the right, so that equal rests are equal expressions.
      std::vector<ExpressionId> heads;
      ExpressionId walk = part;
      for (; expressions_[walk].kind == ExpressionKind::kSequence; walk = expressions_[walk].b) heads.push_back(expressions_[walk].a);
      heads.push_back(walk);
      for (size_t k = heads.size(); k-- > 0;) result = intern({ExpressionKind::kSequence, heads[k], result});
      continue;
    }
    result = intern({ExpressionKind::kSequence, part, result});
  }
  return result;
}

ExpressionId Rules::choice(std::vector<ExpressionId> parts) {
  std::vector<ExpressionId> flat;
  for (const ExpressionId part : parts) {
    if (part == kNever) continue;
    if (expressions_[part].kind == ExpressionKind::kChoice) {
      for (const ExpressionId child : choices(part)) flat.push_back(child);
    } else {
      flat.push_back(part);
    }
  }
  std::sort(flat.begin(), flat.end());
  flat.erase(std::unique(flat.begin(), flat.end()), flat.end());
  if (flat.empty()) return kNever;
  if (flat.size() == 1) return flat[0];
  const auto begin = static_cast<uint32_t>(pool_.size());
  pool_.insert(pool_.end(), flat.begin(), flat.end());
  return intern({ExpressionKind::kChoice, begin, static_cast<uint32_t>(flat.size())});
}

ExpressionId Rules::repeat(ExpressionId part, uint32_t low, uint32_t high) {
  if (low > high) return kNever;
  if (high == 0 || part == kNothing) return kNothing;
  if (part == kNever) return low == 0 ? kNothing : kNever;
  if (low == 1 && high == 1) return part;
  return intern({ExpressionKind::kRepeat, part, 0, low, high});
}

ExpressionId Rules::rest_of_repeat(ExpressionId id) {
  const Expression repeat = expressions_[id];
  const uint32_t high = repeat.high == kUnbounded ? kUnbounded : repeat.high - 1;
  if (high == 0) return kNothing;
  return intern({ExpressionKind::kRepeat, repeat.a, 0, repeat.low == 0 ? 0 : repeat.low - 1, high});
}

RuleId Rules::add_rule(std::string name) {
  if (rules_.size() >= kMaxRules) {
    overflowed_ = true;
    return 0;
  }
  const auto rule = static_cast<RuleId>(rules_.size());
  rules_.push_back({std::move(name), kNever});
  rule_expressions_.push_back(intern({ExpressionKind::kRule, rule}));
  return rule;
}

ExpressionId Rules::reference(RuleId rule) { return rule_expressions_[rule]; }

uint32_t Rules::measure(const Expression& expression) const {
  switch (expression.kind) {
    case ExpressionKind::kNever: return kUnbounded;
    case ExpressionKind::kNothing: return 0;
    case ExpressionKind::kTerminal: return automaton_.arena().node(expression.a).min_length;
    case ExpressionKind::kSequence: return add_saturated(min_lengths_[expression.a], min_lengths_[expression.b]);
    case ExpressionKind::kRule: return min_lengths_[rules_[expression.a].body];
    case ExpressionKind::kRepeat: {
      if (expression.low == 0) return 0;
      const uint64_t product = uint64_t{min_lengths_[expression.a]} * expression.low;
      if (min_lengths_[expression.a] == kUnbounded) return kUnbounded;
      return product >= kUnbounded ? kUnbounded - 1 : static_cast<uint32_t>(product);
    }
    case ExpressionKind::kChoice: {
      uint32_t least = kUnbounded;
      for (uint32_t i = 0; i < expression.b; ++i) least = std::min(least, min_lengths_[pool_[expression.a + i]]);
      return least;
    }
  }
  return kUnbounded;
}

// Least fixed point: lengths only fall, and an expression is measured again only when one that it is made of fell.
void Rules::measure_all() {
  min_lengths_.assign(expressions_.size(), kUnbounded);
  std::vector<std::vector<ExpressionId>> users(expressions_.size());
  for (ExpressionId id = 0; id < expressions_.size(); ++id) {
    const Expression& e = expressions_[id];
    if (e.kind == ExpressionKind::kSequence) users[e.b].push_back(id);
    if (e.kind == ExpressionKind::kSequence || e.kind == ExpressionKind::kRepeat) users[e.a].push_back(id);
    if (e.kind == ExpressionKind::kRule) users[rules_[e.a].body].push_back(id);
    if (e.kind == ExpressionKind::kChoice) {
      for (const ExpressionId child : choices(id)) users[child].push_back(id);
    }
  }
  // Shortest first, as Knuth's generalisation of Dijkstra's algorithm has it: each is final when it is taken.
  std::multimap<uint32_t, ExpressionId> open;
  std::vector<bool> done(expressions_.size(), false);
  for (ExpressionId id = 0; id < expressions_.size(); ++id) {
    const uint32_t length = measure(expressions_[id]);
    if (length != kUnbounded) open.emplace(length, id);
  }
  while (!open.empty()) {
    const auto [length, id] = *open.begin();
    open.erase(open.begin());
    if (done[id]) continue;
    done[id] = true;
    min_lengths_[id] = length;
    for (const ExpressionId user : users[id]) {
      if (done[user]) continue;
      const uint32_t now = measure(expressions_[user]);
      if (now != kUnbounded) open.emplace(now, user);
    }
  }
}

// Rules that a text of this expression can begin with.
std::vector<RuleId> Rules::left_corners(ExpressionId id) const {
  std::vector<RuleId> found;
  std::vector<ExpressionId> open{id};
  std::map<ExpressionId, bool> visited;
  while (!open.empty()) {
    const ExpressionId next = open.back();
    open.pop_back();
    if (!visited.try_emplace(next, true).second) continue;
    const Expression& e = expressions_[next];
    switch (e.kind) {
      case ExpressionKind::kSequence:
        if (nullable(e.a)) open.push_back(e.b);
        open.push_back(e.a);
        break;
      case ExpressionKind::kRepeat: open.push_back(e.a); break;
      case ExpressionKind::kChoice:
        for (const ExpressionId child : choices(next)) open.push_back(child);
        break;
      case ExpressionKind::kRule: found.push_back(e.a); break;
      default: break;
    }
  }
  return found;
}

std::vector<RuleId> Rules::find_left_recursion() {
  measure_all();
  enum class Colour : uint8_t { kWhite, kGrey, kBlack };
  std::vector<Colour> colours(rules_.size(), Colour::kWhite);
  struct Visit {
    RuleId rule;
    std::vector<RuleId> corners;
    size_t next = 0;
  };
  for (RuleId start = 0; start < rules_.size(); ++start) {
    if (colours[start] != Colour::kWhite) continue;
    std::vector<Visit> path;
    path.push_back({start, left_corners(rules_[start].body)});
    colours[start] = Colour::kGrey;
    while (!path.empty()) {
      Visit& visit = path.back();
      if (visit.next == visit.corners.size()) {
        colours[visit.rule] = Colour::kBlack;
        path.pop_back();
        continue;
      }
      const RuleId rule = visit.corners[visit.next++];
      if (colours[rule] == Colour::kGrey) {
        std::vector<RuleId> cycle;
        for (const Visit& step : path) {
          if (!cycle.empty() || step.rule == rule) cycle.push_back(step.rule);
        }
        cycle.push_back(rule);
        return cycle;
      }
      if (colours[rule] == Colour::kBlack) continue;
      colours[rule] = Colour::kGrey;
      path.push_back({rule, left_corners(rules_[rule].body)});
    }
  }
  return {};
}

Result<void> Rules::finish() {
  if (overflowed()) {
    return Error{ErrorCode::kResource, "the grammar is too large: more than " + std::to_string(kMaxExpressions) + " expressions, " +
                                           std::to_string(kMaxRegexNodes) + " parts of terminals or " +
                                           std::to_string(kMaxSearchStates) + " states of an intersection"};
  }
  // A terminal that matches nothing takes the sequences with it that need it.
  for (Expression& e : expressions_) {
    if (e.kind == ExpressionKind::kTerminal && !automaton_.alive(e.a)) e = {ExpressionKind::kNever};
  }
  if (overflowed()) {
    return Error{ErrorCode::kResource, "whether a part of the grammar can match anything was not found within " +
                                           std::to_string(kMaxSearchStates) + " states; simplify its patterns or bounds"};
  }
  const std::vector<RuleId> cycle = find_left_recursion();
  if (!cycle.empty()) {
    std::string path;
    for (const RuleId rule : cycle) path += (path.empty() ? "" : " -> ") + name(rule);
    return Error{ErrorCode::kInvalidArgument, "left recursion, which never reads a byte: " + path};
  }
  if (min_length(reference(root_)) == kUnbounded) {
    return Error{ErrorCode::kInvalidArgument, "no text can satisfy the grammar"};
  }
  return {};
}

void Rules::freeze() {
  automaton_.freeze();
  frozen_ = expressions_.size();
}

void Rules::forget() {
  automaton_.forget();
  std::erase_if(index_, [&](const auto& entry) { return entry.second >= frozen_; });
  expressions_.resize(frozen_);
  min_lengths_.resize(frozen_);
}

size_t Rules::byte_size() const {
  return automaton_.byte_size() + expressions_.size() * (sizeof(Expression) * 3 + sizeof(void*) * 4) + pool_.size() * sizeof(ExpressionId);
}

}  // namespace hearth::text::grammar
