// Objects: declared properties in their order, then others where the schema asks for them.
//
// Contract: see schema_compiler.h. Names that are not declared are written in canonical spelling, and no declared name can be
// written as another; they may repeat, so that they count for "minProperties" only once.
// Not here: arrays.
#include <algorithm>
#include <map>
#include <set>

#include "text/grammar/code_points.h"
#include "text/grammar/limits.h"
#include "text/grammar/schema_compiler.h"

namespace hearth::text::grammar {

namespace {

constexpr size_t kMaxNameClasses = 64;        // kinds of names that overlapping patternProperties make
constexpr size_t kMaxCountedStates = 100'000; // properties times counts

bool is_false(const JsonValue* value) { return value != nullptr && value->kind == JsonValue::Kind::kFalse; }

}  // namespace

// Whether a property may be there, and what its value must satisfy.
Result<bool> SchemaCompiler::schemas_of_property(const std::vector<Node>& bare, Property* property) {
  const std::string spelling = json_spelling(property->name);
  for (Node schema : bare) {
    bool evaluated = false;
    if (const JsonValue* properties = schema->find("properties")) {
      if (!properties->is_object()) return document_.invalid(schema, "properties", "it must be an object");
      if (const JsonValue* own = properties->find(property->name)) {
        property->schemas.push_back(own);
        evaluated = true;
      }
    }
    if (const JsonValue* patterns = schema->find("patternProperties")) {
      if (!patterns->is_object()) return document_.invalid(schema, "patternProperties", "it must be an object");
      for (size_t i = 0; i < patterns->items.size(); ++i) {
        if (!rules_.automaton().matches(TRY(pattern(schema, "patternProperties", patterns->names[i])), spelling)) continue;
        property->schemas.push_back(&patterns->items[i]);
        evaluated = true;
      }
    }
    const JsonValue* additional = schema->find("additionalProperties");
    if (!evaluated && additional != nullptr) property->schemas.push_back(additional);
    if (schema->find("propertyNames") != nullptr && !rules_.automaton().matches(TRY(name_condition(schema)), spelling)) return false;
  }
  return std::none_of(property->schemas.begin(), property->schemas.end(), is_false);
}

Result<RegexId> SchemaCompiler::name_condition(Node schema) {
  const JsonValue* names = schema->find("propertyNames");
  if (names->is_boolean()) return is_false(names) ? kEmptyLanguage : rules_.regex().anything();
  Conjunction parts{{names}, {}, {}};
  if (!TRY(take_apart(&parts))) return kEmptyLanguage;
  if (!parts.pending.empty()) return document_.unsupported(schema, "propertyNames", "alternatives in it");
  std::vector<RegexId> conditions;
  for (Node part : parts.bare) {
    for (const char* keyword : {"enum", "const"}) {
      const JsonValue* values = part->find(keyword);
      if (values == nullptr) continue;
      std::vector<std::string> words;
      if (values->is_string()) words.push_back(json_spelling(values->text));
      for (const JsonValue& value : values->items) {
        if (value.is_string()) words.push_back(json_spelling(value.text));
      }
      conditions.push_back(rules_.regex().one_of(std::move(words)));
    }
  }
  if (!(TRY(types_of(parts.bare)) & kStringType)) return kEmptyLanguage;
  conditions.push_back(TRY(string_language(parts.bare)));
  // Names have one spelling here.
  conditions.push_back(rules_.regex().star(json_.canonical_character));
  return rules_.regex().both(std::move(conditions));
}

Result<void> SchemaCompiler::add_properties(const std::vector<Node>& bare, std::vector<Property>* properties) {
  std::map<std::string, size_t> places;
  const auto place_of = [&](const std::string& name) {
    const auto [place, added] = places.try_emplace(name, properties->size());
    if (added) properties->push_back({name, {}, false});
    return place->second;
  };
  for (Node schema : bare) {
    const JsonValue* declared = schema->find("properties");
    if (declared == nullptr) continue;
    if (!declared->is_object()) return document_.invalid(schema, "properties", "it must be an object");
    for (const std::string& name : declared->names) place_of(name);
  }
  for (Node schema : bare) {
    const JsonValue* required = schema->find("required");
    if (required == nullptr || required->is_boolean()) continue;  // draft-03's boolean is about the property itself
    if (!required->is_array()) return document_.invalid(schema, "required", "it must be an array of names");
    for (const JsonValue& name : required->items) {
      if (!name.is_string()) return document_.invalid(schema, "required", "it must be an array of names");
      (*properties)[place_of(name.text)].required = true;
    }
  }
  return {};
}

// All names that are not declared and satisfy every "propertyNames".
Result<RegexId> SchemaCompiler::extra_names(const std::vector<Node>& bare, const std::vector<Property>& declared) {
  RegexArena& arena = rules_.regex();
  std::vector<RegexId> conditions{arena.star(json_.canonical_character)};
  std::vector<std::string> names;
  for (const Property& property : declared) names.push_back(json_spelling(property.name));
  if (!names.empty()) conditions.push_back(arena.complement(arena.one_of(std::move(names))));
  for (Node schema : bare) {
    if (schema->find("propertyNames") != nullptr) conditions.push_back(TRY(name_condition(schema)));
  }
  return arena.both(std::move(conditions));
}

Result<ExpressionId> SchemaCompiler::extra_members(const std::vector<Node>& bare, const std::vector<Property>& declared) {
  struct NameClass {
    RegexId names;
    std::set<const JsonValue*> matched;  // the schemas of the patterns that match
  };
  bool declares = false, asks = false;
  for (Node schema : bare) {
    const JsonValue *properties = schema->find("properties"), *patterns = schema->find("patternProperties");
    const JsonValue* additional = schema->find("additionalProperties");
    const JsonValue* unevaluated = schema->find("unevaluatedProperties");
    declares |= (properties != nullptr && !properties->items.empty()) || (patterns != nullptr && !patterns->items.empty());
    asks |= additional != nullptr && !is_false(additional);
    if (unevaluated == nullptr || unevaluated->kind == JsonValue::Kind::kTrue) continue;
    // What others evaluate is what may be there; without additionalProperties nothing else is written anyway.
    declares = true;
    if (!is_false(unevaluated) || asks) return document_.unsupported(schema, "unevaluatedProperties", "only false, without additionalProperties, is");
  }
  std::vector<NameClass> classes{{TRY(extra_names(bare, declared)), {}}};
  for (Node schema : bare) {
    const JsonValue* patterns = schema->find("patternProperties");
    for (size_t i = 0; patterns != nullptr && i < patterns->items.size(); ++i) {
      const RegexId matching = TRY(pattern(schema, "patternProperties", patterns->names[i]));
      std::vector<NameClass> split;
      for (const NameClass& names : classes) {
        NameClass inside{rules_.regex().both(names.names, matching), names.matched};
        NameClass outside{rules_.regex().both(names.names, rules_.regex().complement(matching)), names.matched};
        inside.matched.insert(&patterns->items[i]);
        for (NameClass* part : {&inside, &outside}) {
          if (rules_.automaton().alive(part->names)) split.push_back(std::move(*part));
        }
      }
      classes.swap(split);
      if (classes.size() > kMaxNameClasses) return document_.unsupported(schema, "patternProperties", "too many patterns overlap");
    }
  }
  std::vector<ExpressionId> members;
  for (const NameClass& names : classes) {
    if (names.matched.empty() && declares && !asks) continue;
    std::vector<Node> schemas;
    for (Node schema : bare) {
      bool evaluated = false;
      const JsonValue* patterns = schema->find("patternProperties");
      for (size_t i = 0; patterns != nullptr && i < patterns->items.size(); ++i) {
        if (!names.matched.contains(&patterns->items[i])) continue;
        schemas.push_back(&patterns->items[i]);
        evaluated = true;
      }
      const JsonValue* additional = schema->find("additionalProperties");
      if (!evaluated && additional != nullptr) schemas.push_back(additional);
    }
    if (std::any_of(schemas.begin(), schemas.end(), is_false)) continue;
    members.push_back(rules_.sequence({json_.key(names.names), value(schemas)}));
  }
  return rules_.choice(std::move(members));
}

Result<ExpressionId> SchemaCompiler::object(const std::vector<Node>& bare) {
  ObjectParts parts;
  bool free = true;
  for (Node schema : bare) {
    for (const char* keyword : {"properties", "required", "additionalProperties", "patternProperties", "propertyNames", "minProperties",
                                "maxProperties", "unevaluatedProperties"}) {
      free &= schema->find(keyword) == nullptr;
    }
    parts.low = std::max(parts.low, TRY(count(schema, "minProperties", 0)));
    parts.high = std::min(parts.high, TRY(count(schema, "maxProperties", kUnbounded)));
  }
  if (free) return json_.any_object();
  std::vector<Property> declared;
  TRY(add_properties(bare, &declared));
  for (Property& property : declared) {
    const bool possible = TRY(schemas_of_property(bare, &property));
    if (!possible && property.required) return kNever;
    if (possible) parts.properties.push_back(property);
  }
  parts.extra = TRY(extra_members(bare, declared));
  return members(bare.front(), parts);
}

// From the last property to the first: what may follow when the properties before are decided.
Result<ExpressionId> SchemaCompiler::members(Node place, const ObjectParts& parts) {
  const size_t size = parts.properties.size();
  uint32_t required = 0;
  for (const Property& property : parts.properties) required += property.required;
  const uint32_t most = parts.high, least = parts.low <= required ? 0 : parts.low;
  // Undeclared names may repeat, so only the first of them is sure to count.
  if (least > size + (parts.extra == kNever ? 0 : 1)) {
    if (parts.extra == kNever) return kNever;
    return document_.unsupported(place, "minProperties", "more undeclared properties than one would have to have different names");
  }
  const bool bounded = most != kUnbounded && (parts.extra != kNever || most < size);
  const uint32_t counts = (bounded ? std::max(most, least) : least) + 1;  // a count beyond is the same as the last
  if (uint64_t{counts} * (size + 1) > kMaxCountedStates) {
    return document_.unsupported(place, bounded ? "maxProperties" : "minProperties", "too many counts of properties to keep apart");
  }
  std::vector<ExpressionId> tail(counts), choose(counts);
  for (uint32_t n = counts; n-- > 0;) {
    const uint32_t next = std::min(n + 1, counts - 1);
    const bool full = bounded && n >= most;
    // Members after the first undeclared one: it counted, they do not for the least.
    ExpressionId more = kNever;
    if (bounded && n + 1 <= most) {
      more = rules_.repeat(rules_.sequence({json_.comma, parts.extra}), 0, most - n - 1);
    } else if (!bounded) {
      more = rules_.repeat(rules_.sequence({json_.comma, parts.extra}), 0, kUnbounded);
    }
    const bool enough = std::max(n + 1, next) >= least;
    choose[n] = full || !enough ? kNever : rules_.sequence({parts.extra, more, json_.close_object});
    tail[n] = rules_.choice({n >= least ? json_.close_object : kNever, rules_.sequence({json_.comma, choose[n]})});
  }
  for (size_t i = size; i-- > 0;) {
    const Property& property = parts.properties[i];
    const RegexId name = rules_.regex().literal(json_spelling(property.name));
    const ExpressionId member = rules_.sequence({json_.key(name), value(property.schemas)});
    bool required_later = false;
    for (size_t k = i; k < size; ++k) required_later |= parts.properties[k].required;
    std::vector<ExpressionId> next_choose(counts), next_tail(counts);
    for (uint32_t n = counts; n-- > 0;) {
      const uint32_t next = std::min(n + 1, counts - 1);
      const bool full = bounded && n >= most;
      const ExpressionId taken = full ? kNever : rules_.sequence({member, tail[next]});
      next_choose[n] = property.required ? taken : rules_.choice({taken, choose[n]});
      const bool may_close = n >= least && !required_later;
      next_tail[n] = rules_.choice({may_close ? json_.close_object : kNever, rules_.sequence({json_.comma, next_choose[n]})});
    }
    choose.swap(next_choose);
    tail.swap(next_tail);
  }
  const bool may_be_empty = required == 0 && least == 0;
  return rules_.choice({may_be_empty ? json_.empty_object : kNever, rules_.sequence({json_.open_object, choose[0]})});
}

}  // namespace hearth::text::grammar
