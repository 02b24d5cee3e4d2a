// A macro, and the caller() that a call block hands to one.
//
// Contract: arguments bind as jinja2's Macro does it: positional, named, defaults, then varargs, kwargs and caller
// where the body asks for them. Not here: the body's statements (execute.cpp).
#pragma once

#include "text/jinja/interpreter.h"

namespace hearth::text::jinja {

class MacroObject final : public NativeObject {
 public:
  MacroObject(const Statement* node, Ref<FrameObject> outer) : node_(*node), outer_(std::move(outer)) {}
  std::string_view type_name() const override { return "Macro"; }
  std::string repr(Interpreter& interpreter) const override;
  Value attribute(Interpreter& interpreter, std::string_view name) override;
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, Arguments& arguments) override;
  void clear() override { outer_ = Ref<FrameObject>(); }

 private:
  std::string label() const;
  void bind(Interpreter& interpreter, Arguments& arguments, FrameObject* frame) const;
  void fill_defaults(Interpreter& interpreter) const;
  const Statement& node_;
  Ref<FrameObject> outer_;
};

}  // namespace hearth::text::jinja
