// Contract and exclusions: parameter_grammar.h.
#include "text/tools/parameter_grammar.h"

#include <algorithm>
#include <array>

#include "text/grammar/code_points.h"
#include "text/grammar/json_value.h"
#include "text/grammar/pattern.h"
#include "text/grammar/schema.h"

namespace hearth::text::tools {

namespace {

using grammar::ExpressionId;
using grammar::JsonValue;
using grammar::kUnbounded;
using grammar::RegexId;
using grammar::Rules;

constexpr std::array kElsewhere = {"$ref", "allOf", "anyOf", "oneOf", "not", "if", "patternProperties", "minProperties", "maxProperties"};
constexpr std::array kPlaces = {"$defs", "definitions"};

Error unsupported(const std::string& what) { return {ErrorCode::kUnsupported, what}; }

Result<uint32_t> length(const JsonValue& schema, const char* keyword, uint32_t otherwise) {
  const JsonValue* value = schema.find(keyword);
  if (value == nullptr) return otherwise;
  uint64_t number = 0;
  for (const char c : value->text) {
    if (!value->is_number() || c < '0' || c > '9' || number > 100'000'000) {
      return Error{ErrorCode::kInvalidArgument, std::string("'") + keyword + "' must be a number of characters"};
    }
    number = number * 10 + static_cast<uint64_t>(c - '0');
  }
  return static_cast<uint32_t>(number);
}

// A string as it stands between the marks, which cannot hold the closing one.
Result<RegexId> string_language(Rules* rules, const JsonValue& schema) {
  grammar::RegexArena& regex = rules->regex();
  std::vector<RegexId> parts;
  for (const char* keyword : {"enum", "const"}) {
    const JsonValue* values = schema.find(keyword);
    if (values == nullptr) continue;
    std::vector<std::string> words;
    if (values->is_string()) words.push_back(values->text);
    for (const JsonValue& value : values->items) {
      if (value.is_string()) words.push_back(value.text);
    }
    parts.push_back(regex.one_of(std::move(words)));
  }
  if (const JsonValue* pattern = schema.find("pattern"); pattern != nullptr && pattern->is_string()) {
    parts.push_back(TRY(grammar::pattern_language(&regex, pattern->text, grammar::Spelling::kUtf8)).regex);
  }
  if (const JsonValue* format = schema.find("format"); format != nullptr && format->is_string() && format->text != "uri") {
    return unsupported("'format' of a string cannot be kept in this model's form of calls; say it as a 'pattern'");
  }
  const uint32_t low = TRY(length(schema, "minLength", 0)), high = TRY(length(schema, "maxLength", kUnbounded));
  parts.push_back(regex.repeat(grammar::utf8_character(&regex, grammar::CodePointSet::all()), low, high));
  const RegexId anything = regex.anything();
  parts.push_back(regex.complement(regex.concat(std::vector<RegexId>{anything, regex.literal("</parameter>"), anything})));
  return regex.both(std::move(parts));
}

Result<ExpressionId> value_of(Rules* rules, const JsonValue& root, const JsonValue& property) {
  const JsonValue* type = property.find("type");
  if (type != nullptr && type->is_string() && type->text == "string") return rules->terminal(TRY(string_language(rules, property)));
  if (!property.is_object()) return grammar::add_schema(rules, grammar::write_json(property));
  JsonValue whole = property;
  for (const char* place : kPlaces) {
    const JsonValue* definitions = root.find(place);
    if (definitions != nullptr && whole.find(place) == nullptr) whole.set(place, *definitions);
  }
  return grammar::add_schema(rules, grammar::write_json(whole));
}

}  // namespace

Result<ExpressionId> add_parameters(Rules* rules, std::string_view schema) {
  const JsonValue root = TRY(grammar::parse_json(schema));
  for (const char* keyword : kElsewhere) {
    if (root.find(keyword) != nullptr) {
      return unsupported(std::string("'") + keyword + "' beside the parameters cannot be kept in this model's form of calls");
    }
  }
  const JsonValue* properties = root.find("properties");
  const JsonValue* required = root.find("required");
  std::vector<ExpressionId> parts;
  for (size_t i = 0; properties != nullptr && i < properties->items.size(); ++i) {
    const std::string& name = properties->names[i];
    if (name.empty() || name.find_first_of("<>\n") != std::string::npos) {
      return unsupported("the parameter '" + name + "' cannot be named in this model's form of calls");
    }
    const ExpressionId value = TRY(value_of(rules, root, properties->items[i]));
    const ExpressionId parameter =
        rules->sequence({rules->literal("<parameter=" + name + ">\n"), value, rules->literal("\n</parameter>\n")});
    const bool must = required != nullptr && std::any_of(required->items.begin(), required->items.end(),
                                                         [&](const JsonValue& one) { return one.text == name; });
    parts.push_back(must ? parameter : rules->optional(parameter));
  }
  return rules->sequence(std::span(parts));
}

}  // namespace hearth::text::tools
