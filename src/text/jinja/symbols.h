// The symbol table of one scope while names are bound.
//
// Contract: the operations and their order are those of Symbols in jinja2/idtracking.py. A variable's identity is
// (function, scope level, name), as jinja2's Python identifiers l_<level>_<name> have it.
// Not here: which statement opens which scope (scope.cpp).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "text/jinja/ast.h"

namespace hearth::text::jinja {

struct FunctionContext {
  FunctionContext* outer = nullptr;
  Function* function = nullptr;
  int depth = 0;
  std::map<std::pair<int, std::string>, int> slots;

  int slot(int level, const std::string& name) {
    const auto [entry, added] = slots.try_emplace({level, name}, function->slots);
    if (added) ++function->slots;
    return entry->second;
  }
};

struct Variable {
  FunctionContext* function = nullptr;
  int slot = -1;
};

class Symbols {
 public:
  Symbols(const Symbols* parent, FunctionContext* function)
      : parent_(parent), function_(function), level_(parent == nullptr ? 0 : parent->level_ + 1) {}

  const Variable* find(const std::string& name) const {
    const auto found = references_.find(name);
    if (found != references_.end()) return &found->second;
    return parent_ == nullptr ? nullptr : parent_->find(name);
  }
  void load(const std::string& name) {
    if (find(name) == nullptr) define(name, Load::Action::kResolve);
  }
  void store(const std::string& name) {
    stores_.insert(name);
    if (references_.count(name) != 0) return;
    const Variable* outer = parent_ == nullptr ? nullptr : parent_->find(name);
    if (outer == nullptr) {
      define(name, Load::Action::kUndefined);
    } else {
      const SlotRef source = reference(*outer);
      loads_[define(name, Load::Action::kAlias).slot].source = source;
    }
  }
  int declare_parameter(const std::string& name) {
    stores_.insert(name);
    return define(name, Load::Action::kParameter).slot;
  }
  void update_from_branches(const std::vector<Symbols>& branches);
  SlotRef reference(const Variable& variable) const {
    return SlotRef{function_->depth - variable.function->depth, variable.slot};
  }
  Scope scope() const {
    Scope scope;
    for (const auto& entry : loads_) scope.push_back(entry.second);
    return scope;
  }
  std::set<std::string> all_stores() const {
    std::set<std::string> names = parent_ == nullptr ? std::set<std::string>() : parent_->all_stores();
    names.insert(stores_.begin(), stores_.end());
    return names;
  }

 private:
  Variable define(const std::string& name, Load::Action action) {
    const Variable variable{function_, function_->slot(level_, name)};
    references_[name] = variable;
    loads_[variable.slot] = Load{variable.slot, action, name, {}};
    return variable;
  }

  const Symbols* parent_;
  FunctionContext* function_;
  int level_;
  std::map<std::string, Variable> references_;
  std::map<int, Load> loads_;  // by slot
  std::set<std::string> stores_;
};

inline void Symbols::update_from_branches(const std::vector<Symbols>& branches) {
  std::set<std::string> stored;
  for (const Symbols& branch : branches) stored.insert(branch.stores_.begin(), branch.stores_.end());
  for (const std::string& name : stores_) stored.erase(name);
  for (const Symbols& branch : branches) {
    for (const auto& [name, variable] : branch.references_) references_[name] = variable;
    for (const auto& [slot, load] : branch.loads_) loads_[slot] = load;
    stores_.insert(branch.stores_.begin(), branch.stores_.end());
  }
  // Stored in a branch only: where the branch is not taken, the name keeps the value it had outside.
  for (const std::string& name : stored) {
    const Variable* target = find(name);
    const Variable* outer = parent_ == nullptr ? nullptr : parent_->find(name);
    Load& load = loads_[target->slot];
    load.slot = target->slot;
    load.name = name;
    load.action = outer == nullptr ? Load::Action::kResolve : Load::Action::kAlias;
    if (outer != nullptr) load.source = reference(*outer);
  }
}

}  // namespace hearth::text::jinja
