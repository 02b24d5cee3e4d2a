// Strings, numbers and listed values.
//
// Contract: see schema_compiler.h. Strings under a pattern, a format or an exclusion are written in canonical spelling only.
// Not here: what formats look like (formats.cpp).
#include <algorithm>

#include "text/grammar/code_points.h"
#include "text/grammar/limits.h"
#include "text/grammar/pattern.h"
#include "text/grammar/schema_compiler.h"

namespace hearth::text::grammar {

namespace {

constexpr uint32_t kMaxModulus = 10'000;

}  // namespace

Result<uint32_t> SchemaCompiler::count(Node schema, const char* keyword, uint32_t otherwise) {
  const JsonValue* value = schema->find(keyword);
  if (value == nullptr) return otherwise;
  const auto decimal = value->is_number() ? to_decimal(value->text) : std::nullopt;
  if (!decimal || !decimal->fraction.empty() || (decimal->negative && !decimal->is_zero())) {
    return document_.invalid(schema, keyword, "it must be a whole number, not negative");
  }
  // Nothing that is written gets there: an upper bound that far is none.
  const bool far = decimal->integer.size() > 8 || std::stoul(decimal->integer) > kMaxRepeat;
  if (far && otherwise == kUnbounded) return kUnbounded;
  if (far) return document_.unsupported(schema, keyword, "counts go up to " + std::to_string(kMaxRepeat));
  return static_cast<uint32_t>(std::stoul(decimal->integer));
}

Result<RegexId> SchemaCompiler::pattern(Node schema, const char* keyword, const std::string& text) {
  const auto known = patterns_.find(text);
  if (known != patterns_.end()) return known->second;
  auto language = pattern_language(&rules_.regex(), text, Spelling::kJsonString);
  if (!language.ok()) {
    const std::string what = "'" + text + "': " + language.error().message;
    if (language.error().code == ErrorCode::kUnsupported) return document_.unsupported(schema, keyword, what);
    return document_.invalid(schema, keyword, what);
  }
  return patterns_[text] = language->regex;
}

Result<RegexId> SchemaCompiler::string_language(const std::vector<Node>& bare) {
  RegexArena& arena = rules_.regex();
  uint32_t low = 0, high = kUnbounded;
  std::vector<RegexId> conditions;
  uint32_t sure_low = 0, sure_high = kUnbounded;  // what the patterns see to
  std::optional<PatternLanguage> single;
  for (Node schema : bare) {
    low = std::max(low, TRY(count(schema, "minLength", 0)));
    high = std::min(high, TRY(count(schema, "maxLength", kUnbounded)));
    for (const char* keyword : {"pattern", kNotPatternKeyword}) {
      const JsonValue* text = schema->find(keyword);
      if (text == nullptr) continue;
      if (!text->is_string()) return document_.invalid(schema, "pattern", "it must be a string");
      const RegexId language = TRY(pattern(schema, "pattern", text->text));
      if (keyword == kNotPatternKeyword) {
        conditions.push_back(arena.complement(language));
        continue;
      }
      conditions.push_back(language);
      const PatternLanguage details = TRY(pattern_language(&arena, text->text, Spelling::kJsonString));
      sure_low = std::max(sure_low, details.min_characters);
      sure_high = std::min(sure_high, details.max_characters);
      if (details.single_repeat) single = details;
    }
    if (const JsonValue* format = schema->find("format")) {
      if (!format->is_string()) return document_.invalid(schema, "format", "it must be a string");
      const auto known = find_format(format->text);
      if (known && !known->supported) return document_.unsupported(schema, "format", "'" + format->text + "' is not known as a grammar");
      if (known && known->pattern != nullptr) conditions.push_back(TRY(pattern(schema, "format", known->pattern)));
    }
    if (const JsonValue* values = schema->find(kNotValuesKeyword)) {
      std::vector<std::string> words;
      for (const JsonValue& value : values->items) {
        if (value.is_string()) words.push_back(json_spelling(value.text));
      }
      if (!words.empty()) conditions.push_back(arena.complement(arena.one_of(std::move(words))));
    }
  }
  if (low > high) return kEmptyLanguage;
  const bool any_length = low == 0 && high == kUnbounded;
  if (conditions.empty()) return arena.repeat(json_.any_character, low, high);
  // ^[class]{a,b}$ with lengths is one repeat: no intersection is needed, and far bounds cost nothing.
  if (conditions.size() == 1 && single) {
    const uint32_t least = std::max(low, sure_low), most = std::min(high, sure_high);
    return arena.repeat(json_character(&arena, single->set), least, most);
  }
  const bool says_length = sure_low >= low && sure_high <= high;
  if (!any_length && !says_length) {
    conditions.push_back(arena.repeat(json_.canonical_character, low, high));
  } else {
    conditions.push_back(arena.star(json_.canonical_character));
  }
  return arena.both(std::move(conditions));
}

Result<void> SchemaCompiler::add_bound(Node schema, const char* keyword, bool low, bool strict, NumberBounds* bounds) {
  const JsonValue* value = schema->find(keyword);
  const auto decimal = value->is_number() ? to_decimal(value->text) : std::nullopt;
  if (!value->is_number()) return document_.invalid(schema, keyword, "it must be a number");
  if (!decimal) return document_.unsupported(schema, keyword, "the number is out of range");
  std::optional<Bound>& bound = low ? bounds->low : bounds->high;
  const int order = bound ? compare(*decimal, bound->value) * (low ? 1 : -1) : 1;
  if (order > 0 || (order == 0 && strict)) bound = Bound{*decimal, strict};
  return {};
}

Result<NumberBounds> SchemaCompiler::number_bounds(const std::vector<Node>& bare) {
  NumberBounds bounds;
  for (Node schema : bare) {
    const auto is_true = [&](const char* keyword) {
      const JsonValue* value = schema->find(keyword);
      return value != nullptr && value->kind == JsonValue::Kind::kTrue;
    };
    // draft-04 says with a boolean that the other bound is exclusive.
    if (schema->find("minimum") != nullptr) TRY(add_bound(schema, "minimum", true, is_true("exclusiveMinimum"), &bounds));
    if (schema->find("maximum") != nullptr) TRY(add_bound(schema, "maximum", false, is_true("exclusiveMaximum"), &bounds));
    for (const char* keyword : {"exclusiveMinimum", "exclusiveMaximum"}) {
      const JsonValue* value = schema->find(keyword);
      if (value != nullptr && !value->is_boolean()) TRY(add_bound(schema, keyword, std::string_view(keyword) == "exclusiveMinimum", true, &bounds));
    }
    const JsonValue* format = schema->find("format");
    const auto limits = [&](const char* low, const char* high) {
      if (!bounds.low || compare(*to_decimal(low), bounds.low->value) > 0) bounds.low = Bound{*to_decimal(low), false};
      if (!bounds.high || compare(*to_decimal(high), bounds.high->value) < 0) bounds.high = Bound{*to_decimal(high), false};
    };
    if (format != nullptr && format->text == "int32") limits("-2147483648", "2147483647");
    if (format != nullptr && format->text == "int64") limits("-9223372036854775808", "9223372036854775807");
  }
  return bounds;
}

Result<RegexId> SchemaCompiler::multiples(Node schema, const JsonValue& value) {
  const auto decimal = value.is_number() ? to_decimal(value.text) : std::nullopt;
  if (!decimal || decimal->negative || decimal->is_zero()) return document_.invalid(schema, "multipleOf", "it must be a number above 0");
  std::string digits = decimal->integer + decimal->fraction;
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  if (digits.size() > 5 || std::stoul(digits) > kMaxModulus) {
    return document_.unsupported(schema, "multipleOf", "its digits may make at most " + std::to_string(kMaxModulus));
  }
  Multiple multiple;
  multiple.modulus = static_cast<uint32_t>(std::stoul(digits));
  multiple.scale = static_cast<uint32_t>(decimal->fraction.size());
  return rules_.regex().multiple(multiple);
}

Result<RegexId> SchemaCompiler::number_expression(const std::vector<Node>& bare, bool integers_only) {
  RegexArena& arena = rules_.regex();
  std::vector<RegexId> parts;
  for (Node schema : bare) {
    const JsonValue* multiple = schema->find("multipleOf");
    if (multiple == nullptr) continue;
    const auto decimal = multiple->is_number() ? to_decimal(multiple->text) : std::nullopt;
    const RegexId language = TRY(multiples(schema, *multiple));
    if (integers_only && decimal && decimal->integer == "1" && decimal->fraction.empty()) continue;
    parts.push_back(language);
  }
  parts.push_back(number_language(&arena, TRY(number_bounds(bare)), integers_only));
  return arena.both(std::move(parts));
}

Result<ExpressionId> SchemaCompiler::listed_values(const std::vector<Node>& bare, unsigned types) {
  const JsonValue* values = nullptr;
  std::vector<Node> candidates;
  for (Node schema : bare) {
    if (const JsonValue* constant = schema->find("const")) {
      candidates = {constant};
      break;
    }
    const JsonValue* list = schema->find("enum");
    if (list == nullptr) continue;
    if (!list->is_array()) return document_.invalid(schema, "enum", "it must be an array");
    if (values != nullptr && values->items.size() <= list->items.size()) continue;
    values = list;
    candidates.clear();
    for (const JsonValue& value : list->items) candidates.push_back(&value);
  }
  if (types == 0) return kNever;
  std::vector<std::string> texts;
  for (Node candidate : candidates) {
    bool accepted = true;
    for (Node schema : bare) accepted = accepted && TRY(accepts(schema, *candidate, 0));
    if (accepted) texts.push_back(write_json(*candidate));
  }
  return rules_.terminal(rules_.regex().one_of(std::move(texts)));
}

}  // namespace hearth::text::grammar
