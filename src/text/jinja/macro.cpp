// Calls of macros; see macro.h.
#include "text/jinja/macro.h"

#include "text/jinja/operators.h"

namespace hearth::text::jinja {

namespace {

// Takes the keyword argument out of the list; missing if it is not there.
Value take_keyword(Arguments& arguments, std::string_view name) {
  for (size_t i = 0; i < arguments.keywords.size(); ++i) {
    if (arguments.keywords[i].first != name) continue;
    Value value = std::move(arguments.keywords[i].second);
    arguments.keywords.erase(arguments.keywords.begin() + static_cast<ptrdiff_t>(i));
    return value;
  }
  return Value();
}

}  // namespace

std::string MacroObject::label() const {
  return node_.name.empty() ? "None" : repr_text(node_.name);
}

std::string MacroObject::repr(Interpreter&) const {
  return "<Macro " + (node_.name.empty() ? std::string("anonymous") : repr_text(node_.name)) + ">";
}

Value MacroObject::attribute(Interpreter& interpreter, std::string_view name) {
  if (name == "name") return node_.name.empty() ? Value::none() : interpreter.string(node_.name);
  if (name == "catch_kwargs") return Value::boolean(node_.kwargs_slot >= 0);
  if (name == "catch_varargs") return Value::boolean(node_.varargs_slot >= 0);
  if (name == "caller") return Value::boolean(node_.caller_slot >= 0);
  if (name != "arguments") return Value();
  std::vector<Value> names;
  for (const auto& target : node_.targets) names.push_back(interpreter.string(target->text));
  return interpreter.tuple(std::move(names));
}

void MacroObject::bind(Interpreter& interpreter, Arguments& arguments, FrameObject* frame) const {
  const auto slot = [&](int index) -> Value& { return frame->slots[static_cast<size_t>(index)]; };
  const size_t count = node_.targets.size();
  for (size_t i = 0; i < count; ++i) {
    const Expression& target = *node_.targets[i];
    slot(target.slot.index) =
        i < arguments.positional.size() ? arguments.positional[i] : take_keyword(arguments, target.text);
  }
  if (node_.caller_slot >= 0) {
    Value caller = take_keyword(arguments, "caller");
    if (caller.is_missing() || caller.is_none()) caller = interpreter.undefined("No caller defined");
    slot(node_.caller_slot) = std::move(caller);
  }
  if (node_.kwargs_slot >= 0) {
    DictObject* dict = interpreter.new_dict();
    slot(node_.kwargs_slot) = Value::object(Kind::kDict, dict);
    for (auto& [name, value] : arguments.keywords) interpreter.set_item(dict, interpreter.string(name), value);
  } else if (!arguments.keywords.empty()) {
    for (const auto& keyword : arguments.keywords) {
      if (keyword.first == "caller") {
        fail("macro " + label() + " was invoked with two values for the special caller argument");
      }
    }
    fail("macro " + label() + " takes no keyword argument " + repr_text(arguments.keywords[0].first));
  }
  if (node_.varargs_slot >= 0) {
    std::vector<Value> rest;
    for (size_t i = count; i < arguments.positional.size(); ++i) rest.push_back(arguments.positional[i]);
    slot(node_.varargs_slot) = interpreter.tuple(std::move(rest));
  } else if (arguments.positional.size() > count) {
    fail("macro " + label() + " takes not more than " + std::to_string(count) + " argument(s)");
  }
}

void MacroObject::fill_defaults(Interpreter& interpreter) const {
  const size_t count = node_.targets.size();
  const size_t without_default = count - node_.values.size();
  for (size_t i = 0; i < count; ++i) {
    const Expression& target = *node_.targets[i];
    if (!interpreter.variable(target.slot).is_missing()) continue;
    Value value = i < without_default
                      ? interpreter.undefined("parameter " + repr_text(target.text) + " was not provided")
                      : interpreter.evaluate(*node_.values[i - without_default]);
    interpreter.variable(target.slot) = std::move(value);
  }
}

Value MacroObject::call(Interpreter& interpreter, Arguments& arguments) {
  interpreter.step();
  const Value self = Value::object(Kind::kNative, this);  // stays alive while it runs
  Ref<FrameObject> frame = interpreter.new_frame(node_.function, outer_);
  bind(interpreter, arguments, frame.get());
  std::string text = interpreter.run_function(std::move(frame), [&] {
    interpreter.enter_scope(node_.scope);
    fill_defaults(interpreter);
    interpreter.execute(node_.body);
  });
  return interpreter.string(std::move(text));
}

}  // namespace hearth::text::jinja
