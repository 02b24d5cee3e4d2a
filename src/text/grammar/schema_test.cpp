// What schemas become: texts that must and must not be in their grammars, refusals by name and place, and the table of the real
// schemas of ../shared (95 of 100 must compile).
//
// Contract: comparison with ajv is in tests/grammar/.
// Not here: masks.
#include "text/grammar/schema.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "text/grammar/test_grammars.h"
#include "text/test_data.h"

namespace hearth::text::grammar {
namespace {

struct Case {
  const char* schema;
  std::vector<const char*> in, out;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {R"({"type":"integer","minimum":-3,"maximum":120})", {"-3", "0", "7", "99", "120"}, {"-4", "121", "1.0", "007", "1e1", "-30", "1200", ""}},
      {R"({"type":"integer","exclusiveMinimum":9,"exclusiveMaximum":101})", {"10", "99", "100"}, {"9", "101", "1000", "-10"}},
      {R"({"minimum":0.25,"maximum":2.5,"exclusiveMaximum":true})", {"0.25", "0.3", "1", "2.49", "2.4999", "2"}, {"0.2", "2.5", "2.50", "0.2499", "3", "-1"}},
      {R"({"type":"number","maximum":-1.5})", {"-1.5", "-2", "-1.51", "-10.0"}, {"-1.4", "-1", "0", "1.5", "-1.49999"}},
      {R"({"type":"integer","multipleOf":7,"maximum":50})", {"0", "7", "49", "-14"}, {"8", "56", "1"}},
      {R"({"type":"number","multipleOf":0.01})", {"1", "1.25", "0.1", "2.50"}, {"0.001", "1.255"}},
      {R"({"type":"string","minLength":2,"maxLength":3})", {R"("ab")", R"("é\u00e9\n")", R"("\ud83d\ude00x")"}, {R"("a")", R"("abcd")", R"("\ud83d")", "ab"}},
      {R"({"pattern":"^(a|b)+c?$"})", {R"("ab")", R"("bc")"}, {R"("c")", R"("abx")", R"("\u0061")"}},
      {R"({"type":"string","pattern":"o.\\d"})", {R"("fooo 7!")", R"("ox1")"}, {R"("o1")", R"("fo x")"}},
      {R"({"pattern":"^(?!foo)(?=.*[0-9]).{4}$"})", {R"("a1cd")", R"("fo0o")"}, {R"("foo1")", R"("abcd")", R"("a1c")"}},
      {R"({"format":"date"})", {R"("2024-02-29")", R"("1999-12-31")"}, {R"("2023-02-29")", R"("2024-13-01")", R"("24-01-01")"}},
      {R"({"format":"ipv6"})", {R"("::1")", R"("2001:db8::8a2e:370:7334")"}, {R"("1::2::3")", R"("12345::")", R"(":1")"}},
      {R"({"enum":["a\"b",1,null,[true]]})", {R"("a\"b")", "1", "null", "[true]"}, {"2", "\"a\"", "[]"}},
      {R"({"enum":["ab","abc","b"],"minLength":2,"not":{"const":"abc"}})", {R"("ab")"}, {R"("abc")", R"("b")"}},
      {R"({"properties":{"a":{"type":"null"},"b":{"type":"boolean"}},"required":["b"]})",
       {R"({"b":true})", R"({"a":null,"b":false})", "{ \"a\": null,\n  \"b\": true\n}"}, {"{}", R"({"a":null})", R"({"b":true,"a":null})", R"({"b":true,"c":1})"}},
      {R"({"type":"object","properties":{"a":{"const":1}},"additionalProperties":{"type":"string"}})",
       {R"({"a":1,"x":"y"})", R"({"x":"y","z":""})", "{}"}, {R"({"a":2})", R"({"x":1})", R"({"\u0061":"y"})", R"({"x":"y","a":1})"}},
      {R"({"patternProperties":{"^n":{"type":"integer"},"s$":{"minimum":5}},"additionalProperties":false})",
       {R"({"n":1})", R"({"ns":7})", R"({"xs":5.5})"}, {R"({"ns":3})", R"({"ns":5.5})", R"({"x":1})"}},
      {R"({"type":"object","propertyNames":{"maxLength":2},"maxProperties":2,"minProperties":1})", {R"({"ab":[1]})", R"({"a":1,"b":2})"}, {"{}", R"({"abc":1})", R"({"a":1,"b":2,"c":3})"}},
      {R"({"properties":{"a":{},"b":{},"c":{}},"minProperties":2,"maxProperties":2})", {R"({"a":1,"c":[]})", R"({"b":{},"c":""})"}, {R"({"a":1})", "{}", R"({"a":1,"b":2,"c":3})"}},
      {R"({"items":{"type":"integer"},"minItems":1,"maxItems":3})", {"[1]", "[1, 2,3]"}, {"[]", "[1,2,3,4]", "[1,]", "[\"a\"]"}},
      {R"({"prefixItems":[{"const":1},{"const":2}],"items":{"const":3},"minItems":1})", {"[1]", "[1,2]", "[1,2,3,3]"}, {"[]", "[2]", "[1,3]", "[1,2,4]"}},
      {R"({"items":[{"const":1}],"additionalItems":false})", {"[]", "[1]"}, {"[1,1]"}},
      {R"({"type":"array","contains":{"const":0},"items":{"type":"integer"}})", {"[0]", "[1,0,2]"}, {"[]", "[1]", "[0,\"a\"]"}},
      {R"({"items":{"enum":["a","b","c"]},"uniqueItems":true,"minItems":2})", {R"(["a","c"])", R"(["c","a","b"])"}, {R"(["a","a"])", R"(["b"])"}},
      {R"({"oneOf":[{"required":["a"]},{"required":["b"]}],"properties":{"a":{"const":1},"b":{"const":2}}})", {R"({"a":1})", R"({"b":2})"}, {"{}", R"({"a":1,"b":2})"}},
      {R"({"oneOf":[{"type":"number","multipleOf":1},{"type":"number","minimum":10}]})", {"3"}, {"12", "2.5"}},
      {R"({"anyOf":[{"type":"string","maxLength":1},{"type":"integer"}],"not":{"const":"x"}})", {"\"y\"", "5"}, {"\"x\"", "\"ab\"", "true"}},
      {R"({"allOf":[{"$ref":"#/$defs/a"},{"properties":{"y":{"const":2}},"required":["y"]}],"$defs":{"a":{"properties":{"x":{"const":1}},"required":["x"]}}})",
       {R"({"x":1,"y":2})"}, {R"({"x":1})", R"({"y":2})", R"({"y":2,"x":1})"}},
      {R"({"$ref":"#/definitions/t","definitions":{"t":{"type":"object","properties":{"next":{"$ref":"#/definitions/t"}},"additionalProperties":false}}})",
       {"{}", R"({"next":{"next":{}}})"}, {R"({"next":1})", R"({"next":{"next":{}})"}},
      {R"({"properties":{"a":{"const":1},"b":{"const":2}},"dependencies":{"a":["b"]}})", {"{}", R"({"b":2})", R"({"a":1,"b":2})"}, {R"({"a":1})"}},
      {R"({"properties":{"k":{"enum":["x","y"]},"v":{"type":"integer"}},"required":["k"],"if":{"properties":{"k":{"const":"x"}}},"then":{"required":["v"]}})",
       {R"({"k":"y"})", R"({"k":"x","v":1})", R"({"k":"y","v":1})"}, {R"({"k":"x"})", "{}"}},
      {R"({"$id":"http://x.org/s","properties":{"a":{"$ref":"#here"},"b":{"$ref":"http://x.org/other#/definitions/c"}},"definitions":{"h":{"$anchor":"here","const":1},"o":{"$id":"other","definitions":{"c":{"const":2}}}}})",
       {R"({"a":1,"b":2})"}, {R"({"a":2})", R"({"b":1})"}},
      {R"({"type":["string","null"],"nullable":true})", {"null", "\"\""}, {"1"}},
      {"true", {"1", "{\"a\":[{}]}", "\"x\""}, {"", "{", "nul"}},
  };
  return list;
}

TEST(SchemaTest, GrammarsHaveTheTextsTheyShould) {
  const auto vocabulary = byte_vocabulary();
  for (const Case& item : cases()) {
    auto rules = compile_schema(item.schema);
    ASSERT_TRUE(rules.ok()) << item.schema << ": " << rules.error().message;
    const auto grammar = Grammar::create(std::move(rules).value(), vocabulary);
    for (const char* text : item.in) EXPECT_TRUE(has_text(grammar, text)) << item.schema << " lacks " << text;
    for (const char* text : item.out) EXPECT_FALSE(has_text(grammar, text)) << item.schema << " has " << text;
  }
}

TEST(SchemaTest, JsonObjectIsBoundedInSpaceAndDepth) {
  const auto grammar = Grammar::create(compile_json_object().value(), byte_vocabulary());
  for (const char* text : {"{}", "{ }", R"({"a": [1, {"b": null}], "c": -1.5e3})", "{\n    \"a\": \"\\u00e9\"\n}"}) EXPECT_TRUE(has_text(grammar, text)) << text;
  for (const char* text : {"", "[]", "1", "{\"a\"}", "{\"a\":1,}", "{   }", "{\n\n\n}", "{\"a\":01}", "{\"a\":\"\n\"}"}) EXPECT_FALSE(has_text(grammar, text)) << text;
  std::string deep = "1";
  for (int i = 0; i < 24; ++i) deep = "[" + deep + "]";
  EXPECT_FALSE(has_text(grammar, "{\"a\":" + deep + "}"));
  SchemaOptions compact;
  compact.compact = true;
  const auto tight = Grammar::create(compile_json_object(compact).value(), byte_vocabulary());
  EXPECT_TRUE(has_text(tight, R"({"a":[1,2]})"));
  EXPECT_FALSE(has_text(tight, R"({"a": 1})"));
}

TEST(SchemaTest, RefusalsNameKeywordAndPlace) {
  const std::pair<const char*, const char*> refused[] = {
      {R"({"properties":{"a/b":{"type":"array","uniqueItems":true,"items":{"type":"string"}}}})", "'uniqueItems' at #/properties/a~1b"},
      {R"({"items":{"pattern":"(a)\\1"}})", "'pattern' at #/items"},
      {R"({"items":{"pattern":"(a"}})", "a group without ')'"},
      {R"({"$ref":"http://example.org/other.json"})", "'$ref' at #"},
      {R"({"$ref":"#/nowhere"})", "nothing is at '#/nowhere'"},
      {R"({"$schema":"http://json-schema.org/draft-03/schema#"})", "$schema"},
      {R"({"type":"strin"})", "there is no type 'strin'"},
      {R"({"minLength":-1})", "'minLength' at #"},
      {R"({"properties":{"a":{"format":"regex"}}})", "'format' at #/properties/a"},
      {R"({"contains":{"const":1},"maxContains":2})", "'maxContains'"},
      {R"({"type":"string","minLength":3,"maxLength":2})", "no text can satisfy"},
      {R"({"anyOf":[{"$ref":"#"},{"type":"null"}]})", "left recursion"},
      {R"({"type":"object","minProperties":3})", "'minProperties' at #"},
      {R"({"a":})", "line 1, column 6"},
      {"[1]", "a schema must be an object or a boolean"},
  };
  for (const auto& [schema, message] : refused) {
    const auto rules = compile_schema(schema);
    ASSERT_FALSE(rules.ok()) << schema;
    EXPECT_NE(rules.error().message.find(message), std::string::npos) << schema << "\n" << rules.error().message;
  }
}

// The files of an uncompressed tar archive.
std::map<std::string, std::string> files_of_tar(const std::string& tar) {
  std::map<std::string, std::string> files;
  for (size_t at = 0; at + 512 <= tar.size() && tar[at] != '\0';) {
    const size_t size = std::strtoul(tar.substr(at + 124, 11).c_str(), nullptr, 8);
    const std::string name = tar.c_str() + at;
    if (tar[at + 156] == '0' && name.ends_with(".json")) files[name] = tar.substr(at + 512, size);
    at += 512 + (size + 511) / 512 * 512;
  }
  return files;
}

TEST(SchemaTest, RealSchemasCompile) {
  const std::string folder = shared_dir() + "/data/jsonschema";
  if (!std::filesystem::is_directory(folder)) {
    std::printf("not run: there is no %s\n", folder.c_str());
    return;
  }
  size_t compiled = 0, all = 0;
  std::map<std::string, size_t> refusals;
  for (const auto& archive : std::filesystem::directory_iterator(folder)) {
    for (const auto& [name, schema] : files_of_tar(read_gzip_file(archive.path()))) {
      ++all;
      const auto rules = compile_schema(schema);
      if (rules.ok()) {
        ++compiled;
        continue;
      }
      const std::string& message = rules.error().message;
      const size_t quote = message.find('\'');
      ++refusals[message.starts_with("schema keyword") ? message.substr(quote, message.find('\'', quote + 1) - quote + 1) : message];
    }
  }
  std::printf("%zu of %zu schemas compile; refused:\n", compiled, all);
  for (const auto& [reason, count] : refusals) std::printf("%6zu  %s\n", count, reason.c_str());
  EXPECT_EQ(all, 4622u);
  EXPECT_GE(compiled * 100, all * 95);
}

TEST(SchemaTest, HostileSchemasEndInAnError) {
  std::string deep, optional = R"({"properties":{)";
  for (int i = 0; i < 100'000; ++i) deep += R"({"not":)";
  EXPECT_FALSE(compile_schema(deep).ok());
  for (int i = 0; i < 2000; ++i) optional += (i > 0 ? ",\"p" : "\"p") + std::to_string(i) + R"(":{"type":"string"})";
  EXPECT_TRUE(compile_schema(optional + "}}").ok());
  std::string multiplied = R"({"allOf":[)";
  for (int i = 0; i < 40; ++i) {
    const std::string name = "\"p" + std::to_string(i) + "\"";
    multiplied += (i > 0 ? std::string(",") : std::string()) + R"({"anyOf":[{"required":[)" + name + R"(]},{"properties":{)" + name + R"(:{"type":"null"}}}]})";
  }
  EXPECT_FALSE(compile_schema(multiplied + "]}").ok());
  (void)compile_schema(R"({"type":"string","pattern":"^(?=.*a.{900}b)(?=.*c.{900}d)(?=.*e.{900}f).*$","maxLength":1000})").ok();
}

}  // namespace
}  // namespace hearth::text::grammar
