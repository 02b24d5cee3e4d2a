// Rules of conjunctions, and the keywords that multiply them out.
//
// Contract: see schema_compiler.h. Work is queued, so that recursion follows neither references nor nesting of schemas.
// Not here: the keywords of each type.
#include "text/grammar/schema_compiler.h"

#include <algorithm>
#include <set>

#include "text/grammar/limits.h"

namespace hearth::text::grammar {

namespace {

constexpr const char* kRefused[] = {"extends", "disallow", "divisibleBy"};  // of drafts before 04

struct ImpliedType {
  const char* keyword;
  unsigned types;
};
constexpr ImpliedType kImpliedTypes[] = {
    {"properties", kObjectType}, {"required", kObjectType}, {"additionalProperties", kObjectType}, {"patternProperties", kObjectType},
    {"propertyNames", kObjectType}, {"minProperties", kObjectType}, {"maxProperties", kObjectType}, {"unevaluatedProperties", kObjectType},
    {"items", kArrayType}, {"prefixItems", kArrayType}, {"additionalItems", kArrayType}, {"contains", kArrayType},
    {"minItems", kArrayType}, {"maxItems", kArrayType}, {"uniqueItems", kArrayType}, {"unevaluatedItems", kArrayType},
    {"minLength", kStringType}, {"maxLength", kStringType}, {"pattern", kStringType}, {"format", kStringType},
    {kNotPatternKeyword, kStringType}, {"minimum", kNumberType}, {"maximum", kNumberType}, {"exclusiveMinimum", kNumberType},
    {"exclusiveMaximum", kNumberType}, {"multipleOf", kNumberType},
};

unsigned type_named(std::string_view name) {
  constexpr std::pair<const char*, unsigned> kNames[] = {
      {"null", kNullType}, {"boolean", kBooleanType}, {"number", kNumberType}, {"integer", kIntegerType},
      {"string", kStringType}, {"array", kArrayType}, {"object", kObjectType}};
  for (const auto& [known, type] : kNames) {
    if (name == known) return type;
  }
  return 0;
}

}  // namespace

SchemaCompiler::SchemaCompiler(Rules* rules, JsonValue schema, const SchemaOptions& options)
    : rules_(*rules), only_object_(options.only_object), document_(std::move(schema)), json_(rules, options.compact) {}

Result<ExpressionId> SchemaCompiler::run() {
  const JsonValue* root = document_.root();
  if (const JsonValue* draft = root->find("$schema")) {
    if (!draft->is_string()) return document_.invalid(root, "$schema", "it must be a string");
    constexpr std::string_view kDrafts[] = {"draft-04", "draft-06", "draft-07", "draft/2019-09", "draft/2020-12", "json-schema.org/schema"};
    const bool standard = draft->text.find("json-schema.org/") != std::string::npos;
    const bool known = std::any_of(std::begin(kDrafts), std::end(kDrafts),
                                   [&](std::string_view name) { return draft->text.find(name) != std::string::npos; });
    if (standard && !known) {
      return document_.unsupported(root, "$schema", "the drafts known are 04, 06, 07, 2019-09 and 2020-12, not '" + draft->text + "'");
    }
  }
  std::vector<Node> all{root};
  if (only_object_) {
    JsonValue object = JsonValue::object();
    object.set("type", JsonValue::string("object"));
    all.push_back(document_.add(std::move(object), root));
  }
  const ExpressionId whole = value(all);
  while (!jobs_.empty()) {
    Job job = std::move(jobs_.front());
    jobs_.pop_front();
    if (++work_ > kMaxSchemaWork || rules_.overflowed()) {
      return Error{ErrorCode::kResource, "the schema is too large: its references and alternatives multiply out to more than " +
                                             std::to_string(kMaxSchemaWork) + " rules, or its patterns to too many states"};
    }
    rules_.define(job.rule, TRY(body(std::move(job.conjunction))));
  }
  return whole;
}

ExpressionId SchemaCompiler::value(Conjunction conjunction) {
  const auto [place, added] = known_.try_emplace(conjunction, 0);
  if (added) {
    place->second = rules_.add_rule("schema " + std::to_string(known_.size()));
    jobs_.push_back({place->second, std::move(conjunction)});
  }
  return rules_.reference(place->second);
}

Result<ExpressionId> SchemaCompiler::body(Conjunction conjunction) {
  if (!TRY(take_apart(&conjunction))) return kNever;
  if (TRY(types_of(conjunction.bare)) == 0) return kNever;
  if (!conjunction.pending.empty()) return branch(conjunction);
  return typed(conjunction.bare);
}

Result<bool> SchemaCompiler::take_apart(Conjunction* conjunction) {
  std::set<Node> seen;
  size_t next = 0;
  std::vector<Node> open = std::move(conjunction->fresh);
  conjunction->fresh.clear();
  for (; next < open.size(); ++next) {
    Node schema = open[next];
    if (!seen.insert(schema).second) continue;
    if (schema->kind == JsonValue::Kind::kTrue) continue;
    if (schema->kind == JsonValue::Kind::kFalse) return false;
    if (!schema->is_object()) return document_.invalid(schema, "(schema)", "a schema must be an object or a boolean");
    Conjunction found;
    TRY(take_apart_one(schema, &found));
    // In place of the schema, so that properties keep the order in which they are written.
    std::erase_if(found.fresh, [&](Node part) { return seen.contains(part); });
    open.insert(open.begin() + static_cast<std::ptrdiff_t>(next) + 1, found.fresh.begin(), found.fresh.end());
    for (const PendingBranch& branch : found.pending) {
      if (std::find(conjunction->pending.begin(), conjunction->pending.end(), branch) == conjunction->pending.end()) {
        conjunction->pending.push_back(branch);
      }
    }
    if (std::find(conjunction->bare.begin(), conjunction->bare.end(), schema) == conjunction->bare.end()) {
      conjunction->bare.push_back(schema);
    }
    if (seen.size() > kMaxSchemaBranches) return document_.invalid(schema, "allOf", "more than " + std::to_string(kMaxSchemaBranches) + " schemas at once");
  }
  return true;
}

Result<void> SchemaCompiler::take_apart_one(Node schema, Conjunction* out) {
  for (const char* keyword : kRefused) {
    if (schema->find(keyword) != nullptr) return document_.unsupported(schema, keyword, "it belongs to a draft before 04");
  }
  if (const JsonValue* link = schema->find(kLinkKeyword)) out->fresh.push_back(document_.linked(*link));
  for (const char* keyword : {"$ref", "$recursiveRef", "$dynamicRef"}) {
    const JsonValue* reference = schema->find(keyword);
    if (reference == nullptr) continue;
    if (!reference->is_string()) return document_.invalid(schema, keyword, "it must be a string");
    out->fresh.push_back(TRY(document_.resolve(schema, keyword, reference->text)));
  }
  if (const JsonValue* all = schema->find("allOf")) {
    if (!all->is_array()) return document_.invalid(schema, "allOf", "it must be an array");
    for (const JsonValue& part : all->items) out->fresh.push_back(&part);
  }
  for (const char* keyword : {"anyOf", "oneOf"}) {
    const JsonValue* branches = schema->find(keyword);
    if (branches == nullptr) continue;
    if (!branches->is_array() || branches->items.empty()) return document_.invalid(schema, keyword, "it must be an array that is not empty");
    out->pending.push_back({branches, std::string_view(keyword) == "oneOf"});
  }
  if (const JsonValue* inner = schema->find("not")) out->fresh.push_back(TRY(negation(inner, 64)));
  return add_conditionals(schema, out);
}

Result<void> SchemaCompiler::add_conditionals(Node schema, Conjunction* out) {
  const JsonValue* condition = schema->find("if");
  const JsonValue *then = schema->find("then"), *otherwise = schema->find("else");
  if (condition != nullptr && (then != nullptr || otherwise != nullptr)) {
    Node& made = made_[{schema, 0}];
    if (made == nullptr) {
      JsonValue yes = JsonValue::array({document_.link_to(condition)}), no = JsonValue::array({document_.link_to(TRY(negation(condition, 64)))});
      if (then != nullptr) yes.items.push_back(document_.link_to(then));
      if (otherwise != nullptr) no.items.push_back(document_.link_to(otherwise));
      JsonValue first = JsonValue::object(), second = JsonValue::object(), either = JsonValue::object();
      first.set("allOf", std::move(yes));
      second.set("allOf", std::move(no));
      either.set("anyOf", JsonValue::array({std::move(first), std::move(second)}));
      made = document_.add(std::move(either), schema);
    }
    out->fresh.push_back(made);
  }
  for (const char* keyword : {"dependencies", "dependentRequired", "dependentSchemas"}) TRY(add_dependencies(schema, keyword, out));
  return {};
}

// "a needs b": either a is not there, or a and what it needs are.
Result<void> SchemaCompiler::add_dependencies(Node schema, const char* keyword, Conjunction* out) {
  const JsonValue* dependencies = schema->find(keyword);
  if (dependencies == nullptr) return {};
  if (!dependencies->is_object()) return document_.invalid(schema, keyword, "it must be an object");
  for (size_t i = 0; i < dependencies->items.size(); ++i) {
    const JsonValue& needed = dependencies->items[i];
    Node& made = made_[{&needed, 1}];
    if (made == nullptr) {
      const std::string& name = dependencies->names[i];
      JsonValue properties = JsonValue::object(), absent = JsonValue::object(), present = JsonValue::object();
      properties.set(name, JsonValue::boolean(false));
      absent.set("properties", std::move(properties));
      std::vector<JsonValue> names{JsonValue::string(name)};
      if (needed.is_array()) {
        for (const JsonValue& item : needed.items) {
          if (!item.is_string()) return document_.invalid(schema, keyword, "'" + name + "' must list names");
          names.push_back(item);
        }
      } else if (needed.is_string()) {
        names.push_back(needed);
      } else {
        present.set("allOf", JsonValue::array({document_.link_to(&needed)}));
      }
      present.set("required", JsonValue::array(std::move(names)));
      JsonValue either = JsonValue::object();
      either.set("anyOf", JsonValue::array({std::move(absent), std::move(present)}));
      made = document_.add(std::move(either), schema);
    }
    out->fresh.push_back(made);
  }
  return {};
}

Result<ExpressionId> SchemaCompiler::branch(const Conjunction& conjunction) {
  const PendingBranch chosen = conjunction.pending.front();
  const std::vector<JsonValue>& branches = chosen.schema->items;
  if (branches.size() > kMaxSchemaBranches) {
    return document_.invalid(chosen.schema, chosen.exclusive ? "oneOf" : "anyOf", "more than " + std::to_string(kMaxSchemaBranches) + " alternatives");
  }
  SchemaView base;
  if (chosen.exclusive) base = TRY(view(conjunction.bare, true));
  std::vector<ExpressionId> parts;
  for (const JsonValue& alternative : branches) {
    Conjunction next;
    next.bare = conjunction.bare;
    next.pending.assign(conjunction.pending.begin() + 1, conjunction.pending.end());
    next.fresh.push_back(&alternative);
    for (const JsonValue& other : branches) {
      if (!chosen.exclusive || &other == &alternative) continue;
      if (++work_ > kMaxSchemaWork) return document_.unsupported(chosen.schema, "oneOf", "its alternatives take too long to tell apart");
      Node condition = TRY(why_not(base, &alternative, &other));
      if (condition != nullptr) next.fresh.push_back(condition);
    }
    parts.push_back(value(std::move(next)));
  }
  return rules_.choice(std::move(parts));
}

// Keywords of one type without a word about types mean that type, for what is written.
Result<unsigned> SchemaCompiler::types_of(const std::vector<Node>& bare, bool written) {
  unsigned types = kAllTypes;
  for (Node schema : bare) {
    const JsonValue* type = schema->find("type");
    if (type == nullptr) {
      unsigned implied = 0;
      for (const ImpliedType& entry : kImpliedTypes) {
        if (schema->find(entry.keyword) != nullptr) implied |= entry.types;
      }
      const bool listed = schema->find("enum") != nullptr || schema->find("const") != nullptr;
      if (written && !listed && implied != 0) types &= implied;
      continue;
    }
    unsigned own = 0;
    std::vector<Node> names{type};
    if (type->is_array()) {
      names.clear();
      for (const JsonValue& name : type->items) names.push_back(&name);
    }
    for (Node name : names) {
      if (!name->is_string()) return document_.invalid(schema, "type", "it must be a name or an array of names");
      const unsigned one = name->text == "any" ? static_cast<unsigned>(kAllTypes) : type_named(name->text);
      if (one == 0) return document_.invalid(schema, "type", "there is no type '" + name->text + "'");
      own |= one;
    }
    const JsonValue* nullable = schema->find("nullable");
    if (nullable != nullptr && nullable->kind == JsonValue::Kind::kTrue) own |= kNullType;
    types &= own;
  }
  return types;
}

Result<ExpressionId> SchemaCompiler::typed(const std::vector<Node>& bare) {
  const unsigned types = TRY(types_of(bare));
  bool listed = false, excluded = false;
  for (Node schema : bare) {
    listed |= schema->find("enum") != nullptr || schema->find("const") != nullptr;
    const JsonValue* values = schema->find(kNotValuesKeyword);
    if (values == nullptr) continue;
    for (const JsonValue& value : values->items) excluded |= !value.is_string();
  }
  if (listed) return listed_values(bare, types);
  if (excluded) return document_.unsupported(bare.front(), "not", "values other than strings can be excluded only from listed ones");
  std::vector<ExpressionId> parts;
  if (types == kAllTypes) {
    // A conjunction without a single keyword of types.
    bool free = true;
    for (Node schema : bare) {
      free &= schema->find(kNotValuesKeyword) == nullptr;
      for (const ImpliedType& entry : kImpliedTypes) free &= schema->find(entry.keyword) == nullptr;
    }
    if (free) return json_.any_value();
  }
  if (types & kNullType) parts.push_back(rules_.literal("null"));
  if (types & kBooleanType) parts.push_back(rules_.terminal(rules_.regex().one_of({"true", "false"})));
  if (types & kNumberType) parts.push_back(rules_.terminal(TRY(number_expression(bare, !(types & kFractionType)))));
  if (types & kStringType) {
    const RegexId quote = json_.quote, inner = TRY(string_language(bare));
    parts.push_back(rules_.terminal(rules_.regex().concat(std::vector<RegexId>{quote, inner, quote})));
  }
  if (types & kArrayType) parts.push_back(TRY(array(bare)));
  if (types & kObjectType) parts.push_back(TRY(object(bare)));
  return rules_.choice(std::move(parts));
}

namespace {

Result<JsonValue> parse_schema(std::string_view schema) {
  auto value = parse_json(schema);
  if (!value.ok()) return Error{value.error().code, "the schema is not JSON: " + value.error().message};
  return value;
}

}  // namespace

Result<ExpressionId> add_schema(Rules* rules, std::string_view schema, const SchemaOptions& options) {
  return SchemaCompiler(rules, TRY(parse_schema(schema)), options).run();
}

Result<Rules> compile_schema(std::string_view schema, const SchemaOptions& options) {
  Rules rules;
  const RuleId root = rules.add_rule("root");
  rules.set_root(root);
  rules.define(root, TRY(add_schema(&rules, schema, options)));
  TRY(rules.finish());
  return rules;
}

Result<bool> satisfies(std::string_view schema, const JsonValue& value) {
  Rules rules;
  return SchemaCompiler(&rules, TRY(parse_schema(schema)), {}).check(value);
}

Result<Rules> compile_json_object(const SchemaOptions& options) {
  Rules rules;
  JsonRules json(&rules, options.compact);
  const RuleId root = rules.add_rule("root");
  rules.define(root, json.any_object());
  rules.set_root(root);
  TRY(rules.finish());
  return rules;
}

}  // namespace hearth::text::grammar
