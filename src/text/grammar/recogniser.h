// Reads bytes against finished rules. A state is the set of all readings of the text so far, each a terminal in progress and
// the stack of what must follow it; stacks and states are hash-consed, so that equal situations are one number.
//
// Contract: step() is a function of state and byte: its result is the same whatever was recognised or forgotten before, and
// kDeadState if no text of the grammar goes on so. No other state is a dead end. States stay valid until forget(). When a
// limit is reached overflowed() becomes true and the result means nothing. Not thread-safe.
// Not here: tokens (mask_builder.h), text so far (grammar.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "text/grammar/limits.h"
#include "text/grammar/rules.h"

namespace hearth::text::grammar {

using StateId = uint32_t;
using StackId = uint32_t;
inline constexpr StateId kDeadState = 0;
inline constexpr StackId kBottom = 0;

struct Reading {
  RegexId terminal;  // what is left of the terminal in progress
  StackId stack;     // what follows it
  bool operator==(const Reading&) const = default;
  bool operator<(const Reading& o) const { return terminal != o.terminal ? terminal < o.terminal : stack < o.stack; }
};

class Recogniser {
 public:
  explicit Recogniser(Rules rules);  // finished

  StateId start();
  StateId step(StateId state, uint8_t byte) { return step_class(state, rules_.automaton().class_of(byte)); }
  StateId step_class(StateId state, uint8_t byte_class) {
    const StateId known = transitions_[size_t{state} * class_count_ + byte_class];
    return known != kUnknown ? known : compute_step(state, byte_class);
  }
  bool can_end(StateId state) const { return states_[state].can_end; }
  std::span<const Reading> readings(StateId state) const {
    return {readings_.data() + states_[state].begin, states_[state].count};
  }
  // The state after a terminal that ended on top of this stack;
  StateId after(StackId stack);
  // Fewest bytes to an end; a lower bound where terminals are intersections.
  uint32_t min_length(StateId state);

  RegexAutomaton& automaton() { return rules_.automaton(); }
  size_t byte_size() const;
  bool overflowed() const { return overflowed_ || rules_.overflowed(); }
  void clear_overflow();
  void forget();
  // Steps computed since construction: what a mask's work is limited by.
  size_t work() const { return work_ + rules_.derivatives() * kDerivativeWork; }

 private:
  static constexpr StateId kUnknown = UINT32_MAX;
  struct State {
    uint32_t begin, count;
    bool can_end;
  };
  struct Stack {
    ExpressionId top;
    StackId below;
  };
  struct Task {
    ExpressionId expression;  // kNothing: go on with the stack
    StackId stack;
    bool operator==(const Task&) const = default;
  };

  StateId compute_step(StateId state, uint8_t byte_class);
  StackId push(ExpressionId top, StackId below);
  void expand(ExpressionId expression, StackId stack, std::vector<Reading>* readings, bool* can_end);
  void expand_one(const Task& task, std::vector<Reading>* readings, bool* can_end);
  void add_task(ExpressionId expression, StackId stack);
  StateId intern(std::vector<Reading>* readings, bool can_end);
  void grow_state_slots();
  void grow_stack_slots();
  void reset_tables();

  Rules rules_;
  size_t class_count_ = 0;
  std::vector<State> states_;
  std::vector<Reading> readings_;
  std::vector<StateId> transitions_;    // [states, classes]
  std::vector<uint32_t> state_slots_;   // id + 1
  std::vector<Stack> stacks_;
  std::vector<StateId> after_;          // of each stack, kUnknown until asked for
  std::vector<uint32_t> stack_slots_;   // id + 1
  std::vector<Task> open_;
  std::vector<Task> seen_;
  std::vector<uint32_t> seen_slots_;
  size_t work_ = 0;
  bool overflowed_ = false;
};

}  // namespace hearth::text::grammar
