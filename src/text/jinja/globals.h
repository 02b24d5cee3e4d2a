// The names every template has: range, dict, namespace, cycler, joiner, raise_exception, strftime_now, lipsum.
//
// Contract: as transformers sets them up. lipsum, whose text is random, is refused when called. Not here: filters.
#pragma once

#include <string>
#include <unordered_map>

#include "text/jinja/interpreter.h"

namespace hearth::text::jinja {

void add_globals(Interpreter& interpreter, std::unordered_map<std::string, Value>* names);

// namespace(): the one value a template can change, through {% set ns.name = value %}.
class NamespaceObject final : public NativeObject {
 public:
  explicit NamespaceObject(Value attributes) : attributes_(std::move(attributes)) {}
  std::string_view type_name() const override { return "Namespace"; }
  std::string repr(Interpreter& interpreter) const override;
  Value attribute(Interpreter& interpreter, std::string_view name) override;
  void set(Interpreter& interpreter, const Value& name, Value value);
  void clear() override { attributes_ = Value(); }

 private:
  Value attributes_;
};

}  // namespace hearth::text::jinja
