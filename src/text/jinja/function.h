// A function or bound method as a value.
//
// Contract: `self` is handed to every call; it is missing for plain functions. Not here: what the functions do.
#pragma once

#include "text/jinja/interpreter.h"

namespace hearth::text::jinja {

class FunctionObject final : public NativeObject {
 public:
  using Call = Value (*)(Interpreter& interpreter, const Value& self, Arguments& arguments);
  FunctionObject(std::string_view name, Value self, Call call) : name_(name), self_(std::move(self)), call_(call) {}
  std::string_view type_name() const override { return "builtin_function_or_method"; }
  std::string repr(Interpreter&) const override { return "<function " + name_ + ">"; }
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, Arguments& arguments) override {
    const Value self = self_;
    return call_(interpreter, self, arguments);
  }
  void clear() override { self_ = Value(); }

 private:
  std::string name_;
  Value self_;
  Call call_;
};

}  // namespace hearth::text::jinja
