// Arrays: items by place, then the others; bounds, "contains", and "uniqueItems" where the values are listed.
//
// Contract: see schema_compiler.h.
// Not here: objects.
#include <algorithm>
#include <bit>
#include <map>

#include "text/grammar/limits.h"
#include "text/grammar/schema_compiler.h"

namespace hearth::text::grammar {

namespace {

constexpr size_t kMaxUniqueValues = 8;  // every subset is a state

bool is_true(const JsonValue* value) { return value != nullptr && value->kind == JsonValue::Kind::kTrue; }

// The schemas by place, of whichever draft.
const JsonValue* tuple_of(Node schema) {
  if (const JsonValue* prefix = schema->find("prefixItems")) return prefix;
  const JsonValue* items = schema->find("items");
  return items != nullptr && items->is_array() ? items : nullptr;
}

}  // namespace

size_t SchemaCompiler::tuple_length(const std::vector<Node>& bare) const {
  size_t length = 0;
  for (Node schema : bare) {
    if (const JsonValue* tuple = tuple_of(schema)) length = std::max(length, tuple->items.size());
  }
  return length;
}

Result<std::vector<Node>> SchemaCompiler::item_schemas(const std::vector<Node>& bare, size_t index) {
  std::vector<Node> found;
  for (Node schema : bare) {
    const JsonValue *tuple = tuple_of(schema), *items = schema->find("items");
    if (const JsonValue* prefix = schema->find("prefixItems"); prefix != nullptr && !prefix->is_array()) {
      return document_.invalid(schema, "prefixItems", "it must be an array");
    }
    if (tuple != nullptr && index < tuple->items.size()) {
      found.push_back(&tuple->items[index]);
    } else if (tuple != nullptr && tuple == items) {
      if (const JsonValue* additional = schema->find("additionalItems")) found.push_back(additional);
    } else if (items != nullptr && !items->is_array()) {
      found.push_back(items);
    }
    const JsonValue* unevaluated = schema->find("unevaluatedItems");
    if (unevaluated == nullptr || is_true(unevaluated)) continue;
    if (bare.size() > 1 || schema->find("contains") != nullptr) {
      return document_.unsupported(schema, "unevaluatedItems", "beside other schemas or \"contains\"");
    }
    const bool evaluated = !found.empty();
    if (!evaluated) found.push_back(unevaluated);
  }
  return found;
}

// Closed after low..high items, of which the first have schemas of their own.
ExpressionId SchemaCompiler::array_of(const std::vector<ExpressionId>& first, ExpressionId rest, uint32_t low, uint32_t high) {
  if (low > high) return kNever;
  const auto size = static_cast<uint32_t>(first.size());
  const auto after = [&](uint32_t n) {  // n >= 1 items are there, all further ones are alike
    const ExpressionId more = rules_.sequence({json_.comma, rest});
    return rules_.sequence({rules_.repeat(more, low > n ? low - n : 0, high == kUnbounded ? kUnbounded : high - n), json_.close_array});
  };
  ExpressionId filled = kNever;
  if (high > 0 && size == 0) {
    filled = rules_.sequence({json_.open_array, rest, after(1)});
  } else if (high > 0) {
    ExpressionId tail = size <= high ? after(size) : json_.close_array;
    for (uint32_t i = std::min(size, high); i-- > 0;) {
      const ExpressionId item = rules_.sequence({first[i], tail});
      if (i == 0) {
        filled = rules_.sequence({json_.open_array, item});
        break;
      }
      tail = rules_.choice({i >= low ? json_.close_array : kNever, rules_.sequence({json_.comma, item})});
    }
  }
  return rules_.choice({low == 0 ? json_.empty_array : kNever, filled});
}

Result<ExpressionId> SchemaCompiler::unique_items(Node schema, const std::vector<Node>& items, uint32_t low, uint32_t high) {
  const SchemaView view = TRY(this->view(items, true));
  std::vector<std::string> texts;
  for (Node part : view.bare) {
    const JsonValue* values = part->find("enum");
    if (values == nullptr || !values->is_array()) continue;
    for (const JsonValue& value : values->items) {
      bool accepted = true;
      for (Node condition : items) accepted = accepted && TRY(accepts(condition, value, 0));
      if (accepted) texts.push_back(write_json(value));
    }
    break;
  }
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  if (texts.empty() || texts.size() > kMaxUniqueValues) {
    return document_.unsupported(schema, "uniqueItems",
                                 "only for at most " + std::to_string(kMaxUniqueValues) + " listed values (enum), or with maxItems 1");
  }
  // One state per set of values that are still free, the emptiest first.
  const size_t sets = size_t{1} << texts.size();
  std::vector<ExpressionId> tail(sets), choose(sets);
  for (size_t left = 0; left < sets; ++left) {
    const auto used = static_cast<uint32_t>(texts.size()) - static_cast<uint32_t>(std::popcount(left));
    std::vector<ExpressionId> parts;
    for (size_t i = 0; i < texts.size(); ++i) {
      if (left >> i & 1) parts.push_back(rules_.sequence({rules_.literal(texts[i]), tail[left & ~(size_t{1} << i)]}));
    }
    choose[left] = used >= high ? kNever : rules_.choice(std::move(parts));
    tail[left] = rules_.choice({used >= low ? json_.close_array : kNever, rules_.sequence({json_.comma, choose[left]})});
  }
  return rules_.choice({low == 0 ? json_.empty_array : kNever, rules_.sequence({json_.open_array, choose[sets - 1]})});
}

Result<ExpressionId> SchemaCompiler::array(const std::vector<Node>& bare) {
  uint32_t low = 0, high = kUnbounded;
  Node unique = nullptr;
  std::vector<Node> wanted;
  bool free = true;
  for (Node schema : bare) {
    low = std::max(low, TRY(count(schema, "minItems", 0)));
    high = std::min(high, TRY(count(schema, "maxItems", kUnbounded)));
    if (is_true(schema->find("uniqueItems"))) unique = schema;
    const JsonValue* contains = schema->find("contains");
    if (contains != nullptr) wanted.push_back(contains);
    if (contains != nullptr && TRY(count(schema, "minContains", 1)) != 1) return document_.unsupported(schema, "minContains", "other than 1");
    if (contains != nullptr && schema->find("maxContains") != nullptr) return document_.unsupported(schema, "maxContains", "how often is not counted");
    for (const char* keyword : {"items", "prefixItems", "additionalItems", "unevaluatedItems"}) free &= schema->find(keyword) == nullptr;
  }
  const size_t tuple = tuple_length(bare);
  if (free && wanted.empty() && unique == nullptr && low == 0 && high == kUnbounded) return json_.any_array();
  std::vector<ExpressionId> first;
  for (size_t i = 0; i < tuple; ++i) {
    const std::vector<Node> schemas = TRY(item_schemas(bare, i));
    first.push_back(value(schemas));
    const bool never = std::any_of(schemas.begin(), schemas.end(), [](Node s) { return s->kind == JsonValue::Kind::kFalse; });
    if (never) high = std::min(high, static_cast<uint32_t>(i));
  }
  const std::vector<Node> rest = TRY(item_schemas(bare, tuple));
  const bool closed = std::any_of(rest.begin(), rest.end(), [](Node s) { return s->kind == JsonValue::Kind::kFalse; });
  if (closed) high = std::min(high, static_cast<uint32_t>(tuple));
  if (unique != nullptr && high > 1) {
    if (tuple > 0 || !wanted.empty()) return document_.unsupported(unique, "uniqueItems", "beside items by place or \"contains\"");
    return unique_items(unique, rest, low, high);
  }
  if (wanted.empty()) return array_of(first, closed ? kNever : value(rest), low, high);
  if (tuple > 0 || wanted.size() > 1) return document_.unsupported(bare.front(), "contains", "beside items by place or another \"contains\"");
  if (high == 0) return kNever;
  // The wanted one first, or after any number of others where the number of items is free.
  std::vector<Node> both = rest;
  both.push_back(wanted[0]);
  const ExpressionId found = value(both), other = value(rest), more = rules_.sequence({json_.comma, other});
  const ExpressionId at_first = rules_.sequence({json_.open_array, found,
      rules_.repeat(more, low > 1 ? low - 1 : 0, high == kUnbounded ? kUnbounded : high - 1), json_.close_array});
  if (low > 1 || high != kUnbounded) return at_first;
  const ExpressionId before = rules_.repeat(rules_.sequence({other, json_.comma}), 0, kUnbounded);
  return rules_.sequence({json_.open_array, before, found, rules_.repeat(more, 0, kUnbounded), json_.close_array});
}

}  // namespace hearth::text::grammar
