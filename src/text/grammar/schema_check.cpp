// Whether a value that a schema lists satisfies what else holds: "enum" and "const" beside other keywords.
//
// Contract: see schema_compiler.h. A keyword that cannot be checked is an error, so that no listed value slips through.
// Not here: languages.
#include <algorithm>

#include "text/grammar/code_points.h"
#include "text/grammar/limits.h"
#include "text/grammar/schema_compiler.h"

namespace hearth::text::grammar {

namespace {

size_t character_count(const std::string& text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<uint8_t>(c) & 0xC0) != 0x80; }));
}

unsigned type_of(const JsonValue& value) {
  switch (value.kind) {
    case JsonValue::Kind::kNull: return kNullType;
    case JsonValue::Kind::kFalse:
    case JsonValue::Kind::kTrue: return kBooleanType;
    case JsonValue::Kind::kString: return kStringType;
    case JsonValue::Kind::kArray: return kArrayType;
    case JsonValue::Kind::kObject: return kObjectType;
    case JsonValue::Kind::kNumber: break;
  }
  const auto decimal = to_decimal(value.text);
  return decimal && !decimal->fraction.empty() ? kFractionType : kIntegerType;
}

}  // namespace

Result<bool> SchemaCompiler::check(const JsonValue& value) { return accepts(document_.root(), value, 0); }

Result<bool> SchemaCompiler::accepts(Node schema, const JsonValue& value, size_t depth) {
  if (depth > kMaxSourceNesting || ++work_ > kMaxSchemaWork) return document_.unsupported(schema, "enum", "checking its values takes too long");
  if (schema->is_boolean()) return schema->kind == JsonValue::Kind::kTrue;
  if (!schema->is_object()) return document_.invalid(schema, "(schema)", "a schema must be an object or a boolean");
  Conjunction parts;
  TRY(take_apart_one(schema, &parts));
  for (Node part : parts.fresh) {
    if (!TRY(accepts(part, value, depth + 1))) return false;
  }
  for (const PendingBranch& branch : parts.pending) {
    size_t matching = 0;
    for (const JsonValue& alternative : branch.schema->items) matching += TRY(accepts(&alternative, value, depth + 1));
    if (matching == 0 || (branch.exclusive && matching > 1)) return false;
  }
  return accepts_own(schema, value, depth);
}

Result<bool> SchemaCompiler::accepts_own(Node schema, const JsonValue& value, size_t depth) {
  if (!(TRY(types_of({schema}, false)) & type_of(value))) return false;
  const auto listed = [&](const JsonValue* values) {
    return std::any_of(values->items.begin(), values->items.end(), [&](const JsonValue& item) { return equal_json(item, value); });
  };
  if (const JsonValue* constant = schema->find("const"); constant != nullptr && !equal_json(*constant, value)) return false;
  if (const JsonValue* values = schema->find("enum"); values != nullptr && !listed(values)) return false;
  if (const JsonValue* values = schema->find(kNotValuesKeyword); values != nullptr && listed(values)) return false;
  if (value.is_object()) return accepts_object(schema, value, depth);
  if (value.is_array()) return accepts_array(schema, value, depth);
  return accepts_scalar(schema, value);
}

Result<bool> SchemaCompiler::accepts_scalar(Node schema, const JsonValue& value) {
  if (value.is_number()) {
    const NumberBounds bounds = TRY(number_bounds({schema}));
    const auto decimal = to_decimal(value.text);
    if (!decimal) return document_.unsupported(schema, "enum", "the number " + value.text + " is out of range");
    if (bounds.low && compare(*decimal, bounds.low->value) < (bounds.low->strict ? 1 : 0)) return false;
    if (bounds.high && compare(*decimal, bounds.high->value) > (bounds.high->strict ? -1 : 0)) return false;
    if (const JsonValue* multiple = schema->find("multipleOf")) {
      return rules_.automaton().matches(TRY(multiples(schema, *multiple)), to_text(*decimal));
    }
    return true;
  }
  if (!value.is_string()) return true;
  const size_t length = character_count(value.text);
  if (length < TRY(count(schema, "minLength", 0)) || length > TRY(count(schema, "maxLength", kUnbounded))) return false;
  const std::string spelling = json_spelling(value.text);
  const auto matches = [&](const char* keyword) -> Result<bool> {
    const JsonValue* text = schema->find(keyword);
    if (text == nullptr || !text->is_string()) return true;
    return rules_.automaton().matches(TRY(pattern(schema, keyword, text->text)), spelling);
  };
  if (!TRY(matches("pattern"))) return false;
  if (schema->find(kNotPatternKeyword) != nullptr && TRY(matches(kNotPatternKeyword))) return false;
  if (const JsonValue* format = schema->find("format"); format != nullptr && format->is_string()) {
    const auto known = find_format(format->text);
    if (known && known->pattern != nullptr) {
      return rules_.automaton().matches(TRY(pattern(schema, "format", known->pattern)), spelling);
    }
  }
  return true;
}

Result<bool> SchemaCompiler::accepts_object(Node schema, const JsonValue& value, size_t depth) {
  for (const char* keyword : {"propertyNames", "unevaluatedProperties"}) {
    if (schema->find(keyword) != nullptr) return document_.unsupported(schema, keyword, "beside listed objects");
  }
  const size_t size = value.items.size();
  if (size < TRY(count(schema, "minProperties", 0)) || size > TRY(count(schema, "maxProperties", kUnbounded))) return false;
  if (const JsonValue* required = schema->find("required"); required != nullptr && required->is_array()) {
    for (const JsonValue& name : required->items) {
      if (value.find(name.text) == nullptr) return false;
    }
  }
  for (size_t i = 0; i < size; ++i) {
    Property property{value.names[i], {}, false};
    if (!TRY(schemas_of_property({schema}, &property))) return false;
    for (Node part : property.schemas) {
      if (!TRY(accepts(part, value.items[i], depth + 1))) return false;
    }
  }
  return true;
}

Result<bool> SchemaCompiler::accepts_array(Node schema, const JsonValue& value, size_t depth) {
  for (const char* keyword : {"contains", "unevaluatedItems"}) {
    if (schema->find(keyword) != nullptr) return document_.unsupported(schema, keyword, "beside listed arrays");
  }
  const size_t size = value.items.size();
  if (size < TRY(count(schema, "minItems", 0)) || size > TRY(count(schema, "maxItems", kUnbounded))) return false;
  const JsonValue* unique = schema->find("uniqueItems");
  const bool must_differ = unique != nullptr && unique->kind == JsonValue::Kind::kTrue;
  for (size_t i = 0; i < size; ++i) {
    for (size_t k = 0; k < i && must_differ; ++k) {
      if (equal_json(value.items[i], value.items[k])) return false;
    }
    for (Node part : TRY(item_schemas({schema}, i))) {
      if (!TRY(accepts(part, value.items[i], depth + 1))) return false;
    }
  }
  return true;
}

}  // namespace hearth::text::grammar
