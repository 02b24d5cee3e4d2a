// Tools and choices of every dialect come down to the same, and what is wrong is refused by the field's name.
#include "server/tools/tool_request.h"

#include <gtest/gtest.h>

namespace hearth::server {
namespace {

using text::tools::ToolChoice;

constexpr const char* kWeather = R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})";

ToolWishes read(const std::string& body, Dialect dialect = Dialect::kOpenAi) {
  Checked<ToolWishes> wishes = read_tools(Json::parse(body), dialect);
  EXPECT_TRUE(wishes.ok()) << wishes.error().message;
  return wishes.ok() ? *wishes : ToolWishes{};
}

std::string refused(const std::string& body, Dialect dialect = Dialect::kOpenAi) {
  const Checked<ToolWishes> wishes = read_tools(Json::parse(body), dialect);
  EXPECT_FALSE(wishes.ok()) << body;
  return wishes.ok() ? "" : wishes.error().param;
}

std::string with_tools(const std::string& more) {
  const auto tool = [](const char* name) { return std::string(R"({"type":"function","function":{"name":")") + name + "\"}}"; };
  return R"({"tools":[)" + tool("weather") + "," + tool("time") + "," + tool("news") + "]," + more + "}";
}

TEST(ToolRequest, EveryDialectDeclaresTheSame) {
  const std::string members = std::string(R"("name":"weather","description":"Tells the weather.",)");
  const std::string schema = std::string(kWeather);
  const std::pair<std::string, Dialect> bodies[] = {
      {R"({"tools":[{"type":"function","function":{)" + members + R"("parameters":)" + schema + R"(,"strict":true}}]})", Dialect::kOpenAi},
      {R"({"tools":[{"type":"function",)" + members + R"("parameters":)" + schema + R"(,"strict":true}]})", Dialect::kOpenAi},
      {R"({"functions":[{)" + members + R"("parameters":)" + schema + "}]}", Dialect::kOpenAi},
      {R"({"tools":[{)" + members + R"("input_schema":)" + schema + R"(,"cache_control":{"type":"ephemeral"}}]})", Dialect::kAnthropic},
      {R"({"tools":[{"type":"custom",)" + members + R"("input_schema":)" + schema + "}]}", Dialect::kAnthropic},
      {R"({"tools":[{"type":"function","function":{)" + members + R"("parameters":)" + schema + "}}]}", Dialect::kOllama}};
  for (const auto& [body, dialect] : bodies) {
    const ToolWishes wishes = read(body, dialect);
    ASSERT_EQ(wishes.request.tools.size(), 1u) << body;
    EXPECT_EQ(wishes.request.tools[0].name, "weather");
    EXPECT_EQ(wishes.request.tools[0].description, "Tells the weather.");
    EXPECT_EQ(wishes.request.tools[0].parameters, kWeather);
    EXPECT_EQ(wishes.request.choice, ToolChoice::kAuto);
    EXPECT_TRUE(wishes.request.active());
  }
}

TEST(ToolRequest, NothingIsNothing) {
  for (const char* body : {"{}", R"({"tools":[]})", R"({"tools":null,"tool_choice":null})", R"({"tool_choice":"none"})", R"({"tools":[],"tool_choice":"auto"})"}) {
    EXPECT_FALSE(read(body).request.active()) << body;
  }
}

TEST(ToolRequest, Choices) {
  const auto choice = [](const std::string& value) { return read(with_tools(R"("tool_choice":)" + value)).request; };
  EXPECT_EQ(choice("\"auto\"").choice, ToolChoice::kAuto);
  EXPECT_EQ(choice("\"none\"").choice, ToolChoice::kNone);
  EXPECT_EQ(choice("\"required\"").choice, ToolChoice::kRequired);
  EXPECT_EQ(choice("\"any\"").choice, ToolChoice::kRequired);
  EXPECT_EQ(choice(R"({"type":"any"})").choice, ToolChoice::kRequired);
  EXPECT_EQ(choice(R"({"type":"none"})").choice, ToolChoice::kNone);
  for (const char* named : {R"({"type":"function","function":{"name":"time"}})", R"({"type":"function","name":"time"})",
                            R"({"type":"tool","name":"time"})"}) {
    EXPECT_EQ(choice(named).choice, ToolChoice::kNamed) << named;
    EXPECT_EQ(choice(named).name, "time") << named;
    EXPECT_EQ(choice(named).tools.size(), 3u);
  }
  EXPECT_EQ(read(R"({"functions":[{"name":"a"},{"name":"b"}],"function_call":{"name":"b"}})").request.name, "b");
  EXPECT_EQ(read(R"({"functions":[{"name":"a"}],"function_call":"none"})").request.choice, ToolChoice::kNone);
}

TEST(ToolRequest, AllowedToolsAreTheOnlyOnes) {
  for (const char* allowed :
       {R"({"type":"allowed_tools","mode":"required","tools":[{"type":"function","name":"time"},{"type":"function","name":"news"}]})",
        R"({"type":"allowed_tools","allowed_tools":{"mode":"required","tools":[{"type":"function","function":{"name":"time"}},
            {"type":"function","function":{"name":"news"}}]}})"}) {
    const ToolWishes wishes = read(with_tools(std::string(R"("tool_choice":)") + allowed));
    EXPECT_EQ(wishes.request.choice, ToolChoice::kRequired);
    ASSERT_EQ(wishes.request.tools.size(), 2u);
    EXPECT_EQ(wishes.request.tools[0].name, "time");
    EXPECT_EQ(wishes.request.tools[1].name, "news");
  }
}

TEST(ToolRequest, OneCallAtATime) {
  EXPECT_TRUE(read(with_tools(R"("stream":true)")).request.parallel);
  EXPECT_FALSE(read(with_tools(R"("parallel_tool_calls":false)")).request.parallel);
  EXPECT_FALSE(read(with_tools(R"("tool_choice":{"type":"auto","disable_parallel_tool_use":true})"), Dialect::kAnthropic).request.parallel);
  const ToolWishes functions = read(R"({"functions":[{"name":"a"}]})");
  EXPECT_TRUE(functions.functions);
  EXPECT_FALSE(functions.request.parallel);
}

TEST(ToolRequest, CustomToolsTakeOneText) {
  for (const char* body : {R"({"tools":[{"type":"custom","name":"shell","description":"Runs."}]})",
                           R"({"tools":[{"type":"custom","custom":{"name":"shell","description":"Runs.","format":{"type":"text"}}}]})"}) {
    const ToolWishes wishes = read(body);
    EXPECT_TRUE(wishes.is_custom("shell"));
    ASSERT_EQ(wishes.request.tools.size(), 1u);
    EXPECT_EQ(Json::parse(wishes.request.tools[0].parameters)["required"], Json::array({kCustomInput}));
  }
  EXPECT_EQ(refused(R"({"tools":[{"type":"custom","name":"p","format":{"type":"grammar","syntax":"lark","definition":"x"}}]})"),
            "tools[0].format");
}

TEST(ToolRequest, WhatOthersRunIsLeftOutAndTold) {
  const ToolWishes wishes = read(R"({"tools":[{"type":"web_search"},{"type":"function","name":"f"},{"type":"web_search_20250305","name":"web_search"},
                                     {"type":"web_search"}]})");
  EXPECT_EQ(wishes.left_out, (std::vector<std::string>{"web_search", "web_search_20250305"}));
  EXPECT_EQ(wishes.request.tools.size(), 1u);
  EXPECT_EQ(refused(R"({"tools":[{"type":"mcp","server_url":"http://x"}]})"), "tools[0]");
  EXPECT_EQ(refused("{\"tools\":[{\"type\":\"web_search_\\r\\nx: y\"}]}"), "tools[0]");
}

TEST(ToolRequest, WrongShapesNameTheField) {
  const std::pair<std::string, std::string> wrong[] = {
      {R"({"tools":5})", "tools"},
      {R"({"tools":["f"]})", "tools[0]"},
      {R"({"tools":[{"type":5}]})", "tools[0].type"},
      {R"({"tools":[{"type":"function"}]})", "tools[0].name"},
      {R"({"tools":[{"type":"function","function":"f"}]})", "tools[0].function"},
      {R"({"tools":[{"type":"function","function":{"name":""}}]})", "tools[0].function.name"},
      {R"({"tools":[{"type":"function","function":{"name":"a b"}}]})", "tools[0].function.name"},
      {R"({"tools":[{"type":"function","function":{"name":"f","description":5}}]})", "tools[0].function.description"},
      {R"({"tools":[{"type":"function","function":{"name":"f","parameters":"x"}}]})", "tools[0].function.parameters"},
      {R"({"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"string"}}}]})", "tools[0].function.parameters"},
      {R"({"tools":[{"name":"f","input_schema":[]}]})", "tools[0].input_schema"},
      {R"({"tools":[{"name":"f"},{"name":"f"}]})", "tools[1].name"},
      {R"({"tools":[{"name":"f"}],"functions":[{"name":"f"}]})", "functions"},
      {R"({"tools":[{"name":"f"}],"parallel_tool_calls":"no"})", "parallel_tool_calls"},
      {R"({"tool_choice":"required"})", "tool_choice"},
      {with_tools(R"("tool_choice":"often")"), "tool_choice"},
      {with_tools(R"("tool_choice":5)"), "tool_choice"},
      {with_tools(R"("tool_choice":{"type":"function"})"), "tool_choice"},
      {with_tools(R"("tool_choice":{"type":"function","name":"absent"})"), "tool_choice"},
      {with_tools(R"("tool_choice":{"type":"allowed_tools","tools":[]})"), "tool_choice.tools"},
      {with_tools(R"("tool_choice":{"type":"allowed_tools","mode":"often","tools":[{"name":"time"}]})"), "tool_choice.mode"},
      {with_tools(R"("tool_choice":{"type":"allowed_tools","tools":[{"name":"absent"}]})"), "tool_choice.tools[0]"}};
  for (const auto& [body, field] : wrong) EXPECT_EQ(refused(body), field) << body;
}

}  // namespace
}  // namespace hearth::server
