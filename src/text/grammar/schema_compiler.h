// Compiles schemas: a conjunction of schemas that must all hold becomes one rule. References and allOf are taken apart into the
// conjunction, anyOf, oneOf, not, if and dependencies multiply it out into alternatives, and what is left is only keywords of
// types, which are merged.
//
// Contract: one compiler per schema. Conjunctions met again are the same rule, which is what makes recursive schemas finite.
// Everything that would make a grammar looser than its schema is an error; narrowing is documented in docs/grammars.md.
// Not here: references and places (schema_document.h), white space (json_rules.h).
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "hearth/error.h"
#include "text/grammar/decimal.h"
#include "text/grammar/json_rules.h"
#include "text/grammar/rules.h"
#include "text/grammar/schema.h"
#include "text/grammar/schema_document.h"

namespace hearth::text::grammar {

enum JsonType : unsigned {
  kNullType = 1, kBooleanType = 2, kFractionType = 4, kIntegerType = 8, kStringType = 16, kArrayType = 32, kObjectType = 64,
  kNumberType = kFractionType | kIntegerType, kAllTypes = 127,
};

using Node = const JsonValue*;

struct PendingBranch {
  Node schema;
  bool exclusive;  // oneOf instead of anyOf
  auto operator<=>(const PendingBranch&) const = default;
};

struct Conjunction {
  std::vector<Node> fresh;              // to be taken apart
  std::vector<Node> bare;               // only the keywords of types count
  std::vector<PendingBranch> pending;   // alternatives to choose from
  auto operator<=>(const Conjunction&) const = default;
};

// What a schema says without its alternatives: enough to see that two of them exclude each other.
struct SchemaView {
  unsigned types = kAllTypes;
  std::vector<Node> bare;
  bool never = false;
};

class SchemaCompiler {
 public:
  SchemaCompiler(Rules* rules, JsonValue schema, const SchemaOptions& options);
  // The schema as an expression of the rules, which are not finished.
  Result<ExpressionId> run();
  // Whether a value satisfies a schema of the document: schema_check.cpp
  Result<bool> check(const JsonValue& value);

 private:
  // schema_compiler.cpp: rules and branches
  ExpressionId value(Conjunction conjunction);
  ExpressionId value(const std::vector<Node>& schemas) { return value(Conjunction{schemas, {}, {}}); }
  Result<ExpressionId> body(Conjunction conjunction);
  Result<bool> take_apart(Conjunction* conjunction);  // false: never
  Result<void> take_apart_one(Node schema, Conjunction* conjunction);
  Result<void> add_conditionals(Node schema, Conjunction* conjunction);
  Result<void> add_dependencies(Node schema, const char* keyword, Conjunction* conjunction);
  Result<ExpressionId> branch(const Conjunction& conjunction);
  Result<unsigned> types_of(const std::vector<Node>& bare, bool written = true);
  Result<ExpressionId> typed(const std::vector<Node>& bare);

  // schema_negation.cpp
  Result<Node> negation(Node schema, size_t limit);
  Result<void> negate_keyword(Node schema, size_t index, std::vector<JsonValue>* alternatives);
  // Every branch left out. Where a schema does not name types, those that its keywords imply are what is written for it
  // (`written`), but all types are what it accepts.
  Result<SchemaView> view(const std::vector<Node>& schemas, bool written);
  // Whether whatever is written for one view fails the other.
  Result<bool> always_fails(const SchemaView& written, const SchemaView& other, size_t depth);
  Result<bool> fails_by_property(const SchemaView& written, const SchemaView& other, size_t depth);
  Result<bool> fails_by_value(const SchemaView& written, const SchemaView& other);
  // What must hold besides `chosen` so that `other` fails: nothing where it always does, else a schema.
  Result<Node> why_not(const SchemaView& base, Node chosen, Node other);
  std::vector<Node> property_schemas(const SchemaView& view, const std::string& name) const;
  bool requires_property(const SchemaView& view, const std::string& name) const;

  // schema_scalar.cpp
  Result<RegexId> string_language(const std::vector<Node>& bare);  // without the quotes
  Result<RegexId> number_expression(const std::vector<Node>& bare, bool integers_only);
  Result<NumberBounds> number_bounds(const std::vector<Node>& bare);
  Result<void> add_bound(Node schema, const char* keyword, bool low, bool strict, NumberBounds* bounds);
  Result<RegexId> multiples(Node schema, const JsonValue& value);
  Result<ExpressionId> listed_values(const std::vector<Node>& bare, unsigned types);
  Result<uint32_t> count(Node schema, const char* keyword, uint32_t otherwise);

  // schema_check.cpp: whether a listed value satisfies the other keywords
  Result<bool> accepts(Node schema, const JsonValue& value, size_t depth);
  Result<bool> accepts_own(Node schema, const JsonValue& value, size_t depth);  // references and branches left out
  Result<bool> accepts_object(Node schema, const JsonValue& value, size_t depth);
  Result<bool> accepts_array(Node schema, const JsonValue& value, size_t depth);
  Result<bool> accepts_scalar(Node schema, const JsonValue& value);

  // schema_object.cpp
  struct Property {
    std::string name;
    std::vector<Node> schemas;
    bool required = false;
  };
  struct ObjectParts {
    std::vector<Property> properties;
    ExpressionId extra = kNever;   // "key": value of names that are not declared
    uint32_t low = 0, high = kUnbounded;
  };
  Result<ExpressionId> object(const std::vector<Node>& bare);
  Result<void> add_properties(const std::vector<Node>& bare, std::vector<Property>* properties);
  Result<bool> schemas_of_property(const std::vector<Node>& bare, Property* property);  // false: never there
  Result<ExpressionId> extra_members(const std::vector<Node>& bare, const std::vector<Property>& declared);
  Result<RegexId> extra_names(const std::vector<Node>& bare, const std::vector<Property>& declared);
  Result<RegexId> name_condition(Node schema);
  Result<ExpressionId> members(Node place, const ObjectParts& parts);
  Result<RegexId> pattern(Node schema, const char* keyword, const std::string& text);

  // schema_array.cpp
  Result<ExpressionId> array(const std::vector<Node>& bare);
  Result<std::vector<Node>> item_schemas(const std::vector<Node>& bare, size_t index);
  size_t tuple_length(const std::vector<Node>& bare) const;
  ExpressionId array_of(const std::vector<ExpressionId>& first, ExpressionId rest, uint32_t low, uint32_t high);
  Result<ExpressionId> unique_items(Node schema, const std::vector<Node>& items, uint32_t low, uint32_t high);

  struct Job {
    RuleId rule;
    Conjunction conjunction;
  };
  Rules& rules_;
  const bool only_object_;
  SchemaDocument document_;
  JsonRules json_;
  std::map<Conjunction, RuleId> known_;
  std::deque<Job> jobs_;
  std::map<Node, Node> negations_;
  std::map<std::pair<Node, size_t>, Node> made_;  // conditionals by their schema and place
  std::map<std::string, RegexId> patterns_;
  size_t work_ = 0;
};

// The language of a standard format in JSON spelling; nothing for formats that say nothing about strings.
struct Format {
  const char* pattern = nullptr;  // null: every string
  bool supported = true;
};
std::optional<Format> find_format(std::string_view name);

}  // namespace hearth::text::grammar
