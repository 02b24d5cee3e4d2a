// Calls and results of earlier turns have one form, whatever dialect they come in.
#include "server/tools/past_calls.h"

#include <gtest/gtest.h>

#include "server/messages.h"

namespace hearth::server {
namespace {

Json read(const char* messages) {
  Checked<Json> list = read_messages(Json{{"messages", Json::parse(messages)}});
  EXPECT_TRUE(list.ok()) << list.error().message;
  return list.ok() ? *list : Json();
}

const Json& expected() {
  static const Json messages = Json::parse(R"([
      {"role":"user","content":"Weather?"},
      {"role":"assistant","content":"","tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":{"city":"Bonn"}}}]},
      {"role":"tool","content":"rain","tool_call_id":"c1","name":"weather"}])");
  return messages;
}

TEST(PastCalls, OpenAiHasArgumentsAsText) {
  EXPECT_EQ(read(R"([{"role":"user","content":"Weather?"},
      {"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"weather","arguments":"{\"city\":\"Bonn\"}"}}]},
      {"role":"tool","tool_call_id":"c1","content":[{"type":"text","text":"rain"}]}])"),
            expected());
}

TEST(PastCalls, OllamaHasArgumentsAsObjects) {
  Json messages = read(R"([{"role":"user","content":"Weather?"},
      {"role":"assistant","content":"","tool_calls":[{"function":{"index":0,"name":"weather","arguments":{"city":"Bonn"}}}]},
      {"role":"tool","tool_name":"weather","content":"rain"}])");
  EXPECT_EQ(messages[1]["tool_calls"][0]["function"], expected()[1]["tool_calls"][0]["function"]);
  EXPECT_EQ(messages[2], Json::parse(R"({"role":"tool","content":"rain","name":"weather"})"));
}

TEST(PastCalls, OlderFunctionCalls) {
  const Json messages = read(R"([{"role":"assistant","content":null,"function_call":{"name":"weather","arguments":"{\"city\":\"Bonn\"}"}},
      {"role":"function","name":"weather","content":"rain"}])");
  EXPECT_EQ(messages[0]["tool_calls"][0]["function"], expected()[1]["tool_calls"][0]["function"]);
  EXPECT_FALSE(messages[0].contains("function_call"));
  EXPECT_EQ(messages[1], Json::parse(R"({"role":"tool","content":"rain","name":"weather"})"));
}

TEST(PastCalls, ArgumentsThatAreNoObjectStayText) {
  const Json messages = read(R"([{"role":"assistant","tool_calls":[{"id":"c","function":{"name":"f","arguments":"now"}},
      {"id":"d","function":{"name":"f","arguments":""}},{"id":"e","type":"custom","custom":{"name":"sh","input":"ls"}}]}])");
  EXPECT_EQ(messages[0]["tool_calls"][0]["function"]["arguments"], "now");
  EXPECT_EQ(messages[0]["tool_calls"][1]["function"]["arguments"], Json::object());
  EXPECT_EQ(messages[0]["tool_calls"][2]["function"], Json::parse(R"({"name":"sh","arguments":{"input":"ls"}})"));
}

TEST(PastCalls, ReasoningOfAnyName) {
  for (const char* name : {"reasoning_content", "reasoning", "thinking"}) {
    const Json messages = read((std::string(R"([{"role":"assistant","content":"Hi","tool_calls":[],")") + name + R"(":"Hm."}])").c_str());
    EXPECT_EQ(messages[0], Json::parse(R"({"role":"assistant","content":"Hi","reasoning_content":"Hm.","thinking":"Hm."})")) << name;
  }
}

TEST(PastCalls, WrongShapesNameTheField) {
  const std::pair<const char*, const char*> wrong[] = {
      {R"([{"role":"assistant","tool_calls":5}])", "messages[0].tool_calls"},
      {R"([{"role":"assistant","tool_calls":["f"]}])", "messages[0].tool_calls[0]"},
      {R"([{"role":"assistant","tool_calls":[{"id":5,"function":{"name":"f"}}]}])", "messages[0].tool_calls[0].id"},
      {R"([{"role":"assistant","tool_calls":[{"id":"c"}]}])", "messages[0].tool_calls[0].function"},
      {R"([{"role":"assistant","tool_calls":[{"function":{"name":5}}]}])", "messages[0].tool_calls[0].function.name"},
      {R"([{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":[1]}}]}])", "messages[0].tool_calls[0].function.arguments"},
      {R"([{"role":"assistant","function_call":"f"}])", "messages[0].function_call"}};
  for (const auto& [messages, field] : wrong) {
    const Checked<Json> list = read_messages(Json{{"messages", Json::parse(messages)}});
    ASSERT_FALSE(list.ok()) << messages;
    EXPECT_EQ(list.error().param, field) << messages;
  }
}

}  // namespace
}  // namespace hearth::server
