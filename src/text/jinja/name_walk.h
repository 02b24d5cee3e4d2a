// Visits every name below a statement or expression, in the order of jinja2's node fields.
//
// Contract: calls visit(name, is_load) for each name that is read (load) or assigned; blocks are not entered.
// Not here: what the names mean (scope.cpp).
#pragma once

#include <string>

#include "text/jinja/ast.h"

namespace hearth::text::jinja {

template <class Visit>
void walk_expression(const Expression* node, bool load, Visit& visit) {
  if (node == nullptr) return;
  if (node->kind == ExpressionKind::kName) visit(node->text, load);
  for (const auto& item : node->items) walk_expression(item.get(), load, visit);
  for (const auto& item : node->arguments) walk_expression(item.get(), load, visit);
  for (const auto& keyword : node->keywords) walk_expression(keyword.second.get(), load, visit);
  walk_expression(node->spread_arguments.get(), load, visit);
  walk_expression(node->spread_keywords.get(), load, visit);
}

template <class Visit>
void walk_body(const Body& body, Visit& visit);

template <class Visit>
void walk_statement(const Statement& node, Visit& visit) {
  const auto expression = [&](const ExpressionPtr& e, bool load) { walk_expression(e.get(), load, visit); };
  const auto all = [&](const std::vector<ExpressionPtr>& list, bool load) {
    for (const auto& e : list) expression(e, load);
  };
  switch (node.kind) {
    case StatementKind::kFor:
      expression(node.target, false);
      expression(node.value, true);
      walk_body(node.body, visit);
      walk_body(node.else_body, visit);
      expression(node.test, true);
      break;
    case StatementKind::kIf:
      for (const Branch& branch : node.branches) {
        expression(branch.test, true);
        walk_body(branch.body, visit);
      }
      break;
    case StatementKind::kFilterBlock:
      walk_body(node.body, visit);
      expression(node.value, true);
      break;
    case StatementKind::kCallBlock:
      expression(node.value, true);
      all(node.targets, false);
      all(node.values, true);
      walk_body(node.body, visit);
      break;
    case StatementKind::kBlock:
      break;
    default:
      expression(node.target, false);
      all(node.targets, false);
      all(node.values, true);
      expression(node.value, true);
      walk_body(node.body, visit);
      break;
  }
}

template <class Visit>
void walk_body(const Body& body, Visit& visit) {
  for (const auto& statement : body) walk_statement(*statement, visit);
}

}  // namespace hearth::text::jinja
