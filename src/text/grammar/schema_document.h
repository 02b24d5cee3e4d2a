// A schema's text as a tree that references can be followed in, and the schemas that the compiler itself makes up from it.
//
// Contract: nodes keep their address. Errors name the JSON pointer of the node they are about.
// Not here: what keywords mean (schema_compiler.h).
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "hearth/error.h"
#include "text/grammar/json_value.h"

namespace hearth::text::grammar {

// Keywords of schemas that the compiler makes up; no text can contain them.
inline constexpr const char* kLinkKeyword = "\x01link";               // number: the schema meant is link(number)
inline constexpr const char* kNotValuesKeyword = "\x01notValues";     // array: none of these
inline constexpr const char* kNotPatternKeyword = "\x01notPattern";   // string: the pattern does not match

class SchemaDocument {
 public:
  explicit SchemaDocument(JsonValue root);
  const JsonValue* root() const { return &root_; }

  Error invalid(const JsonValue* node, std::string_view keyword, const std::string& what) const;
  Error unsupported(const JsonValue* node, std::string_view keyword, const std::string& what) const;
  Result<const JsonValue*> resolve(const JsonValue* node, std::string_view keyword, std::string_view reference) const;

  // A made-up schema that stands for `origin` in errors.
  const JsonValue* add(JsonValue schema, const JsonValue* origin);
  JsonValue link_to(const JsonValue* schema);
  const JsonValue* linked(const JsonValue& number) const { return links_[std::stoul(number.text)]; }

 private:
  struct Resource {
    std::string uri;
    const JsonValue* node;
  };
  void index();
  std::string pointer_to(const JsonValue* node) const;
  const JsonValue* follow(const JsonValue* from, std::string_view pointer) const;

  JsonValue root_;
  std::vector<Resource> resources_;
  std::unordered_map<const JsonValue*, size_t> resource_of_;
  std::unordered_map<std::string, const JsonValue*> anchors_;  // "uri#name"
  std::deque<JsonValue> made_up_;
  std::unordered_map<const JsonValue*, const JsonValue*> origins_;
  std::vector<const JsonValue*> links_;
};

}  // namespace hearth::text::grammar
