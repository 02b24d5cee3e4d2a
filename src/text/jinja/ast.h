// A parsed template: expressions and statements, with every name bound to a variable slot.
//
// Contract: built by parser.h, bound by scope.h, immutable from then on and shared by threads. The tree is at most
// kMaxParserDepth deep; chains of one operator are one node. Not here: evaluation.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja/value.h"

namespace hearth::text::jinja {

// A variable: `hops` functions outwards, then the slot there.
struct SlotRef {
  int hops = 0;
  int index = -1;
};

enum class ExpressionKind : uint8_t {
  kConstant,
  kName,
  kNamespaceTarget,
  kTuple,
  kList,
  kDict,
  kConditional,
  kOr,
  kAnd,
  kNot,
  kCompare,
  kArithmetic,
  kConcat,
  kNegate,
  kPlus,
  kAttribute,
  kItem,
  kSlice,
  kFilter,
  kTest,
  kCall,
};

enum class Operation : uint8_t {
  kAdd,
  kSub,
  kMul,
  kDiv,
  kFloorDiv,
  kMod,
  kPow,
  kEqual,
  kNotEqual,
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIn,
  kNotIn,
};

struct FilterEntry;
struct TestEntry;

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct Expression {
  ExpressionKind kind;
  int line;
  int depth = 1;
  Value constant;
  std::string text;                      // name, attribute, filter, test
  SlotRef slot;                          // of a name
  std::vector<ExpressionPtr> items;      // operands; the subject of a filter first; slice parts (null if absent)
  std::vector<ExpressionPtr> arguments;  // of a call, filter, test
  std::vector<std::pair<std::string, ExpressionPtr>> keywords;
  ExpressionPtr spread_arguments, spread_keywords;
  std::vector<Operation> operations;    // between items
  const FilterEntry* filter = nullptr;  // null: unknown, an error only if it is reached
  const TestEntry* test = nullptr;

  Expression(ExpressionKind kind, int line) : kind(kind), line(line) {}
};

enum class StatementKind : uint8_t {
  kOutput,
  kIf,
  kFor,
  kSet,
  kSetBlock,
  kMacro,
  kCallBlock,
  kGeneration,
  kFilterBlock,
  kWith,
  kBlock,
  kAutoescape,
  kBreak,
  kContinue,
  kRefused,
};

// What entering a scope does to its variables, and leaving it undoes.
struct Load {
  enum class Action : uint8_t { kParameter, kResolve, kAlias, kUndefined };
  int slot = 0;
  Action action = Action::kParameter;
  std::string name;  // kResolve: looked up among the render's variables
  SlotRef source;    // kAlias
};
using Scope = std::vector<Load>;

struct Statement;
using StatementPtr = std::unique_ptr<Statement>;
using Body = std::vector<StatementPtr>;

struct Branch {
  ExpressionPtr test;  // null: else
  Body body;
};

// A function of its own: the template, a macro, a recursive loop, a loop's filter, a block.
struct Function {
  int slots = 0;
};

struct Statement {
  StatementKind kind;
  int line;
  std::string name;                    // macro, block; the reason of kRefused
  ExpressionPtr target, value, test;   // set; for; filter block's filter; call block's call
  ExpressionPtr test_target;           // the target as the loop filter sees it
  std::vector<ExpressionPtr> targets;  // with: names; macro and call block: parameters
  std::vector<ExpressionPtr> values;   // output; with: values; macro and call block: defaults of the last parameters
  std::vector<Branch> branches;        // if
  Body body, else_body;
  Scope scope, test_scope, else_scope;
  Function function, test_function;                      // macro, recursive loop, block; loop filter
  SlotRef slot;                                          // macro
  std::vector<std::pair<std::string, SlotRef>> exports;  // names that become visible to blocks
  int loop_slot = -1;                                    // -1: the body does not look at `loop`
  int caller_slot = -1, kwargs_slot = -1, varargs_slot = -1;
  bool recursive = false, scoped = false, required = false;

  Statement(StatementKind kind, int line) : kind(kind), line(line) {}
};

struct TemplateTree {
  std::vector<std::unique_ptr<Object>> constants;  // what constant values point to; first, to outlive the tree
  Body body;
  Scope scope;
  Function function;
  std::vector<Statement*> blocks;
};

}  // namespace hearth::text::jinja
