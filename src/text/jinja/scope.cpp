// Binding of names; see scope.h.
#include "text/jinja/scope.h"

#include <deque>
#include <set>
#include <string>

#include "text/jinja/name_walk.h"
#include "text/jinja/registry.h"
#include "text/jinja/symbols.h"
#include "text/jinja/template_error.h"

namespace hearth::text::jinja {

namespace {

struct Frame {
  Symbols* symbols;
  FunctionContext* function;
  bool toplevel = false;  // assignments are visible to blocks
  bool soft = false;      // an unknown filter is an error only when reached
  bool in_loop = false;   // break and continue have a loop to act on
};

// First pass over one scope: which names it reads and assigns (FrameSymbolVisitor).
class SymbolVisitor {
 public:
  explicit SymbolVisitor(Symbols* symbols) : symbols_(symbols) {}

  void load(const Expression* node) {
    const auto visit = [&](const std::string& name, bool) { symbols_->load(name); };
    walk_expression(node, true, visit);
  }
  void store(const Expression& node, bool parameter) {
    if (node.kind == ExpressionKind::kNamespaceTarget) symbols_->load(node.text);
    if (node.kind == ExpressionKind::kName) {
      if (parameter) {
        symbols_->declare_parameter(node.text);
      } else {
        symbols_->store(node.text);
      }
    }
    if (node.kind == ExpressionKind::kTuple) {
      for (const auto& item : node.items) store(*item, parameter);
    }
  }
  void body(const Body& statements) {
    for (const auto& node : statements) statement(*node);
  }

 private:
  void statement(const Statement& node) {
    switch (node.kind) {
      case StatementKind::kOutput:
      case StatementKind::kWith:
        for (const auto& value : node.values) load(value.get());
        break;
      case StatementKind::kIf:
        branches(node.branches, 0);
        break;
      case StatementKind::kSet:
        load(node.value.get());
        store(*node.target, false);
        break;
      case StatementKind::kSetBlock:
        store(*node.target, false);
        break;
      case StatementKind::kMacro:
        symbols_->store(node.name);
        break;
      case StatementKind::kFor:
      case StatementKind::kCallBlock:
      case StatementKind::kFilterBlock:
        load(node.value.get());
        break;
      default:
        break;
    }
  }

  // jinja2 sees the elifs as nested ifs inside one branch of the first.
  void branches(const std::vector<Branch>& list, size_t first) {
    load(list[first].test.get());
    Symbols* const original = symbols_;
    const auto inside = [&](auto&& visit) {
      Symbols copy = *original;
      symbols_ = &copy;
      visit();
      symbols_ = original;
      return copy;
    };
    std::vector<Symbols> parts;
    parts.push_back(inside([&] { body(list[first].body); }));
    const bool has_else = list.back().test == nullptr;
    parts.push_back(inside([&] {
      for (size_t i = first + 1; i < list.size() - (has_else ? 1 : 0); ++i) single_branch(list[i]);
    }));
    parts.push_back(inside([&] {
      if (has_else) body(list.back().body);
    }));
    original->update_from_branches(parts);
  }

  void single_branch(const Branch& branch) {
    load(branch.test.get());
    Symbols* const original = symbols_;
    Symbols copy = *original;
    symbols_ = &copy;
    body(branch.body);
    symbols_ = original;
    original->update_from_branches({copy, *original, *original});
  }

  Symbols* symbols_;
};

std::set<std::string> find_undeclared(const Body& body, std::set<std::string> names) {
  std::set<std::string> undeclared;
  const auto visit = [&](const std::string& name, bool load) {
    if (load && names.count(name) != 0) {
      undeclared.insert(name);
    } else {
      names.erase(name);
    }
  };
  walk_body(body, visit);
  return undeclared;
}

class Binder {
 public:
  explicit Binder(TemplateTree* tree) : tree_(tree) {}

  void run() {
    FunctionContext function{nullptr, &tree_->function, 0, {}};
    Symbols symbols(nullptr, &function);
    SymbolVisitor(&symbols).body(tree_->body);
    bind_body(tree_->body, Frame{&symbols, &function, true, false, false});
    tree_->scope = symbols.scope();
    for (Statement* block : tree_->blocks) {
      FunctionContext block_function{nullptr, &block->function, 0, {}};
      Symbols block_symbols(nullptr, &block_function);
      SymbolVisitor(&block_symbols).body(block->body);
      bind_body(block->body, Frame{&block_symbols, &block_function, false, false, false});
      block->scope = block_symbols.scope();
    }
  }

 private:
  SlotRef find(const std::string& name, const Frame& frame) {
    const Variable* variable = frame.symbols->find(name);
    if (variable == nullptr) {  // only in places that jinja2 cannot compile either
      frame.symbols->load(name);
      variable = frame.symbols->find(name);
    }
    return SlotRef{frame.function->depth - variable->function->depth, variable->slot};
  }

  void bind(Expression* node, const Frame& frame) {
    if (node == nullptr) return;
    if (node->kind == ExpressionKind::kName || node->kind == ExpressionKind::kNamespaceTarget) {
      node->slot = find(node->text, frame);
    }
    if (node->kind == ExpressionKind::kFilter) {
      node->filter = find_filter(node->text);
      if (node->filter == nullptr && !frame.soft) fail_name("filter", *node);
    }
    if (node->kind == ExpressionKind::kTest) {
      node->test = find_test(node->text);
      if (node->test == nullptr && !frame.soft) fail_name("test", *node);
    }
    Frame inner = frame;
    if (node->kind == ExpressionKind::kConditional) inner.soft = true;
    for (const auto& item : node->items) bind(item.get(), inner);
    for (const auto& item : node->arguments) bind(item.get(), inner);
    for (const auto& keyword : node->keywords) bind(keyword.second.get(), inner);
    bind(node->spread_arguments.get(), inner);
    bind(node->spread_keywords.get(), inner);
  }

  [[noreturn]] static void fail_name(const char* what, const Expression& node) {
    throw TemplateError{ErrorCode::kCorrupt, std::string("No ") + what + " named '" + node.text + "'.", node.line};
  }

  void bind_body(const Body& body, const Frame& frame) {
    for (const auto& node : body) bind_statement(node.get(), frame);
  }

  void bind_statement(Statement* node, const Frame& frame) {
    switch (node->kind) {
      case StatementKind::kOutput:
        for (const auto& value : node->values) bind(value.get(), frame);
        break;
      case StatementKind::kIf: {
        Frame soft = frame;
        soft.soft = true;
        for (const Branch& branch : node->branches) {
          bind(branch.test.get(), soft);
          bind_body(branch.body, soft);
        }
        break;
      }
      case StatementKind::kFor:
        bind_for(node, frame);
        break;
      case StatementKind::kSet:
        bind(node->value.get(), frame);
        bind(node->target.get(), frame);
        if (frame.toplevel) export_target(node, *node->target);
        break;
      case StatementKind::kMacro:
        bind_macro(node, frame);
        node->slot = find(node->name, frame);
        if (frame.toplevel) node->exports.emplace_back(node->name, node->slot);
        break;
      case StatementKind::kCallBlock:
        bind_macro(node, frame);
        bind(node->value.get(), frame);
        break;
      case StatementKind::kGeneration:
        bind_macro(node, frame);
        break;
      case StatementKind::kSetBlock:
      case StatementKind::kFilterBlock:
      case StatementKind::kWith:
      case StatementKind::kAutoescape:
        bind_scope(node, frame);
        break;
      case StatementKind::kBlock:
        if (node->scoped) {
          for (const std::string& name : frame.symbols->all_stores())
            node->exports.emplace_back(name, find(name, frame));
        }
        break;
      case StatementKind::kBreak:
      case StatementKind::kContinue:
        if (!frame.in_loop) {
          throw TemplateError{
              ErrorCode::kCorrupt,
              node->kind == StatementKind::kBreak ? "'break' outside loop" : "'continue' not properly in loop",
              node->line};
        }
        break;
      case StatementKind::kRefused:
        break;
    }
  }

  void export_target(Statement* node, const Expression& target) {
    if (target.kind == ExpressionKind::kName) node->exports.emplace_back(target.text, target.slot);
    if (target.kind == ExpressionKind::kTuple) {
      for (const auto& item : target.items) export_target(node, *item);
    }
  }

  // set block, filter block, with, autoescape: a scope within the same function.
  void bind_scope(Statement* node, const Frame& frame) {
    Symbols symbols(frame.symbols, frame.function);
    SymbolVisitor visitor(&symbols);
    for (const auto& target : node->targets) visitor.store(*target, true);
    visitor.body(node->body);
    if (node->kind != StatementKind::kWith && node->kind != StatementKind::kAutoescape) visitor.load(node->value.get());
    if (node->kind == StatementKind::kAutoescape) visitor.load(node->value.get());
    const Frame inner{&symbols, frame.function, false, false, frame.in_loop};
    for (const auto& target : node->targets) bind(target.get(), inner);
    for (const auto& value : node->values) bind(value.get(), frame);
    bind_body(node->body, inner);
    bind(node->value.get(), inner);
    if (node->target) {
      bind(node->target.get(), frame);
      if (frame.toplevel) export_target(node, *node->target);
    }
    node->scope = symbols.scope();
  }

  void bind_macro(Statement* node, const Frame& frame) {
    FunctionContext function{frame.function, &node->function, frame.function->depth + 1, {}};
    Symbols symbols(frame.symbols, &function);
    const auto undeclared = find_undeclared(node->body, {"caller", "kwargs", "varargs"});
    std::set<std::string> parameters;
    size_t position = 0;
    for (const auto& target : node->targets) {
      parameters.insert(target->text);
      const bool has_default = node->targets.size() - position++ <= node->values.size();
      if (target->text == "caller" && undeclared.count("caller") != 0 && !has_default) {
        throw TemplateError{ErrorCode::kCorrupt,
                            "When defining macros or call blocks the special \"caller\" argument must be omitted or be "
                            "given a default.",
                            node->line};
      }
    }
    const auto special = [&](const char* name) {
      return undeclared.count(name) != 0 && parameters.count(name) == 0 ? symbols.declare_parameter(name) : -1;
    };
    SymbolVisitor visitor(&symbols);
    for (const auto& target : node->targets) visitor.store(*target, true);
    node->caller_slot = special("caller");
    node->kwargs_slot = special("kwargs");
    node->varargs_slot = special("varargs");
    for (const auto& value : node->values) visitor.load(value.get());
    visitor.body(node->body);
    const Frame inner{&symbols, &function, false, false, false};
    for (const auto& target : node->targets) bind(target.get(), inner);
    for (const auto& value : node->values) bind(value.get(), inner);
    bind_body(node->body, inner);
    node->scope = symbols.scope();
  }

  static bool assigns_loop(const Statement& node) {
    bool found = false;
    const auto visit = [&](const std::string& name, bool load) { found = found || (!load && name == "loop"); };
    walk_statement(node, visit);
    return found;
  }

  void bind_for(Statement* node, const Frame& frame) {
    if (assigns_loop(*node)) {
      throw TemplateError{ErrorCode::kCorrupt, "Can't assign to special loop variable in for-loop target", node->line};
    }
    bind(node->value.get(), frame);
    if (node->test) bind_loop_filter(node, frame);
    FunctionContext own{frame.function, &node->function, frame.function->depth + 1, {}};
    FunctionContext* function = node->recursive ? &own : frame.function;
    Symbols symbols(frame.symbols, function);
    const bool extended = node->recursive || !find_undeclared(node->body, {"loop"}).empty();
    if (extended) node->loop_slot = symbols.declare_parameter("loop");
    SymbolVisitor visitor(&symbols);
    visitor.store(*node->target, true);
    visitor.body(node->body);
    const Frame inner{&symbols, function, false, false, true};
    bind(node->target.get(), inner);
    bind_body(node->body, inner);
    node->scope = symbols.scope();
    Symbols else_symbols(frame.symbols, function);
    SymbolVisitor(&else_symbols).body(node->else_body);
    bind_body(node->else_body, Frame{&else_symbols, function, false, false, frame.in_loop && !node->recursive});
    node->else_scope = else_symbols.scope();
  }

  // The filter runs in a function of its own, with its own copy of the target.
  void bind_loop_filter(Statement* node, const Frame& frame) {
    FunctionContext function{frame.function, &node->test_function, frame.function->depth + 1, {}};
    Symbols symbols(frame.symbols, &function);
    SymbolVisitor visitor(&symbols);
    visitor.store(*node->target, true);
    visitor.load(node->test.get());
    const Frame inner{&symbols, &function, false, false, false};
    bind(node->test.get(), inner);
    node->test_target = copy_target(*node->target);
    bind(node->test_target.get(), inner);
    node->test_scope = symbols.scope();
  }

  static ExpressionPtr copy_target(const Expression& target) {
    auto copy = std::make_unique<Expression>(target.kind, target.line);
    copy->text = target.text;
    for (const auto& item : target.items) copy->items.push_back(copy_target(*item));
    return copy;
  }

  TemplateTree* tree_;
};

}  // namespace

void bind_names(TemplateTree* tree) {
  Binder(tree).run();
}

}  // namespace hearth::text::jinja
