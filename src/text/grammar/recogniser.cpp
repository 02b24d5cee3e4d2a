// States, stacks and transitions of the recogniser.
//
// Contract: see recogniser.h. A rule in last position leaves nothing on the stack, so that lists do not grow it.
// Not here: derivatives (regex_automaton.cpp).
#include "text/grammar/recogniser.h"

#include <algorithm>

#include "text/grammar/limits.h"
#include "text/hash.h"

namespace hearth::text::grammar {

namespace {

constexpr size_t kFirstStateSlots = 256;

uint64_t hash_of(std::span<const Reading> readings, bool can_end) {
  uint64_t hash = can_end;
  for (const Reading& reading : readings) hash = mix_hash(hash, uint64_t{reading.terminal} << 32 | reading.stack);
  return hash;
}

}  // namespace

Recogniser::Recogniser(Rules rules) : rules_(std::move(rules)) {
  rules_.freeze();
  class_count_ = rules_.automaton().class_count();
  reset_tables();
}

void Recogniser::reset_tables() {
  states_.assign(1, {0, 0, false});
  readings_ = {};
  transitions_.assign(class_count_, kDeadState);
  transitions_.shrink_to_fit();
  state_slots_.assign(kFirstStateSlots, 0);
  state_slots_.shrink_to_fit();
  stacks_.assign(1, {kNever, kBottom});
  stacks_.shrink_to_fit();
  after_.assign(1, kUnknown);
  after_.shrink_to_fit();
  stack_slots_.assign(kFirstStateSlots, 0);
  stack_slots_.shrink_to_fit();
}

void Recogniser::forget() {
  rules_.forget();
  reset_tables();
  overflowed_ = false;
}

void Recogniser::clear_overflow() {
  rules_.automaton().clear_overflow();
  overflowed_ = false;
}

size_t Recogniser::byte_size() const {
  return rules_.byte_size() + states_.size() * sizeof(State) + readings_.size() * sizeof(Reading) +
         transitions_.size() * sizeof(StateId) + (state_slots_.size() + stack_slots_.size()) * sizeof(uint32_t) +
         stacks_.size() * (sizeof(Stack) + sizeof(StateId));
}

StateId Recogniser::start() {
  std::vector<Reading> readings;
  bool can_end = false;
  expand(rules_.reference(rules_.root()), kBottom, &readings, &can_end);
  return intern(&readings, can_end);
}

StackId Recogniser::push(ExpressionId top, StackId below) {
  if (top == kNothing) return below;
  const size_t mask = stack_slots_.size() - 1;
  size_t slot = mix_hash(top, below) & mask;
  for (; stack_slots_[slot] != 0; slot = (slot + 1) & mask) {
    const Stack& stack = stacks_[stack_slots_[slot] - 1];
    if (stack.top == top && stack.below == below) return stack_slots_[slot] - 1;
  }
  stacks_.push_back({top, below});
  after_.push_back(kUnknown);
  stack_slots_[slot] = static_cast<uint32_t>(stacks_.size());
  const auto id = static_cast<StackId>(stacks_.size() - 1);
  if (stacks_.size() * 2 > stack_slots_.size()) grow_stack_slots();
  return id;
}

void Recogniser::grow_stack_slots() {
  std::vector<uint32_t> slots(stack_slots_.size() * 2, 0);
  const size_t mask = slots.size() - 1;
  for (size_t id = 1; id < stacks_.size(); ++id) {
    size_t slot = mix_hash(stacks_[id].top, stacks_[id].below) & mask;
    while (slots[slot] != 0) slot = (slot + 1) & mask;
    slots[slot] = static_cast<uint32_t>(id + 1);
  }
  stack_slots_.swap(slots);
}

void Recogniser::grow_state_slots() {
  std::vector<uint32_t> slots(state_slots_.size() * 2, 0);
  const size_t mask = slots.size() - 1;
  for (size_t id = 1; id < states_.size(); ++id) {
    size_t slot = hash_of(readings(static_cast<StateId>(id)), states_[id].can_end) & mask;
    while (slots[slot] != 0) slot = (slot + 1) & mask;
    slots[slot] = static_cast<uint32_t>(id + 1);
  }
  state_slots_.swap(slots);
}

StateId Recogniser::intern(std::vector<Reading>* readings, bool can_end) {
  std::sort(readings->begin(), readings->end());
  readings->erase(std::unique(readings->begin(), readings->end()), readings->end());
  if (overflowed()) return kDeadState;
  if (readings->size() > kMaxParallelReadings) {
    overflowed_ = true;
    return kDeadState;
  }
  if (readings->empty() && !can_end) return kDeadState;
  const size_t mask = state_slots_.size() - 1;
  size_t slot = hash_of(*readings, can_end) & mask;
  for (; state_slots_[slot] != 0; slot = (slot + 1) & mask) {
    const StateId id = state_slots_[slot] - 1;
    const auto known = this->readings(id);
    if (states_[id].can_end == can_end && std::equal(known.begin(), known.end(), readings->begin(), readings->end())) return id;
  }
  states_.push_back({static_cast<uint32_t>(readings_.size()), static_cast<uint32_t>(readings->size()), can_end});
  readings_.insert(readings_.end(), readings->begin(), readings->end());
  transitions_.resize(transitions_.size() + class_count_, kUnknown);
  state_slots_[slot] = static_cast<uint32_t>(states_.size());
  const auto id = static_cast<StateId>(states_.size() - 1);
  if (states_.size() * 2 > state_slots_.size()) grow_state_slots();
  return id;
}

void Recogniser::add_task(ExpressionId expression, StackId stack) {
  if (rules_.min_length(expression) == kUnbounded) return;
  // Few tasks are the rule; many are looked up by hash.
  const Task task{expression, stack};
  if (seen_.size() >= kMaxExpansions) {
    overflowed_ = true;
    return;
  }
  if ((seen_.size() + 1) * 2 > seen_slots_.size()) {
    seen_slots_.assign(std::max<size_t>(64, seen_slots_.size() * 2), 0);
    for (size_t i = 0; i < seen_.size(); ++i) {
      size_t slot = mix_hash(seen_[i].expression, seen_[i].stack) & (seen_slots_.size() - 1);
      while (seen_slots_[slot] != 0) slot = (slot + 1) & (seen_slots_.size() - 1);
      seen_slots_[slot] = static_cast<uint32_t>(i + 1);
    }
  }
  size_t slot = mix_hash(expression, stack) & (seen_slots_.size() - 1);
  for (; seen_slots_[slot] != 0; slot = (slot + 1) & (seen_slots_.size() - 1)) {
    if (seen_[seen_slots_[slot] - 1] == task) return;
  }
  seen_.push_back(task);
  seen_slots_[slot] = static_cast<uint32_t>(seen_.size());
  open_.push_back(task);
}

void Recogniser::expand_one(const Task& task, std::vector<Reading>* readings, bool* can_end) {
  const Rules::Expression e = rules_.expression(task.expression);
  switch (e.kind) {
    case ExpressionKind::kNever: return;
    case ExpressionKind::kNothing:
      if (task.stack == kBottom) {
        *can_end = true;
      } else {
        const Stack stack = stacks_[task.stack];
        add_task(stack.top, stack.below);
      }
      return;
    case ExpressionKind::kTerminal:
      readings->push_back({e.a, task.stack});
      if (rules_.regex().nullable(e.a)) add_task(kNothing, task.stack);
      return;
    case ExpressionKind::kSequence: add_task(e.a, push(e.b, task.stack)); return;
    case ExpressionKind::kRule: add_task(rules_.body(e.a), task.stack); return;
    case ExpressionKind::kChoice:
      for (uint32_t i = 0; i < e.b; ++i) add_task(rules_.choices(task.expression)[i], task.stack);
      return;
    case ExpressionKind::kRepeat: {
      if (e.low == 0 || rules_.nullable(e.a)) add_task(kNothing, task.stack);
      const ExpressionId rest = rules_.rest_of_repeat(task.expression);
      add_task(e.a, push(rest, task.stack));
      return;
    }
  }
}

void Recogniser::expand(ExpressionId expression, StackId stack, std::vector<Reading>* readings, bool* can_end) {
  open_.clear();
  seen_.clear();
  std::fill(seen_slots_.begin(), seen_slots_.end(), 0);
  add_task(expression, stack);
  while (!open_.empty() && !overflowed_) {
    const Task task = open_.back();
    open_.pop_back();
    ++work_;
    expand_one(task, readings, can_end);
  }
  if (seen_slots_.size() > 4096) seen_slots_ = {};
}

StateId Recogniser::after(StackId stack) {
  if (after_[stack] != kUnknown) return after_[stack];
  std::vector<Reading> readings;
  bool can_end = false;
  expand(kNothing, stack, &readings, &can_end);
  const StateId state = intern(&readings, can_end);
  if (!overflowed()) after_[stack] = state;
  return state;
}

StateId Recogniser::compute_step(StateId state, uint8_t byte_class) {
  std::vector<Reading> next;
  bool can_end = false;
  for (uint32_t i = 0; i < states_[state].count && !overflowed(); ++i) {
    const Reading reading = readings_[states_[state].begin + i];
    ++work_;
    const RegexId terminal = rules_.automaton().step_class(reading.terminal, byte_class);
    if (terminal == kEmptyLanguage) continue;
    if (terminal != kEmptyWord) next.push_back({terminal, reading.stack});
    if (!rules_.regex().nullable(terminal)) continue;
    const StateId rest = after(reading.stack);
    can_end |= this->can_end(rest);
    const auto more = readings(rest);
    next.insert(next.end(), more.begin(), more.end());
  }
  const StateId result = intern(&next, can_end);
  if (!overflowed()) transitions_[size_t{state} * class_count_ + byte_class] = result;
  return result;
}

uint32_t Recogniser::min_length(StateId state) {
  uint32_t least = can_end(state) ? 0 : kUnbounded;
  for (const Reading& reading : readings(state)) {
    uint64_t length = rules_.regex().node(reading.terminal).min_length;
    for (StackId s = reading.stack; s != kBottom; s = stacks_[s].below) length += rules_.min_length(stacks_[s].top);
    least = static_cast<uint32_t>(std::min<uint64_t>(least, length));
  }
  return least;
}

}  // namespace hearth::text::grammar
