// Expressions; see interpreter.h.
#include "text/jinja/access.h"
#include "text/jinja/interpreter.h"
#include "text/jinja/methods.h"
#include "text/jinja/operators.h"
#include "text/jinja/registry.h"

namespace hearth::text::jinja {

Value Interpreter::evaluate(const Expression& node) {
  step();
  switch (node.kind) {  // leaves need no guard
    case ExpressionKind::kConstant:
      return node.constant;
    case ExpressionKind::kName: {
      const Value& value = variable(node.slot);
      return value.is_missing() ? undefined(repr_text(node.text) + " is undefined") : value;
    }
    default:
      break;
  }
  const Depth depth(*this);
  return evaluate_node(node);
}

Value Interpreter::evaluate_node(const Expression& node) {
  switch (node.kind) {
    case ExpressionKind::kTuple:
      return tuple(evaluate_items(node));
    case ExpressionKind::kList:
      return list(evaluate_items(node));
    case ExpressionKind::kDict:
      return evaluate_dict(node);
    case ExpressionKind::kConditional:
    case ExpressionKind::kOr:
    case ExpressionKind::kAnd:
    case ExpressionKind::kNot:
      return evaluate_logic(node);
    case ExpressionKind::kCompare:
      return evaluate_compare(node);
    case ExpressionKind::kArithmetic:
      return evaluate_arithmetic(node);
    case ExpressionKind::kConcat:
      return evaluate_concat(node);
    case ExpressionKind::kNegate:
      return negate(*this, evaluate(*node.items[0]));
    case ExpressionKind::kPlus:
      return positive(*this, evaluate(*node.items[0]));
    case ExpressionKind::kAttribute:
      return get_attribute(*this, evaluate(*node.items[0]), node.text);
    case ExpressionKind::kItem:
      return evaluate_item(node);
    case ExpressionKind::kFilter:
      return apply_filter(node, evaluate(*node.items[0]));
    case ExpressionKind::kTest:
      return evaluate_test(node);
    case ExpressionKind::kCall:
      return call_expression(node, nullptr);
    default:
      fail("this expression has no value");
  }
}

std::vector<Value> Interpreter::evaluate_items(const Expression& node) {
  std::vector<Value> items;
  items.reserve(node.items.size());
  for (const auto& item : node.items) items.push_back(evaluate(*item));
  return items;
}

Value Interpreter::evaluate_dict(const Expression& node) {
  DictObject* dict = new_dict();
  Value result = Value::object(Kind::kDict, dict);
  for (size_t i = 0; i + 1 < node.items.size(); i += 2) {
    Value key = evaluate(*node.items[i]);
    set_item(dict, std::move(key), evaluate(*node.items[i + 1]));
  }
  return result;
}

Value Interpreter::evaluate_logic(const Expression& node) {
  if (node.kind == ExpressionKind::kNot) return Value::boolean(!truth(*this, evaluate(*node.items[0])));
  if (node.kind == ExpressionKind::kConditional) {
    if (truth(*this, evaluate(*node.items[0]))) return evaluate(*node.items[1]);
    if (node.items[2]) return evaluate(*node.items[2]);
    return undefined("the inline if-expression on line " + std::to_string(node.line) +
                     " evaluated to false and no else section was defined.");
  }
  Value value;
  for (size_t i = 0; i < node.items.size(); ++i) {
    value = evaluate(*node.items[i]);
    if (i + 1 < node.items.size() && truth(*this, value) == (node.kind == ExpressionKind::kOr)) break;
  }
  return value;
}

Value Interpreter::evaluate_compare(const Expression& node) {
  Value left = evaluate(*node.items[0]);
  for (size_t i = 0; i < node.operations.size(); ++i) {
    Value right = evaluate(*node.items[i + 1]);
    if (!compare(*this, node.operations[i], left, right)) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Value Interpreter::evaluate_arithmetic(const Expression& node) {
  Value left = evaluate(*node.items[0]);
  for (size_t i = 0; i < node.operations.size(); ++i) {
    const Value right = evaluate(*node.items[i + 1]);
    left = arithmetic(*this, node.operations[i], left, right);
  }
  return left;
}

Value Interpreter::evaluate_concat(const Expression& node) {
  std::string text;
  Reservation reservation(heap_);
  for (const auto& item : node.items) {
    const size_t before = text.size();
    append_text(*this, evaluate(*item), &text);
    reservation.grow(text.size() - before);
  }
  return string(std::move(text));
}

namespace {

// A literal all the way down.
bool is_literal(const Expression& node) {
  if (node.kind == ExpressionKind::kConstant) return true;
  if (node.kind != ExpressionKind::kList && node.kind != ExpressionKind::kTuple && node.kind != ExpressionKind::kDict &&
      node.kind != ExpressionKind::kSlice) {
    return false;
  }
  for (const auto& item : node.items) {
    if (item && !is_literal(*item)) return false;
  }
  return true;
}

}  // namespace

Value Interpreter::evaluate_item(const Expression& node) {
  const Value object = evaluate(*node.items[0]);
  const Expression& key = *node.items[1];
  if (key.kind != ExpressionKind::kSlice) return get_item(*this, object, evaluate(key));
  const auto part = [&](size_t i) { return key.items[i] ? evaluate(*key.items[i]) : Value::none(); };
  const bool sliceable = object.is_sequence() || object.is_string() || object.is(Kind::kRange);
  if (!sliceable && is_literal(*node.items[0]) && is_literal(key)) {
    return undefined(object_description(object) + " cannot be sliced");  // what jinja2's constant folding makes of it
  }
  const Value start = part(0);
  const Value stop = part(1);
  return get_slice(*this, object, start, stop, part(2));
}

// The filters of a block tag: the innermost has no subject in the tree and takes the block's text.
Value Interpreter::apply_block_filter(const Expression& node, const Value& text) {
  return apply_filter(node, node.items[0] ? apply_block_filter(*node.items[0], text) : text);
}

Value Interpreter::apply_filter(const Expression& node, const Value& subject) {
  if (node.filter == nullptr) fail("No filter named '" + node.text + "' found.");
  Arguments arguments = evaluate_arguments(node);
  return node.filter->apply(*this, subject, arguments);
}

Value Interpreter::evaluate_test(const Expression& node) {
  if (node.test == nullptr) fail("No test named '" + node.text + "' found.");
  const Value subject = evaluate(*node.items[0]);
  Arguments arguments = evaluate_arguments(node);
  return Value::boolean(node.test->holds(*this, subject, arguments));
}

Arguments Interpreter::evaluate_arguments(const Expression& node) {
  Arguments arguments;
  arguments.positional.reserve(node.arguments.size());
  for (const auto& argument : node.arguments) arguments.positional.push_back(evaluate(*argument));
  for (const auto& [name, value] : node.keywords) arguments.keywords.emplace_back(name, evaluate(*value));
  if (node.spread_arguments) {
    const std::vector<Value> more = collect(*this, evaluate(*node.spread_arguments));
    arguments.positional.insert(arguments.positional.end(), more.begin(), more.end());
  }
  if (node.spread_keywords) {
    const Value more = evaluate(*node.spread_keywords);
    if (!more.is(Kind::kDict)) fail("argument after ** must be a mapping, not " + std::string(type_name(more)));
    for (const auto& [key, value] : more.dict().entries()) {
      if (!key.is_string()) fail("keywords must be strings");
      for (const auto& keyword : arguments.keywords) {
        if (keyword.first == key.text()) fail("got multiple values for keyword argument '" + keyword.first + "'");
      }
      arguments.keywords.emplace_back(std::string(key.text()), value);
    }
  }
  return arguments;
}

Value Interpreter::call(const Value& callee, Arguments& arguments) {
  if (callee.is_undefined()) fail_undefined(callee);
  if (!callee.is(Kind::kNative)) fail("'" + std::string(type_name(callee)) + "' object is not callable");
  return callee.native().call(*this, arguments);
}

Value Interpreter::call_expression(const Expression& node, const Value* caller) {
  const Expression& target = *node.items[0];
  Value callee;
  const Method* method = nullptr;
  if (target.kind == ExpressionKind::kAttribute) {  // methods run without being bound first
    callee = evaluate(*target.items[0]);
    method = is_mutating_method(callee, target.text) ? nullptr : find_method(callee, target.text);
    if (method == nullptr) callee = get_attribute(*this, callee, target.text);
  } else {
    callee = evaluate(target);
  }
  const int line = line_;
  Arguments arguments = evaluate_arguments(node);
  if (caller != nullptr) {
    for (const auto& keyword : arguments.keywords) {
      if (keyword.first == "caller") fail("got multiple values for keyword argument 'caller'");
    }
    arguments.keywords.emplace_back("caller", *caller);
  }
  line_ = line;
  return method != nullptr ? method->call(*this, callee, arguments) : call(callee, arguments);
}

}  // namespace hearth::text::jinja
