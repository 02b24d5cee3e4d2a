// An answer comes to the same parts however it is cut, and events tell of all of it once.
#include "server/tools/answer_parts.h"

#include <gtest/gtest.h>

#include "text/tools/test_formats.h"

namespace hearth::server {
namespace {

using Kind = AnswerPart::Kind;

text::tools::ParserOptions options() {
  text::tools::ParserOptions options;
  options.format = text::tools::format_named("qwen3");
  options.tools.tools = {{"weather", "", R"({"type":"object","properties":{"city":{"type":"string"}},"required":["city"]})"}};
  options.new_id = [] { return std::string("call_1"); };
  return options;
}

// What the events of an answer say, in the words of a reader who sees nothing but them.
struct Seen {
  std::vector<std::string> texts;
  size_t open = 0;
  std::string wrong;

  void hear(const std::vector<PartEvent>& events) {
    for (const PartEvent& event : events) {
      if (event.kind == PartEvent::Kind::kBegin) {
        if (open > 0 || event.part != texts.size()) wrong = "begin";
        texts.emplace_back();
        ++open;
      } else {
        if (open != 1 || event.part + 1 != texts.size()) wrong = "more or end";
        if (event.kind == PartEvent::Kind::kMore) texts.back() += event.more;
        if (event.kind == PartEvent::Kind::kEnd) --open;
      }
    }
  }
};

std::vector<AnswerPart> parts_of(const std::string& answer, size_t piece, PartsOptions how = {}) {
  AnswerParts parts(options(), how);
  Seen seen;
  for (size_t i = 0; i < answer.size(); i += piece) seen.hear(parts.take(std::string_view(answer).substr(i, piece)));
  seen.hear(parts.finish());
  EXPECT_EQ(seen.wrong, "") << answer;
  EXPECT_EQ(seen.open, 0u) << answer;
  EXPECT_EQ(seen.texts.size(), parts.parts().size());
  for (size_t i = 0; i < seen.texts.size(); ++i) EXPECT_EQ(seen.texts[i], parts.parts()[i].text);
  return parts.parts();
}

constexpr const char* kCall = R"(<tool_call>{"name": "weather", "arguments": {"city": "Bonn"}}</tool_call>)";

TEST(AnswerParts, ReasoningTextAndCalls) {
  const std::string answer = std::string("<think>Ask.</think>Let me see. ") + kCall;
  for (const bool whole : {false, true}) {
    for (size_t piece = 1; piece <= answer.size(); ++piece) {
      const std::vector<AnswerPart> parts = parts_of(answer, piece, {.whole_calls = whole});
      ASSERT_EQ(parts.size(), 3u) << piece;
      EXPECT_EQ(parts[0].kind, Kind::kReasoning);
      EXPECT_EQ(parts[0].text, "Ask.");
      EXPECT_EQ(parts[1].kind, Kind::kText);
      EXPECT_EQ(parts[1].text.substr(0, 11), "Let me see.");
      EXPECT_EQ(parts[2].kind, Kind::kCall);
      EXPECT_EQ(parts[2].name, "weather");
      EXPECT_EQ(parts[2].id, "call_1");
      EXPECT_EQ(call_arguments(parts[2]), Json::parse(R"({"city":"Bonn"})"));
      EXPECT_FALSE(parts[2].broken);
    }
  }
}

TEST(AnswerParts, PlainTextIsOnePart) {
  const std::vector<AnswerPart> parts = parts_of("Hello, \xc3\xa4 world.", 1);
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts[0].kind, Kind::kText);
  EXPECT_EQ(parts[0].text, "Hello, \xc3\xa4 world.");
  EXPECT_TRUE(parts_of("", 1).empty());
}

TEST(AnswerParts, ACallThatBreaksOff) {
  const std::string cut = std::string(kCall).substr(0, 55);  // within the arguments
  for (size_t piece = 1; piece <= cut.size(); ++piece) {
    const std::vector<AnswerPart> told = parts_of(cut, piece);
    ASSERT_EQ(told.size(), 1u);
    EXPECT_EQ(told[0].kind, Kind::kCall);
    EXPECT_TRUE(told[0].broken);
    EXPECT_EQ(told[0].raw, cut);
    EXPECT_EQ(std::string(R"({"city": "Bonn"})").find(told[0].text), 0u) << told[0].text;

    const std::vector<AnswerPart> text = parts_of(cut, piece, {.whole_calls = true});
    ASSERT_EQ(text.size(), 1u);
    EXPECT_EQ(text[0].kind, Kind::kText);
    EXPECT_EQ(text[0].text, cut);

    const std::vector<AnswerPart> bad = parts_of(cut, piece, {.whole_calls = true, .bad_calls = true});
    ASSERT_EQ(bad.size(), 1u);
    EXPECT_EQ(bad[0].kind, Kind::kBadCall);
    EXPECT_EQ(bad[0].name, "weather");
    EXPECT_EQ(bad[0].text, cut);
    EXPECT_FALSE(bad[0].problem.empty());
  }
}

TEST(AnswerParts, WhatIsNoCallIsText) {
  const std::string answer = "Look:<tool_call>{\"name\": \"absent\", \"arguments\": {}}</tool_call>so.";
  for (size_t piece = 1; piece <= answer.size(); ++piece) {
    std::string text;
    for (const AnswerPart& part : parts_of(answer, piece)) {
      EXPECT_EQ(part.kind, Kind::kText);
      text += part.text;
    }
    EXPECT_EQ(text, answer);
    size_t bad = 0;
    for (const AnswerPart& part : parts_of(answer, piece, {.whole_calls = true, .bad_calls = true})) bad += part.kind == Kind::kBadCall;
    EXPECT_EQ(bad, 1u);
  }
}

TEST(AnswerParts, WhetherThereIsACallToCarryOut) {
  const auto calls = [](const std::string& answer) {
    AnswerParts parts(options(), {});
    parts.take(answer);
    parts.finish();
    return parts.calls();
  };
  EXPECT_TRUE(calls(kCall));
  EXPECT_TRUE(calls(std::string(kCall) + kCall));
  EXPECT_FALSE(calls("Hello."));
  EXPECT_FALSE(calls(std::string(kCall).substr(0, 55)));
}

}  // namespace
}  // namespace hearth::server
