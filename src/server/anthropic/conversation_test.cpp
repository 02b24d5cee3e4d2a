// Anthropic's system prompts and blocks become the messages that templates know, and what cannot be read is refused by name.
#include "server/anthropic/conversation.h"

#include <gtest/gtest.h>

namespace hearth::server::anthropic {
namespace {

Conversation read(const char* body) {
  Checked<Conversation> conversation = read_conversation(Json::parse(body));
  EXPECT_TRUE(conversation.ok()) << conversation.error().message;
  return conversation.ok() ? *conversation : Conversation{};
}

std::string refusal(const char* body) {
  const Checked<Conversation> conversation = read_conversation(Json::parse(body));
  EXPECT_FALSE(conversation.ok()) << body;
  return conversation.ok() ? "" : conversation.error().message;
}

TEST(AnthropicConversation, SystemComesFirstAsTextOrBlocks) {
  const Json expected = Json::parse(R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}])");
  EXPECT_EQ(read(R"({"system":"Be brief.","messages":[{"role":"user","content":"Hi"}]})").messages, expected);
  EXPECT_EQ(read(R"({"system":[{"type":"text","text":"Be brief.","cache_control":{"type":"ephemeral"}}],
                     "messages":[{"role":"user","content":[{"type":"text","text":"Hi"}]}]})").messages,
            expected);
}

TEST(AnthropicConversation, ABillingHeaderIsNoPartOfThePrompt) {
  const Json expected = Json::parse(R"([{"role":"system","content":"Be brief."},{"role":"user","content":"Hi"}])");
  EXPECT_EQ(read(R"({"system":[{"type":"text","text":"x-anthropic-billing-header: cc_version=2.1; cch=1f2e;"},
                               {"type":"text","text":"Be brief."}],"messages":[{"role":"user","content":"Hi"}]})").messages,
            expected);
  EXPECT_EQ(read(R"({"system":"x-anthropic-billing-header: cch=1f2e;\nBe brief.","messages":[{"role":"user","content":"Hi"}]})").messages,
            expected);
  EXPECT_EQ(read(R"({"system":"x-anthropic-billing-header: cch=1f2e;","messages":[{"role":"user","content":"Hi"}]})").messages.size(), 1u);
}

TEST(AnthropicConversation, ToolsOfThePastBecomeCallsAndResults) {
  const Conversation conversation = read(R"({"messages":[
      {"role":"user","content":"Weather?"},
      {"role":"assistant","content":[{"type":"thinking","thinking":"Ask.","signature":"x"},{"type":"text","text":"Let me see."},
         {"type":"tool_use","id":"toolu_1","name":"weather","input":{"city":"Bonn"}}]},
      {"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_1","content":[{"type":"text","text":"rain"}]},
         {"type":"tool_result","tool_use_id":"toolu_2","content":"no such city","is_error":true},
         {"type":"text","text":"And?"}]}]})");
  EXPECT_EQ(conversation.messages, Json::parse(R"([
      {"role":"user","content":"Weather?"},
      {"role":"assistant","content":"Let me see.","reasoning_content":"Ask.","thinking":"Ask.","tool_calls":[
         {"id":"toolu_1","type":"function","function":{"name":"weather","arguments":{"city":"Bonn"}}}]},
      {"role":"tool","tool_call_id":"toolu_1","content":"rain","name":"weather"},
      {"role":"tool","tool_call_id":"toolu_2","content":"Error: no such city"},
      {"role":"user","content":"And?"}])"));
  EXPECT_EQ(conversation.answer_begins_with, "");
}

TEST(AnthropicConversation, ALastMessageOfTheAssistantBeginsTheAnswer) {
  const Conversation conversation =
      read(R"({"messages":[{"role":"user","content":"Sun in Greek?"},{"role":"assistant","content":"The answer is ("}]})");
  EXPECT_EQ(conversation.answer_begins_with, "The answer is (");
  EXPECT_EQ(conversation.messages, Json::parse(R"([{"role":"user","content":"Sun in Greek?"}])"));
}

TEST(AnthropicConversation, PlainTextDocumentsAreRead) {
  const Conversation conversation = read(R"({"messages":[{"role":"user","content":[
      {"type":"document","title":"Notes","source":{"type":"text","media_type":"text/plain","data":"Rain."}},
      {"type":"text","text":"Summary?"}]}]})");
  EXPECT_EQ(conversation.messages[0]["content"], "Notes\nRain.\nSummary?");
}

TEST(AnthropicConversation, WhatATextModelCannotReadIsRefusedByName) {
  EXPECT_NE(refusal(R"({"messages":[{"role":"user","content":[{"type":"text","text":"Hi"},{"type":"image","source":{"type":"url",
      "url":"http://x"}}]}]})").find("messages[0].content[1]"), std::string::npos);
  EXPECT_NE(refusal(R"({"messages":[{"role":"user","content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"image"}]}]}]})")
                .find("messages[0].content[0].content[0]"), std::string::npos);
  refusal(R"({"messages":[{"role":"user","content":[{"type":"document","source":{"type":"base64","data":"aGk="}}]}]})");
  refusal(R"({"messages":[{"role":"assistant","content":[{"type":"server_tool_use","id":"s","name":"web_search","input":{}}]}]})");
}

TEST(AnthropicConversation, WrongShapesNameTheField) {
  for (const char* body : {R"({})", R"({"messages":{}})", R"({"messages":[]})", R"({"messages":["Hi"]})",
                           R"({"messages":[{"role":"tool","content":"x"}]})", R"({"messages":[{"role":"user"}]})",
                           R"({"messages":[{"role":"user","content":5}]})", R"({"messages":[{"role":"user","content":[5]}]})",
                           R"({"messages":[{"role":"user","content":[{"type":"text"}]}]})",
                           R"({"messages":[{"role":"user","content":[]}]})",
                           R"({"messages":[{"role":"user","content":[{"type":"tool_result","content":"x"}]}]})"}) {
    EXPECT_NE(refusal(body).find("'messages"), std::string::npos) << body;
  }
  EXPECT_NE(refusal(R"({"system":5,"messages":[{"role":"user","content":"x"}]})").find("'system'"), std::string::npos);
}

TEST(AnthropicRequest, WhatClaudeCodeSendsIsAccepted) {
  EXPECT_TRUE(check_request(Json::parse(R"({"output_config":{"effort":"high"},
      "context_management":{"edits":[{"type":"clear_thinking_20251015","keep":"all"}]},"metadata":{"user_id":"u"}})")).ok());
  EXPECT_TRUE(check_request(Json::parse(R"({"mcp_servers":[]})")).ok());
}

TEST(AnthropicRequest, WhatWouldChangeTheAnswerIsRefused) {
  for (const char* body : {R"({"mcp_servers":[{"type":"url","url":"http://x","name":"x"}]})", R"({"metadata":"me"})"}) {
    const Checked<Nothing> fine = check_request(Json::parse(body));
    EXPECT_FALSE(fine.ok()) << body;
  }
}

}  // namespace
}  // namespace hearth::server::anthropic
