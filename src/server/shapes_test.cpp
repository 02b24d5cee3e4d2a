// Every spelling by which clients ask for an answer of a given form, and what is refused.
#include "server/shapes.h"

#include <gtest/gtest.h>

namespace hearth::server {
namespace {

using Kind = AnswerShape::Kind;

RequestedShape shape_of(const char* body, Dialect dialect = Dialect::kOpenAi) {
  Checked<RequestedShape> shape = read_shape(*parse_json(body), dialect);
  EXPECT_TRUE(shape.ok()) << body << ": " << (shape.ok() ? "" : shape.error().message);
  return shape.ok() ? *shape : RequestedShape{};
}

TEST(Shapes, NoFormIsNoForm) {
  for (const char* body : {R"({})", R"({"response_format":{"type":"text"}})", R"({"grammar":""})", R"({"json_schema":{}})",
                           R"({"json_schema":null})", R"({"guided_choice":[]})", R"({"text":{"format":{"type":"text"}}})",
                           R"({"text":{"verbosity":"low"}})", R"({"format":"json"})"}) {
    EXPECT_EQ(shape_of(body).shape.kind, Kind::kFree) << body;
  }
  for (const char* body : {R"({})", R"({"format":""})", R"({"format":null})", R"({"format":{}})"}) {
    EXPECT_EQ(shape_of(body, Dialect::kOllama).shape.kind, Kind::kFree) << body;
  }
}

TEST(Shapes, EverySpellingOfASchema) {
  const std::string schema = R"({"type":"object","required":["b","a"]})";
  const auto expect = [&](const std::string& body, const char* field, Dialect dialect = Dialect::kOpenAi) {
    const RequestedShape shape = shape_of(body.c_str(), dialect);
    EXPECT_EQ(shape.shape.kind, Kind::kSchema) << body;
    EXPECT_EQ(shape.shape.source, schema) << "members in the order of the request";
    EXPECT_EQ(shape.field, field);
  };
  expect(R"({"response_format":{"type":"json_schema","json_schema":{"name":"x","strict":true,"schema":)" + schema + "}}}",
         "response_format.json_schema.schema");
  expect(R"({"response_format":{"type":"json_object","schema":)" + schema + "}}", "response_format.schema");
  expect(R"({"text":{"format":{"type":"json_schema","name":"x","schema":)" + schema + "}}}", "text.format.schema");
  expect(R"({"json_schema":)" + schema + "}", "json_schema", Dialect::kNative);
  expect(R"({"guided_json":)" + schema + "}", "guided_json");
  expect(R"({"structured_outputs":{"json":)" + schema + "}}", "structured_outputs.json");
  expect(R"({"format":)" + schema + "}", "format", Dialect::kOllama);
  expect(R"({"output_config":{"format":{"type":"json_schema","schema":)" + schema + "}}}", "output_config.format.schema",
         Dialect::kAnthropic);
  expect(R"({"output_format":{"type":"json_schema","schema":)" + schema + "}}", "output_format.schema", Dialect::kAnthropic);
}

TEST(Shapes, OtherForms) {
  EXPECT_EQ(shape_of(R"({"response_format":{"type":"json_object"}})").shape.kind, Kind::kJsonObject);
  EXPECT_EQ(shape_of(R"({"format":"json"})", Dialect::kOllama).shape.kind, Kind::kJsonObject);
  EXPECT_EQ(shape_of(R"({"grammar":"root ::= \"a\""})", Dialect::kNative).shape.kind, Kind::kGbnf);
  EXPECT_EQ(shape_of(R"({"guided_regex":"[ab]+"})").shape.kind, Kind::kPattern);
  EXPECT_EQ(shape_of(R"({"structured_outputs":{"choice":["a","b"]}})").shape.choices, (std::vector<std::string>{"a", "b"}));
}

TEST(Shapes, WhatIsNotUnderstoodIsRefused) {
  const auto refused = [](const char* body, const char* field, Dialect dialect = Dialect::kOpenAi) {
    const Checked<RequestedShape> shape = read_shape(*parse_json(body), dialect);
    ASSERT_FALSE(shape.ok()) << body;
    EXPECT_EQ(shape.error().status, 400);
    EXPECT_NE(shape.error().message.find(field), std::string::npos) << shape.error().message;
  };
  refused(R"({"response_format":5})", "response_format");
  refused(R"({"response_format":{}})", "response_format.type");
  refused(R"({"response_format":{"type":"yaml"}})", "yaml");
  refused(R"({"response_format":{"type":"json_schema"}})", "response_format.schema");
  refused(R"({"response_format":{"type":"json_schema","json_schema":{"name":"x"}}})", "response_format.json_schema.schema");
  refused(R"({"response_format":{"type":"json_schema","json_schema":{"schema":[]}}})", "response_format.json_schema.schema");
  refused(R"({"grammar":5})", "grammar");
  refused(R"({"guided_choice":[1]})", "guided_choice");
  refused(R"({"guided_choice":"a"})", "guided_choice");
  refused(R"({"grammar":"root ::= \"a\"","guided_regex":"a"})", "only one can");
  refused(R"({"format":"yaml"})", "format", Dialect::kOllama);
  refused(R"({"format":5})", "format", Dialect::kOllama);
  refused(R"({"output_config":5})", "output_config", Dialect::kAnthropic);
}

}  // namespace
}  // namespace hearth::server
