// The `loop` variable, and the function that a recursive loop calls.
//
// Contract: behaves as jinja2's LoopContext, looking ahead in the sequence only when last, nextitem or length are asked
// for. Not here: iteration itself (access.h).
#pragma once

#include "text/jinja/interpreter.h"

namespace hearth::text::jinja {

class LoopObject final : public NativeObject {
 public:
  LoopObject(Value iterable, Value iterator, Value recurse, int64_t depth0)
      : iterable_(std::move(iterable)), iterator_(std::move(iterator)), recurse_(std::move(recurse)), depth0_(depth0) {}
  bool next(Interpreter& interpreter, Value* item);
  std::string_view type_name() const override { return "LoopContext"; }
  std::string repr(Interpreter& interpreter) const override;
  Value attribute(Interpreter& interpreter, std::string_view name) override;
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, Arguments& arguments) override;
  bool length(Interpreter& interpreter, Integer* length) override;
  void clear() override;

 private:
  static Value cycle(Interpreter& interpreter, const Value& self, Arguments& arguments);
  static Value changed(Interpreter& interpreter, const Value& self, Arguments& arguments);
  int64_t count(Interpreter& interpreter);
  bool peek(Interpreter& interpreter);
  Value neighbour(Interpreter& interpreter, bool after);

  Value iterable_, iterator_, recurse_;
  Value before_, current_, after_, last_changed_;
  int64_t depth0_;
  int64_t index0_ = -1;
  int64_t length_ = -1;
};

class RecursiveLoop final : public NativeObject {
 public:
  RecursiveLoop(const Statement* node, Ref<FrameObject> outer) : node_(*node), outer_(std::move(outer)) {}
  std::string_view type_name() const override { return "function"; }
  std::string repr(Interpreter&) const override { return "<function loop>"; }
  std::string run(Interpreter& interpreter, const Value& iterable, int64_t depth0);
  void clear() override { outer_ = Ref<FrameObject>(); }

 private:
  const Statement& node_;
  Ref<FrameObject> outer_;
};

}  // namespace hearth::text::jinja
