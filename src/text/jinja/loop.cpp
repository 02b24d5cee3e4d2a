// Loops; see loop.h.
#include "text/jinja/loop.h"

#include "text/jinja/access.h"
#include "text/jinja/function.h"
#include "text/jinja/operators.h"
#include "text/jinja/parameters.h"

namespace hearth::text::jinja {

namespace {

class ListIterator final : public Iterator {
 public:
  explicit ListIterator(Value list) : list_(std::move(list)) {}
  bool next(Interpreter&, Value* item) override {
    if (position_ >= list_.items().size()) return false;
    *item = list_.items()[position_++];
    return true;
  }
  void clear() override { list_ = Value(); }

 private:
  Value list_;
  size_t position_ = 0;
};

// for ... if: a generator that runs the test in variables of its own.
class FilteredIterator final : public Iterator {
 public:
  FilteredIterator(const Statement* node, Value source, Ref<FrameObject> frame)
      : node_(*node), source_(std::move(source)), frame_(std::move(frame)) {}

  bool next(Interpreter& interpreter, Value* item) override {
    const Interpreter::Depth depth(interpreter);
    while (source_.iterator().next(interpreter, item)) {
      interpreter.step();
      const Value kept = interpreter.run_in_frame(frame_, [&] {
        if (!entered_) interpreter.enter_scope(node_.test_scope);
        entered_ = true;
        interpreter.assign(*node_.test_target, *item);
        return Value::boolean(truth(interpreter, interpreter.evaluate(*node_.test)));
      });
      if (!kept.as_bool()) continue;
      // An unpacked item is packed again, as a tuple.
      if (node_.test_target->kind == ExpressionKind::kTuple) *item = interpreter.tuple(collect(interpreter, *item));
      return true;
    }
    return false;
  }
  void clear() override {
    source_ = Value();
    frame_ = Ref<FrameObject>();
  }

 private:
  const Statement& node_;
  Value source_;
  Ref<FrameObject> frame_;
  bool entered_ = false;
};

}  // namespace

bool LoopObject::next(Interpreter& interpreter, Value* item) {
  if (!after_.is_missing()) {
    *item = std::move(after_);
    after_ = Value();
  } else if (!iterator_.iterator().next(interpreter, item)) {
    return false;
  }
  ++index0_;
  before_ = std::move(current_);
  current_ = *item;
  return true;
}

bool LoopObject::peek(Interpreter& interpreter) {
  if (!after_.is_missing()) return true;
  Value item;
  if (!iterator_.iterator().next(interpreter, &item)) return false;
  after_ = std::move(item);
  return true;
}

int64_t LoopObject::count(Interpreter& interpreter) {
  if (length_ >= 0) return length_;
  Integer known = 0;
  if (has_length(interpreter, iterable_, &known)) {
    length_ = static_cast<int64_t>(known);
    return length_;
  }
  const Value rest = interpreter.list(collect(interpreter, iterator_));
  iterator_ = interpreter.iterator<ListIterator>(rest);
  length_ = static_cast<int64_t>(rest.items().size()) + index0_ + 1 + (after_.is_missing() ? 0 : 1);
  return length_;
}

bool LoopObject::length(Interpreter& interpreter, Integer* length) {
  *length = count(interpreter);
  return true;
}

Value LoopObject::neighbour(Interpreter& interpreter, bool after) {
  if (after) return peek(interpreter) ? after_ : interpreter.undefined("there is no next item");
  return index0_ == 0 ? interpreter.undefined("there is no previous item") : before_;
}

Value LoopObject::attribute(Interpreter& interpreter, std::string_view name) {
  if (name == "index") return Value::integer(index0_ + 1);
  if (name == "index0") return Value::integer(index0_);
  if (name == "first") return Value::boolean(index0_ == 0);
  if (name == "last") return Value::boolean(!peek(interpreter));
  if (name == "length") return Value::integer(count(interpreter));
  if (name == "revindex") return Value::integer(count(interpreter) - index0_);
  if (name == "revindex0") return Value::integer(count(interpreter) - index0_ - 1);
  if (name == "depth") return Value::integer(depth0_ + 1);
  if (name == "depth0") return Value::integer(depth0_);
  if (name == "previtem") return neighbour(interpreter, false);
  if (name == "nextitem") return neighbour(interpreter, true);
  const Value self = Value::object(Kind::kNative, this);
  if (name == "cycle") return interpreter.native<FunctionObject>("cycle", self, &LoopObject::cycle);
  if (name == "changed") return interpreter.native<FunctionObject>("changed", self, &LoopObject::changed);
  return Value();
}

Value LoopObject::cycle(Interpreter&, const Value& self, Arguments& arguments) {
  const auto& loop = static_cast<LoopObject&>(self.native());
  if (!arguments.keywords.empty()) fail("cycle() takes no keyword arguments");
  if (arguments.positional.empty()) fail("no items for cycling given");
  return arguments.positional[static_cast<size_t>(loop.index0_) % arguments.positional.size()];
}

Value LoopObject::changed(Interpreter& interpreter, const Value& self, Arguments& arguments) {
  auto& loop = static_cast<LoopObject&>(self.native());
  if (!arguments.keywords.empty()) fail("changed() takes no keyword arguments");
  const Value now = interpreter.tuple(arguments.positional);
  const bool differs = loop.last_changed_.is_missing() || !equal_values(loop.last_changed_, now);
  if (differs) loop.last_changed_ = now;
  return Value::boolean(differs);
}

Value LoopObject::call(Interpreter& interpreter, Arguments& arguments) {
  const Parameters given(arguments, "loop", {"iterable"}, 1);
  if (recurse_.is_missing()) fail("The loop must have the 'recursive' marker to be called recursively.");
  auto& function = static_cast<RecursiveLoop&>(recurse_.native());
  return interpreter.string(function.run(interpreter, given[0], depth0_ + 1));
}

std::string LoopObject::repr(Interpreter& interpreter) const {
  const int64_t length = const_cast<LoopObject*>(this)->count(interpreter);
  return "<LoopContext " + std::to_string(index0_ + 1) + "/" + std::to_string(length) + ">";
}

void LoopObject::clear() {
  for (Value* value : {&iterable_, &iterator_, &recurse_, &before_, &current_, &after_, &last_changed_})
    *value = Value();
}

std::string RecursiveLoop::run(Interpreter& interpreter, const Value& iterable, int64_t depth0) {
  const Value self = Value::object(Kind::kNative, this);
  const Value source = node_.test ? interpreter.filtered(node_, iterable, outer_) : iterable;
  return interpreter.run_function(interpreter.new_frame(node_.function, outer_),
                                  [&] { interpreter.run_loop(node_, source, self, depth0); });
}

Value Interpreter::filtered(const Statement& node, const Value& iterable, Ref<FrameObject> outer) {
  return iterator<FilteredIterator>(&node, iterate(*this, iterable), new_frame(node.test_function, std::move(outer)));
}

Flow Interpreter::execute_for(const Statement& node) {
  const Value iterable = evaluate(*node.value);
  if (node.recursive) {
    const Value function = native<RecursiveLoop>(&node, frame_);
    write(static_cast<RecursiveLoop&>(function.native()).run(*this, iterable, 0));
    return Flow::kNext;
  }
  return run_loop(node, node.test ? filtered(node, iterable, frame_) : iterable, Value(), 0);
}

Flow Interpreter::run_loop(const Statement& node, const Value& iterable, const Value& recurse, int64_t depth0) {
  const Value source = iterate(*this, iterable);
  Value loop;
  if (node.loop_slot >= 0) loop = native<LoopObject>(iterable, source, recurse, depth0);
  bool no_turn_finished = true;
  Value item;
  while (true) {
    step();
    const bool more = loop.is_missing() ? source.iterator().next(*this, &item)
                                        : static_cast<LoopObject&>(loop.native()).next(*this, &item);
    if (!more) break;
    assign(*node.target, item);
    if (!loop.is_missing()) frame_->slots[static_cast<size_t>(node.loop_slot)] = loop;
    enter_scope(node.scope);
    const Flow flow = execute(node.body);
    if (flow == Flow::kBreak) break;
    if (flow == Flow::kNext) no_turn_finished = false;
  }
  leave_scope(node.scope);
  // As in jinja2, else runs whenever no turn came to its end, be it for want of items, by break or by continue.
  if (!no_turn_finished || node.else_body.empty()) return Flow::kNext;
  enter_scope(node.else_scope);
  const Flow flow = execute(node.else_body);
  if (flow == Flow::kNext) leave_scope(node.else_scope);
  return flow;
}

}  // namespace hearth::text::jinja
