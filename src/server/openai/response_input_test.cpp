// Input of /v1/responses becomes messages; what cannot be read is refused by name.
#include "server/openai/response_input.h"

#include <gtest/gtest.h>

namespace hearth::server::openai {
namespace {

Json messages(const char* body, Json before = Json::array()) {
  Checked<ResponseInput> input = read_response_input(Json::parse(body), std::move(before));
  EXPECT_TRUE(input.ok()) << input.error().message;
  return input.ok() ? input->messages : Json();
}

TEST(ResponseInput, TextIsAMessageOfTheUser) {
  EXPECT_EQ(messages(R"({"input":"Hi"})"), Json::parse(R"([{"role":"user","content":"Hi"}])"));
  EXPECT_EQ(messages(R"({"input":"Why?"})", Json::parse(R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"Ho"}])")),
            Json::parse(R"([{"role":"user","content":"Hi"},{"role":"assistant","content":"Ho"},{"role":"user","content":"Why?"}])"));
}

TEST(ResponseInput, ItemsBecomeMessages) {
  EXPECT_EQ(messages(R"({"input":[
      {"type":"message","role":"developer","content":[{"type":"input_text","text":"Be brief."}]},
      {"role":"user","content":"Weather?"},
      {"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"Ask."}]},
      {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Let me see.","annotations":[]}]},
      {"type":"function_call","call_id":"c1","name":"weather","arguments":"{\"city\":\"Bonn\"}"},
      {"type":"function_call","call_id":"c2","name":"time","arguments":"now"},
      {"type":"function_call_output","call_id":"c1","output":"rain"},
      {"type":"function_call_output","call_id":"c2","output":[{"type":"input_text","text":"noon"}]}]})"),
            Json::parse(R"([
      {"role":"system","content":"Be brief."},
      {"role":"user","content":"Weather?"},
      {"role":"assistant","content":"Let me see.","reasoning_content":"Ask.","thinking":"Ask.","tool_calls":[
        {"id":"c1","type":"function","function":{"name":"weather","arguments":{"city":"Bonn"}}},
        {"id":"c2","type":"function","function":{"name":"time","arguments":"now"}}]},
      {"role":"tool","tool_call_id":"c1","content":"rain","name":"weather"},
      {"role":"tool","tool_call_id":"c2","content":"noon","name":"time"}])"));
}

TEST(ResponseInput, EveryItemIsRememberedWithAnId) {
  Checked<ResponseInput> input = read_response_input(Json::parse(R"({"input":"Hi"})"), Json::array());
  ASSERT_TRUE(input.ok());
  ASSERT_EQ(input->items.size(), 1u);
  EXPECT_EQ(input->items[0]["type"], "message");
  EXPECT_TRUE(input->items[0]["id"].get<std::string>().starts_with("msg_"));
  EXPECT_EQ(input->items[0]["content"], Json::parse(R"([{"type":"input_text","text":"Hi"}])"));
}

TEST(ResponseInput, WhatCannotBeReadIsRefusedByName) {
  for (const char* body : {R"({})", R"({"input":5})", R"({"input":[]})", R"({"input":["Hi"]})", R"({"input":[{"role":"tool","content":"x"}]})",
                           R"({"input":[{"role":"user"}]})", R"({"input":[{"type":"item_reference","id":"msg_1"}]})",
                           R"({"input":[{"role":"user","content":[{"type":"input_image","image_url":"data:,"}]}]})",
                           R"({"input":[{"type":"function_call","name":"f","arguments":"{}"}]})",
                           R"({"input":[{"type":"function_call_output","call_id":"c"}]})"}) {
    const Checked<ResponseInput> input = read_response_input(Json::parse(body), Json::array());
    ASSERT_FALSE(input.ok()) << body;
    EXPECT_NE(input.error().message.find("'input"), std::string::npos) << input.error().message;
  }
}

}  // namespace
}  // namespace hearth::server::openai
