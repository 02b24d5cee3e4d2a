// What is found in real templates, and conversations with tools as those templates then write them.
//
// The templates are those of tests/goldens/templates; what each does with tools was read in its source. Not here: parsing.
#include "text/tools/tool_conversation.h"

#include <gtest/gtest.h>

#include <fstream>

#include "nlohmann/json.hpp"
#include "text/tools/test_formats.h"

namespace hearth::text::tools {
namespace {

using Json = nlohmann::ordered_json;

std::string template_source(const std::string& name) {
  const auto read = [](const std::string& path) {
    std::ifstream file(std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/" + path);
    return Json::parse(file)["templates"];
  };
  static const Json known = read("templates/conversations.json"), more = read("tools/rendered_calls.json");
  return known.contains(name) ? known[name].get<std::string>() : more.value(name, std::string());
}

struct Expected {
  const char* name;
  const char* family;
  bool tells_tools, writes_calls, writes_results, arguments_as_text, calls_without_content, single_calls, has_system_role;
};

constexpr Expected kExpected[] = {
    {"NousResearch-Hermes-2-Pro-Llama-3-8B-tool_use", "hermes", true, true, true, false, false, false, true},
    {"Qwen-Qwen2.5-7B-Instruct", "hermes", true, true, true, false, false, false, true},
    {"model:qwen2.5-coder-1.5b", "hermes", true, true, true, false, false, false, true},
    {"qwen3", "hermes", true, true, true, false, false, false, true},
    {"deepseek-ai-DeepSeek-R1-Distill-Llama-8B", "deepseek", false, true, true, true, true, false, true},
    {"deepseek_v3", "deepseek", false, true, true, true, true, false, true},
    {"llama-cpp-deepseek-r1", "deepseek", false, true, true, true, true, false, true},
    {"meta-llama-Llama-3.1-8B-Instruct", "llama3", true, true, true, false, false, true, true},
    {"meta-llama-Llama-3.2-3B-Instruct", "llama3", true, true, true, false, false, true, true},
    {"mistralai-Mistral-Nemo-Instruct-2407", "mistral", true, true, true, false, false, false, true},
    {"meetkai-functionary-medium-v3.1", "function-tag", true, true, true, true, false, false, true},
    {"CohereForAI-c4ai-command-r7b-12-2024-tool_use", "command-r7b", true, true, true, false, false, false, true},
    {"CohereForAI-c4ai-command-r-plus-tool_use", "command-r", true, true, true, false, false, false, true},
    {"google-gemma-2-2b-it", "generic", false, false, false, false, false, false, false},
    {"microsoft-Phi-3.5-mini-instruct", "generic", false, false, false, false, false, false, true},
    {"model:smollm2-135m", "generic", false, false, false, false, false, false, true},
};

TEST(AnswerFormat, IsFoundInRealTemplates) {
  for (const Expected& expected : kExpected) {
    const AnswerFormat format = format_of(template_source(expected.name));
    EXPECT_EQ(format.family, expected.family) << expected.name;
    EXPECT_EQ(format.tells_tools, expected.tells_tools) << expected.name;
    EXPECT_EQ(format.writes_calls, expected.writes_calls) << expected.name;
    EXPECT_EQ(format.writes_results, expected.writes_results) << expected.name;
    EXPECT_EQ(format.arguments_as_text, expected.arguments_as_text) << expected.name;
    EXPECT_EQ(format.calls_without_content, expected.calls_without_content) << expected.name;
    EXPECT_EQ(format.single_calls, expected.single_calls) << expected.name;
    EXPECT_EQ(format.has_system_role, expected.has_system_role) << expected.name;
  }
}

TEST(AnswerFormat, ReasoningOfRealTemplates) {
  const AnswerFormat qwen = format_of(template_source("qwen3")), deepseek = format_of(template_source("deepseek-ai-DeepSeek-R1-Distill-Llama-8B"));
  EXPECT_EQ(qwen.reasoning.end, "</think>");
  EXPECT_EQ(qwen.reasoning.switch_name, "enable_thinking");
  EXPECT_EQ(deepseek.reasoning.begin, "<think>");
  EXPECT_EQ(deepseek.reasoning.switch_name, "");
  EXPECT_FALSE(format_of(template_source("Qwen-Qwen2.5-7B-Instruct")).reasoning.exists());
  EXPECT_FALSE(detect_format(nullptr, nullptr).reasoning.exists());
}

Json conversation(int calls) {
  Json list = Json::array();
  for (int i = 0; i < calls; ++i) {
    const Json function = {{"name", "get_weather"}, {"arguments", i == 0 ? R"({"city": "Rome"})" : R"({"city": "Oslo"})"}};
    list.push_back({{"id", i == 0 ? "call00001" : "call00002"}, {"type", "function"}, {"function", function}});
  }
  Json messages = Json::array({{{"role", "user"}, {"content", "How is it in Rome?"}},
                               {{"role", "assistant"}, {"content", ""}, {"tool_calls", list}}});
  messages.push_back({{"role", "tool"}, {"tool_call_id", "call00001"}, {"content", "sunny in Rome"}});
  if (calls > 1) messages.push_back({{"role", "tool"}, {"tool_call_id", "call00002"}, {"content", "snow in Oslo"}});
  return messages;
}

std::string rendered(const std::string& source, const ToolRequest& tools, const Json& messages, const ReasoningRequest& reasoning = {}) {
  const AnswerFormat format = format_of(source);
  Json variables = template_variables(format, tools, reasoning);
  variables["messages"] = fit_messages(format, tools, messages);
  variables["add_generation_prompt"] = true;
  const Result<std::string> text = compiled(source)->render(variables);
  EXPECT_TRUE(text.ok()) << (text.ok() ? "" : text.error().message);
  return text.ok() ? *text : "";
}

// Everything of the conversation is in the prompt, in order, whatever the template can say itself.
void expect_in_order(const std::string& text, const std::vector<std::string>& parts, const std::string& name) {
  size_t at = 0;
  for (const std::string& part : parts) {
    at = text.find(part, at);
    ASSERT_NE(at, std::string::npos) << name << ": no \"" << part << "\" in its place in\n" << text;
    at += part.size();
  }
}

TEST(ToolConversation, NothingIsLostInAnyTemplate) {
  for (const Expected& expected : kExpected) {
    const std::string source = template_source(expected.name);
    const std::string text = rendered(source, test_tools(), conversation(1));
    expect_in_order(text, {"get_weather", "Rome", "sunny in Rome"}, expected.name);
    EXPECT_NE(text.find("save-note"), std::string::npos) << expected.name << ": all tools are told";
    EXPECT_NE(text.find("How is it in Rome?"), std::string::npos) << expected.name;
    EXPECT_EQ(text.find("\\\"city\\\""), std::string::npos) << expected.name << ": arguments are not text within text";
    const std::string two = rendered(source, test_tools(), conversation(2));
    expect_in_order(two, {"Oslo", "snow in Oslo"}, expected.name);
    EXPECT_NE(two.find("sunny in Rome"), std::string::npos) << expected.name;
    const std::string none = rendered(source, test_tools(ToolChoice::kNone), Json::array({conversation(1)[0]}));
    EXPECT_EQ(none.find("save-note"), std::string::npos) << expected.name << ": not told";
  }
}

TEST(ToolConversation, CallsThatAreTakenApartStandBeforeTheirResults) {
  const std::string text = rendered(template_source("meta-llama-Llama-3.1-8B-Instruct"), test_tools(), conversation(2));
  expect_in_order(text, {R"("parameters": {"city": "Rome"})", "sunny in Rome", R"("parameters": {"city": "Oslo"})", "snow in Oslo"}, "");
}

TEST(ToolConversation, InstructionsShowTheModelsOwnForm) {
  for (const std::string& family : families()) {
    const AnswerFormat format = format_named(family);
    const std::string told = tool_instructions(format, test_tools());
    EXPECT_NE(told.find(written_call(format.calls, "TOOL_NAME", R"({"ARGUMENT": "VALUE"})")), std::string::npos);
    EXPECT_NE(told.find("fahrenheit"), std::string::npos);
    EXPECT_NE(tool_instructions(format, test_tools(ToolChoice::kNamed)).find("get_weather now"), std::string::npos);
    EXPECT_EQ(tool_instructions(format, test_tools(ToolChoice::kNone)), "");
    ParserOptions options = parser_options(format);
    const ParsedAnswer parsed = gather(parse_answer(options, written_call(format.calls, "get_weather", R"({"city": "Rome"})")));
    ASSERT_EQ(parsed.calls.size(), 1u) << family;
    EXPECT_EQ(Json::parse(parsed.calls[0].arguments), Json::parse(R"({"city": "Rome"})")) << family;
  }
}

TEST(ToolConversation, ReasoningIsSwitchedOrClosed) {
  const std::string qwen = template_source("qwen3"), deepseek = template_source("deepseek-ai-DeepSeek-R1-Distill-Llama-8B");
  const Json question = Json::array({{{"role", "user"}, {"content", "Why?"}}});
  ReasoningRequest off;
  off.wish = ReasoningWish::kOff;
  const AnswerFormat qwen_format = format_of(qwen), deepseek_format = format_of(deepseek);
  std::string text = rendered(qwen, {}, question, off);
  EXPECT_TRUE(text.ends_with("<think>\n\n</think>\n\n")) << text;
  EXPECT_EQ(closed_reasoning(qwen_format, text), "");
  EXPECT_FALSE(opens_reasoning(qwen_format, text));
  text = rendered(qwen, {}, question);
  EXPECT_FALSE(opens_reasoning(qwen_format, text));
  EXPECT_EQ(closed_reasoning(qwen_format, text), "<think>\n\n</think>\n\n");
  text = rendered(deepseek, {}, question, off);
  EXPECT_TRUE(opens_reasoning(deepseek_format, text)) << text;
  EXPECT_TRUE((text + closed_reasoning(deepseek_format, text)).ends_with("<think>\n\n</think>\n\n"));
  EXPECT_EQ(closed_reasoning(format_named("mistral"), text), "");
}

}  // namespace
}  // namespace hearth::text::tools
