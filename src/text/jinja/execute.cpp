// Statements; see interpreter.h.
#include "text/jinja/access.h"
#include "text/jinja/globals.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/macro.h"
#include "text/jinja/operators.h"

namespace hearth::text::jinja {

Flow Interpreter::execute(const Body& body) {
  for (const auto& statement : body) {
    const Flow flow = execute_statement(*statement);
    if (flow != Flow::kNext) return flow;
  }
  return Flow::kNext;
}

Flow Interpreter::execute_statement(const Statement& node) {
  const Depth depth(*this);
  step();
  line_ = node.line;
  switch (node.kind) {
    case StatementKind::kOutput:
      write_values(node);
      return Flow::kNext;
    case StatementKind::kIf:
      return execute_if(node);
    case StatementKind::kFor:
      return execute_for(node);
    case StatementKind::kSet:
      execute_set(node);
      return Flow::kNext;
    case StatementKind::kMacro:
      execute_macro(node);
      return Flow::kNext;
    case StatementKind::kCallBlock:
    case StatementKind::kGeneration:
      execute_call_block(node);
      return Flow::kNext;
    case StatementKind::kSetBlock:
    case StatementKind::kFilterBlock:
    case StatementKind::kWith:
    case StatementKind::kAutoescape:
      return execute_scope(node);
    case StatementKind::kBlock:
      execute_block(node);
      return Flow::kNext;
    case StatementKind::kBreak:
      return Flow::kBreak;
    case StatementKind::kContinue:
      return Flow::kContinue;
    case StatementKind::kRefused:
      fail_unsupported(node.name);
  }
  return Flow::kNext;
}

void Interpreter::write_values(const Statement& node) {
  for (const auto& value : node.values) {
    line_ = value->line;
    if (value->kind == ExpressionKind::kConstant && value->constant.is_string()) {
      write(value->constant.text());
      continue;
    }
    const Value result = evaluate(*value);
    if (result.is_string()) {
      work(result.text().size());
      write(result.text());
    } else {
      write(to_text(*this, result));
    }
  }
}

Flow Interpreter::execute_if(const Statement& node) {
  for (const Branch& branch : node.branches) {
    if (branch.test) line_ = branch.test->line;
    if (!branch.test || truth(*this, evaluate(*branch.test))) return execute(branch.body);
  }
  return Flow::kNext;
}

// Namespace targets are checked before the value is computed.
void Interpreter::check_namespaces(const Expression& target) {
  if (target.kind == ExpressionKind::kNamespaceTarget) {
    const Value& value = variable(target.slot);
    if (!value.is(Kind::kNative) || dynamic_cast<NamespaceObject*>(&value.native()) == nullptr) {
      fail("cannot assign attribute on non-namespace object");
    }
  }
  if (target.kind == ExpressionKind::kTuple) {
    for (const auto& item : target.items) check_namespaces(*item);
  }
}

void Interpreter::export_names(const Statement& node) {
  if (tree_.blocks.empty()) return;
  for (const auto& [name, slot] : node.exports) exported_[name] = variable(slot);
}

void Interpreter::execute_set(const Statement& node) {
  check_namespaces(*node.target);
  assign(*node.target, evaluate(*node.value));
  export_names(node);
}

void Interpreter::assign(const Expression& target, const Value& value) {
  if (target.kind == ExpressionKind::kName) {
    variable(target.slot) = value;
    return;
  }
  if (target.kind == ExpressionKind::kNamespaceTarget) {
    const Value holder = variable(target.slot);
    static_cast<NamespaceObject&>(holder.native()).set(*this, target.items[0]->constant, value);
    return;
  }
  const std::vector<Value> items = collect(*this, value);
  if (items.size() < target.items.size()) {
    fail("not enough values to unpack (expected " + std::to_string(target.items.size()) + ", got " +
         std::to_string(items.size()) + ")");
  }
  if (items.size() > target.items.size()) {
    fail("too many values to unpack (expected " + std::to_string(target.items.size()) + ")");
  }
  for (size_t i = 0; i < items.size(); ++i) assign(*target.items[i], items[i]);
}

// set block, filter block, with, autoescape.
Flow Interpreter::execute_scope(const Statement& node) {
  if (node.kind == StatementKind::kSetBlock || node.kind == StatementKind::kFilterBlock) {
    if (node.target) check_namespaces(*node.target);
    enter_scope(node.scope);
    Flow flow = Flow::kNext;
    const std::string text = run_function(frame_, [&] { flow = execute(node.body); });
    if (flow != Flow::kNext) return flow;
    Value result = string(text);
    if (node.value) result = apply_block_filter(*node.value, result);
    if (node.target) {
      assign(*node.target, result);
      export_names(node);
    } else {
      write_block_result(result);
    }
    leave_scope(node.scope);
    return Flow::kNext;
  }
  enter_scope(node.scope);
  for (size_t i = 0; i < node.targets.size(); ++i) assign(*node.targets[i], evaluate(*node.values[i]));
  if (node.kind == StatementKind::kAutoescape && truth(*this, evaluate(*node.value))) {
    fail_unsupported("autoescape cannot be switched on: a chat template writes plain text");
  }
  const Flow flow = execute(node.body);
  if (flow == Flow::kNext) leave_scope(node.scope);
  return flow;
}

// What a filter or call block gives is joined to the output as it is: only text can be.
void Interpreter::write_block_result(const Value& result) {
  if (!result.is_string()) fail("expected the block to give a str, not " + std::string(type_name(result)));
  write(result.text());
}

void Interpreter::execute_block(const Statement& node) {
  if (node.required) fail("Required block '" + node.name + "' not found");
  const auto saved = exported_;
  if (node.scoped) {
    for (const auto& [name, slot] : node.exports) {
      const Value& value = variable(slot);
      if (!value.is_missing()) exported_[name] = value;
    }
  }
  run_in_frame(new_frame(node.function, Ref<FrameObject>()), [&] {
    enter_scope(node.scope);
    execute(node.body);
    return Value();
  });
  exported_ = saved;
}

void Interpreter::execute_macro(const Statement& node) {
  variable(node.slot) = native<MacroObject>(&node, frame_);
  export_names(node);
}

void Interpreter::execute_call_block(const Statement& node) {
  const Value caller = native<MacroObject>(&node, frame_);
  if (node.kind == StatementKind::kGeneration) {
    Arguments none;
    write(call(caller, none).text());
    return;
  }
  write_block_result(call_expression(*node.value, &caller));
}

}  // namespace hearth::text::jinja
