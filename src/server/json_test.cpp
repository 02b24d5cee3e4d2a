// JSON under limits, keep-alive durations, error bodies and messages: what requests are made of before a model is asked.
#include "server/json.h"

#include <gtest/gtest.h>

#include "server/messages.h"
#include "server/models.h"

namespace hearth::server {
namespace {

TEST(Json, BodiesAreObjectsOfBoundedDepth) {
  EXPECT_TRUE(parse_body("").ok());
  EXPECT_TRUE(parse_body(" \r\n").ok());
  EXPECT_TRUE(parse_body(R"({"a":[1]})").ok());
  for (const char* bad : {"[]", "1", "\"x\"", "{", "{\"a\":}", "{'a':1}", "nul", "{\"a\":1}x", "{\"a\":\"\xff\"}", "\xef\xbb\xbf"}) {
    EXPECT_FALSE(parse_body(bad).ok()) << bad;
  }
  const std::string deep(1'000'000, '[');
  EXPECT_NE(parse_json(deep).error().message.find("deeper than 128"), std::string::npos);
  EXPECT_TRUE(parse_json(std::string(128, '[') + std::string(128, ']')).ok());
  EXPECT_TRUE(parse_json('"' + std::string(1000, '[') + '"').ok());
  EXPECT_TRUE(parse_json(R"(["\"[[", "\\"])").ok());
}

TEST(Json, ANameThatComesTwiceHasItsLastValue) {
  EXPECT_EQ(to_text(*parse_json(R"({"a":1,"b":{"c":1,"c":[2]},"a":2,"d":3,"a":null})")), R"({"a":null,"b":{"c":[2]},"d":3})");
  EXPECT_EQ(to_text(*parse_json(R"([{"":0,"":1},{},[],"x",-1,1.5,true,18446744073709551615])")),
            R"([{"":1},{},[],"x",-1,1.5,true,18446744073709551615])");
}

TEST(Json, MembersAndValuesAreBounded) {
  const auto object_of = [](int members) {
    std::string text = "{";
    for (int i = 0; i < members; ++i) text += (i ? ",\"k" : "\"k") + std::to_string(i) + "\":1";
    return text + "}";
  };
  EXPECT_EQ(parse_json(object_of(65536))->size(), 65536u);
  EXPECT_NE(parse_json(object_of(65537)).error().message.find("65536 members"), std::string::npos);
  std::string list = "[0";
  for (int i = 0; i < 4 << 20; ++i) list += ",0";
  EXPECT_NE(parse_json(list + "]").error().message.find("4194304 values"), std::string::npos);
}

TEST(Json, TextIsCompactAndNeverFails) {
  EXPECT_EQ(to_text(Json{{"content", "a b"}, {"n", 1}}), R"({"content":"a b","n":1})");
  EXPECT_EQ(to_text(Json("\xff")), "\"\xef\xbf\xbd\"");
}

std::string keep_alive(const char* text) {
  Checked<KeepAlive> parsed = parse_keep_alive(*parse_json(text));
  if (!parsed.ok()) return "error";
  return *parsed ? std::to_string((*parsed)->count()) : "forever";
}

TEST(KeepAlive, AsGoAndAsSeconds) {
  EXPECT_EQ(keep_alive("300"), "300000");
  EXPECT_EQ(keep_alive("0"), "0");
  EXPECT_EQ(keep_alive("-1"), "forever");
  EXPECT_EQ(keep_alive("0.5"), "500");
  EXPECT_EQ(keep_alive("\"5m\""), "300000");
  EXPECT_EQ(keep_alive("\"1h30m\""), "5400000");
  EXPECT_EQ(keep_alive("\"300ms\""), "300");
  EXPECT_EQ(keep_alive("\"1.5h\""), "5400000");
  EXPECT_EQ(keep_alive("\"-1\""), "forever");
  EXPECT_EQ(keep_alive("\"-1m\""), "forever");
  EXPECT_EQ(keep_alive("\"0\""), "0");
  EXPECT_EQ(keep_alive("\"24h\""), "86400000");
  EXPECT_EQ(keep_alive("1e300"), "forever");
  for (const char* bad : {"\"\"", "\"m\"", "\"5 m\"", "\"5x\"", "\"five\"", "true", "[]", "\"1h30\"", "\"--1\"", "\".\"", "{}"}) {
    EXPECT_EQ(keep_alive(bad), "error") << bad;
  }
}

TEST(ApiError, EachDialectInItsOwnForm) {
  const ApiError full = context_exceeded(5000, 4096);
  const Json openai = *parse_json(error_body(Dialect::kOpenAi, full, "r1"));
  EXPECT_EQ(openai["error"]["code"], "context_length_exceeded");
  EXPECT_EQ(openai["error"]["type"], "invalid_request_error");
  EXPECT_EQ(openai["error"]["message"],
            "request (5000 tokens) exceeds the available context size (4096 tokens), try increasing it");
  const Json native = *parse_json(error_body(Dialect::kNative, full, "r1"));
  EXPECT_EQ(native["error"]["type"], "exceed_context_size_error");
  EXPECT_EQ(native["error"]["n_prompt_tokens"], 5000);
  EXPECT_EQ(native["error"]["n_ctx"], 4096);
  EXPECT_EQ(*parse_json(error_body(Dialect::kOllama, bad_request("no"), "r1")), *parse_json(R"({"error":"no"})"));
  const Json anthropic = *parse_json(error_body(Dialect::kAnthropic, {404, "gone", "", "", 0, 0, 0}, "r1"));
  EXPECT_EQ(anthropic["type"], "error");
  EXPECT_EQ(anthropic["error"]["type"], "not_found_error");
  EXPECT_EQ(anthropic["request_id"], "r1");
}

std::string messages(const char* text) {
  Checked<Json> read = read_messages(*parse_json(text));
  return read.ok() ? to_text(*read) : read.error().message;
}

TEST(Messages, PartsBecomeText) {
  EXPECT_EQ(messages(R"({"messages":[{"role":"user","content":"hi"}]})"), R"([{"role":"user","content":"hi"}])");
  EXPECT_EQ(messages(R"({"messages":[{"role":"developer","content":[{"type":"text","text":"a"},{"type":"text","text":"b"}]}]})"),
            R"([{"role":"system","content":"a\nb"}])");
  EXPECT_EQ(messages(R"({"messages":[{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function",
                     "function":{"name":"f","arguments":"{\"x\":1}"}}]},{"role":"tool","tool_call_id":"1","content":"2"}]})"),
            R"([{"role":"assistant","content":"","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":{"x":1}}}]},)"
            R"({"role":"tool","content":"2","tool_call_id":"1","name":"f"}])");
}

TEST(Messages, WhatAModelCannotReadIsRefused) {
  EXPECT_NE(messages(R"({"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:"}}]}]})").find("image_url"),
            std::string::npos);
  for (const char* bad : {R"({})", R"({"messages":null})", R"({"messages":{}})", R"({"messages":[1]})",
                          R"({"messages":[{"content":"x"}]})", R"({"messages":[{"role":"user"}]})",
                          R"({"messages":[{"role":"king","content":"x"}]})", R"({"messages":[{"role":"user","content":5}]})"}) {
    EXPECT_FALSE(read_messages(*parse_json(bad)).ok()) << bad;
  }
}

}  // namespace
}  // namespace hearth::server
