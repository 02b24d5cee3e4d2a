// What it takes for a schema to fail: for "not", "if", and alternatives of "oneOf" that must exclude each other.
//
// Contract: see schema_compiler.h. A negation may be narrower than the exact one (ways to fail are left out where they cannot
// be written), never wider; where no way is left, it is an error.
// Not here: how alternatives are multiplied out.
#include <algorithm>

#include "text/grammar/limits.h"
#include "text/grammar/schema_compiler.h"

namespace hearth::text::grammar {

namespace {

constexpr size_t kMaxWaysToFail = 6;      // tried for each pair of alternatives that overlap
constexpr size_t kMaxComparedDepth = 4;   // properties in properties looked at to tell alternatives apart

JsonValue object_with(const char* keyword, JsonValue value) {
  JsonValue schema = JsonValue::object();
  schema.set(keyword, std::move(value));
  return schema;
}

JsonValue typed_with(const char* type, const char* keyword, JsonValue value) {
  JsonValue schema = object_with("type", JsonValue::string(type));
  schema.set(keyword, std::move(value));
  return schema;
}

JsonValue without_property(const std::string& name) {
  JsonValue properties = JsonValue::object();
  properties.set(name, JsonValue::boolean(false));
  return typed_with("object", "properties", std::move(properties));
}

// A whole number one less or more; empty if the value is no whole number that fits.
std::string neighbour(const JsonValue& value, int64_t step) {
  const auto decimal = value.is_number() ? to_decimal(value.text) : std::nullopt;
  if (!decimal || decimal->negative || !decimal->fraction.empty() || decimal->integer.size() > 9) return "";
  const int64_t number = std::stoll(decimal->integer) + step;
  return number < 0 ? "" : std::to_string(number);
}

// Bounds of numbers, lengths and counts.
void negate_bound(const JsonValue* schema, const std::string& keyword, const JsonValue& value, std::vector<JsonValue>* ways) {
  const auto replaced = [&](const char* type, const char* with, int64_t step) {
    const std::string count = neighbour(value, step);
    if (!count.empty()) ways->push_back(typed_with(type, with, JsonValue::number(count)));
  };
  if (keyword == "minimum" || keyword == "maximum") {
    const char* strict = keyword == "minimum" ? "exclusiveMinimum" : "exclusiveMaximum";
    const JsonValue* flag = schema->find(strict);
    const bool exclusive = flag != nullptr && flag->kind == JsonValue::Kind::kTrue;
    const char* with = keyword == "minimum" ? (exclusive ? "maximum" : "exclusiveMaximum") : (exclusive ? "minimum" : "exclusiveMinimum");
    ways->push_back(typed_with("number", with, value));
  } else if (keyword == "exclusiveMinimum" && value.is_number()) {
    ways->push_back(typed_with("number", "maximum", value));
  } else if (keyword == "exclusiveMaximum" && value.is_number()) {
    ways->push_back(typed_with("number", "minimum", value));
  } else if (keyword == "minLength") {
    replaced("string", "maxLength", -1);
  } else if (keyword == "maxLength") {
    replaced("string", "minLength", 1);
  } else if (keyword == "minItems") {
    replaced("array", "maxItems", -1);
  } else if (keyword == "maxItems") {
    replaced("array", "minItems", 1);
  } else if (keyword == "minProperties") {
    replaced("object", "maxProperties", -1);
  } else if (keyword == "maxProperties") {
    replaced("object", "minProperties", 1);
  }
}

}  // namespace

Result<Node> SchemaCompiler::negation(Node schema, size_t limit) {
  while (const JsonValue* link = schema->find(kLinkKeyword)) schema = document_.linked(*link);
  const auto known = negations_.find(schema);
  if (known != negations_.end()) return known->second;
  static const JsonValue kNothingFails = JsonValue::boolean(false), kEverythingFails = JsonValue::boolean(true);
  if (schema->kind == JsonValue::Kind::kTrue) return &kNothingFails;
  if (schema->kind == JsonValue::Kind::kFalse) return &kEverythingFails;
  if (!schema->is_object()) return document_.invalid(schema, "not", "a schema must be an object or a boolean");
  std::vector<JsonValue> ways;
  bool constrained = false;
  for (size_t i = 0; i < schema->items.size(); ++i) {
    TRY(negate_keyword(schema, i, &ways));
    constexpr std::string_view kOtherConstraints[] = {"additionalProperties", "patternProperties", "propertyNames", "format",
                                                      "uniqueItems", "contains", "dependencies", "dependentRequired",
                                                      "dependentSchemas", "if", "oneOf", "multipleOf", "prefixItems",
                                                      "unevaluatedProperties", "unevaluatedItems", "additionalItems"};
    constrained |= std::find(std::begin(kOtherConstraints), std::end(kOtherConstraints), schema->names[i]) != std::end(kOtherConstraints);
  }
  if (ways.empty() && constrained) return document_.unsupported(schema, "not", "how a value fails this schema cannot be written as a grammar");
  if (ways.empty()) return negations_[schema] = &kNothingFails;
  if (ways.size() > limit) ways.resize(limit);
  JsonValue made = ways.size() == 1 ? std::move(ways[0]) : object_with("anyOf", JsonValue::array(std::move(ways)));
  return negations_[schema] = document_.add(std::move(made), schema);
}

Result<void> SchemaCompiler::negate_keyword(Node schema, size_t index, std::vector<JsonValue>* ways) {
  const std::string& keyword = schema->names[index];
  const JsonValue& value = schema->items[index];
  const auto failing = [&](Node part) { return object_with("not", document_.link_to(part)); };
  negate_bound(schema, keyword, value, ways);
  if (keyword == "type") {
    const unsigned types = kAllTypes & ~TRY(types_of({schema}, false));
    constexpr std::pair<const char*, unsigned> kNames[] = {{"null", kNullType}, {"boolean", kBooleanType}, {"string", kStringType},
                                                           {"array", kArrayType}, {"object", kObjectType}};
    std::vector<JsonValue> names;
    for (const auto& [name, type] : kNames) {
      if (types & type) names.push_back(JsonValue::string(name));
    }
    // A number that is no integer cannot be named.
    if ((types & kNumberType) == kNumberType) names.push_back(JsonValue::string("number"));
    if (!names.empty()) ways->push_back(object_with("type", JsonValue::array(std::move(names))));
  } else if (keyword == "enum" && value.is_array()) {
    ways->push_back(object_with(kNotValuesKeyword, value));
  } else if (keyword == "const") {
    ways->push_back(object_with(kNotValuesKeyword, JsonValue::array({value})));
  } else if (keyword == "required" && value.is_array()) {
    for (const JsonValue& name : value.items) ways->push_back(without_property(name.text));
  } else if (keyword == "properties" && value.is_object()) {
    for (size_t i = 0; i < value.items.size(); ++i) {
      if (value.items[i].kind == JsonValue::Kind::kTrue) continue;
      JsonValue properties = JsonValue::object();
      properties.set(value.names[i], failing(&value.items[i]));
      JsonValue way = typed_with("object", "properties", std::move(properties));
      way.set("required", JsonValue::array({JsonValue::string(value.names[i])}));
      ways->push_back(std::move(way));
    }
  } else if (keyword == "pattern") {
    ways->push_back(typed_with("string", kNotPatternKeyword, value));
  } else if (keyword == "items" && value.is_object() && schema->find("prefixItems") == nullptr) {
    ways->push_back(typed_with("array", "contains", failing(&value)));
  } else if (keyword == "not") {
    ways->push_back(document_.link_to(&value));
  } else if (keyword == "allOf" && value.is_array()) {
    for (const JsonValue& part : value.items) ways->push_back(failing(&part));
  } else if ((keyword == "anyOf" || keyword == "oneOf") && value.is_array()) {
    JsonValue all = JsonValue::array({});
    for (const JsonValue& part : value.items) all.items.push_back(failing(&part));
    ways->push_back(object_with("allOf", std::move(all)));
  } else if (keyword == "$ref" && value.is_string()) {
    ways->push_back(failing(TRY(document_.resolve(schema, "$ref", value.text))));
  }
  return {};
}

Result<SchemaView> SchemaCompiler::view(const std::vector<Node>& schemas, bool written) {
  SchemaView result;
  Conjunction conjunction{schemas, {}, {}};
  ++work_;
  result.never = !TRY(take_apart(&conjunction));
  result.bare = std::move(conjunction.bare);
  if (!result.never) result.types = TRY(types_of(result.bare, written));
  return result;
}

std::vector<Node> SchemaCompiler::property_schemas(const SchemaView& view, const std::string& name) const {
  std::vector<Node> found;
  for (Node schema : view.bare) {
    const JsonValue* properties = schema->find("properties");
    const JsonValue* property = properties == nullptr ? nullptr : properties->find(name);
    if (property != nullptr) found.push_back(property);
  }
  return found;
}

bool SchemaCompiler::requires_property(const SchemaView& view, const std::string& name) const {
  for (Node schema : view.bare) {
    const JsonValue* required = schema->find("required");
    if (required == nullptr || !required->is_array()) continue;
    for (const JsonValue& entry : required->items) {
      if (entry.is_string() && entry.text == name) return true;
    }
  }
  return false;
}

Result<bool> SchemaCompiler::fails_by_value(const SchemaView& written, const SchemaView& other) {
  for (Node schema : written.bare) {
    const JsonValue* values = schema->find("enum");
    const JsonValue* constant = schema->find("const");
    std::vector<Node> listed;
    if (constant != nullptr) listed.push_back(constant);
    if (constant == nullptr && values != nullptr) {
      for (const JsonValue& value : values->items) listed.push_back(&value);
    }
    if (listed.empty()) continue;
    bool all_fail = true;
    for (Node value : listed) {
      bool accepted = true;
      for (Node condition : other.bare) accepted = accepted && TRY(accepts_own(condition, *value, 0));
      all_fail &= !accepted;
    }
    if (all_fail) return true;
  }
  // Values that only the other one lists.
  for (Node schema : other.bare) {
    const JsonValue* values = schema->find("enum");
    const JsonValue* constant = schema->find("const");
    if (values == nullptr && constant == nullptr) continue;
    bool all_fail = true;
    const auto check = [&](const JsonValue& value) -> Result<void> {
      bool accepted = true;
      for (Node condition : written.bare) accepted = accepted && TRY(accepts_own(condition, value, 0));
      all_fail &= !accepted;
      return {};
    };
    if (constant != nullptr) {
      TRY(check(*constant));
    } else {
      for (const JsonValue& value : values->items) TRY(check(value));
    }
    if (all_fail) return true;
  }
  return false;
}

Result<bool> SchemaCompiler::fails_by_property(const SchemaView& written, const SchemaView& other, size_t depth) {
  for (Node schema : written.bare) {
    const JsonValue* required = schema->find("required");
    if (required == nullptr || !required->is_array()) continue;
    for (const JsonValue& name : required->items) {
      for (Node condition : other.bare) {
        const JsonValue* additional = condition->find("additionalProperties");
        const JsonValue* properties = condition->find("properties");
        const bool declared = properties != nullptr && properties->find(name.text) != nullptr;
        const bool closed = additional != nullptr && additional->kind == JsonValue::Kind::kFalse;
        if (closed && !declared && condition->find("patternProperties") == nullptr) return true;
      }
      const std::vector<Node> own = property_schemas(written, name.text), others = property_schemas(other, name.text);
      if (own.empty() || others.empty() || depth >= kMaxComparedDepth) continue;
      if (TRY(always_fails(TRY(view(own, true)), TRY(view(others, false)), depth + 1))) return true;
    }
  }
  return false;
}

Result<bool> SchemaCompiler::always_fails(const SchemaView& written, const SchemaView& other, size_t depth) {
  if (written.never || other.never) return true;
  const unsigned common = written.types & other.types;
  if (common == 0) return true;
  if (TRY(fails_by_value(written, other))) return true;
  std::vector<Node> together = written.bare;
  together.insert(together.end(), other.bare.begin(), other.bare.end());
  if (common == kObjectType) return fails_by_property(written, other, depth);
  if (common == kStringType) {
    const RegexId language = TRY(string_language(together));
    return !rules_.automaton().alive(language) && !rules_.overflowed();
  }
  if ((common & ~kNumberType) == 0) {
    const NumberBounds bounds = TRY(number_bounds(together));
    if (!bounds.low || !bounds.high) return false;
    const int order = compare(bounds.low->value, bounds.high->value);
    return order > 0 || (order == 0 && (bounds.low->strict || bounds.high->strict));
  }
  if (common == kArrayType) {
    uint32_t low = 0, high = kUnbounded;
    for (Node schema : together) {
      low = std::max(low, TRY(count(schema, "minItems", 0)));
      high = std::min(high, TRY(count(schema, "maxItems", kUnbounded)));
    }
    return low > high;
  }
  return false;
}

Result<Node> SchemaCompiler::why_not(const SchemaView& base, Node chosen, Node other) {
  std::vector<Node> together = base.bare;
  together.push_back(chosen);
  const SchemaView written = TRY(view(together, true)), excluded = TRY(view({other}, false));
  if (TRY(always_fails(written, excluded, 0))) return nullptr;
  // The cheapest way: something that the other one requires is left out.
  for (Node schema : excluded.bare) {
    const JsonValue* required = schema->find("required");
    if (required == nullptr || !required->is_array() || !(written.types & kObjectType)) continue;
    for (const JsonValue& name : required->items) {
      if (name.is_string() && !requires_property(written, name.text)) return document_.add(without_property(name.text), other);
    }
  }
  // The next: a property that the other one does not accept is there.
  for (Node schema : excluded.bare) {
    const JsonValue* properties = schema->find("properties");
    if (properties == nullptr || !properties->is_object() || !(written.types & kObjectType)) continue;
    for (size_t i = 0; i < properties->items.size(); ++i) {
      const std::vector<Node> own = property_schemas(written, properties->names[i]);
      if (own.empty()) continue;
      if (!TRY(always_fails(TRY(view(own, true)), TRY(view({&properties->items[i]}, false)), 1))) continue;
      JsonValue names = JsonValue::array({JsonValue::string(properties->names[i])});
      return document_.add(typed_with("object", "required", std::move(names)), other);
    }
  }
  // Or one that it does not declare, where it is closed.
  for (Node schema : excluded.bare) {
    const JsonValue *additional = schema->find("additionalProperties"), *properties = schema->find("properties");
    if (additional == nullptr || additional->kind != JsonValue::Kind::kFalse || schema->find("patternProperties") != nullptr) continue;
    for (Node own : written.bare) {
      const JsonValue* declared = own->find("properties");
      for (size_t i = 0; declared != nullptr && i < declared->names.size(); ++i) {
        if (declared->items[i].kind == JsonValue::Kind::kFalse) continue;
        if (properties != nullptr && properties->find(declared->names[i]) != nullptr) continue;
        JsonValue names = JsonValue::array({JsonValue::string(declared->names[i])});
        return document_.add(typed_with("object", "required", std::move(names)), other);
      }
    }
  }
  auto negated = negation(other, kMaxWaysToFail);
  if (negated.ok()) return negated;
  return document_.unsupported(other, "oneOf", "whether this alternative and another one exclude each other cannot be found out");
}

}  // namespace hearth::text::grammar
