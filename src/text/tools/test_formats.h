// Tools, formats and recorded answers that several tests use.
//
// Contract: for tests only. Formats come from templates as detect_format() finds them.
// Not here: expectations.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/chat_template.h"
#include "text/tools/answer_parser.h"

namespace hearth::text::tools {

inline std::unique_ptr<ChatTemplate> compiled(const std::string& source) {
  auto made = ChatTemplate::compile(source, "<s>", "</s>");
  return made.ok() ? std::move(made).value() : nullptr;
}

inline AnswerFormat format_of(const std::string& source) { return detect_format(compiled(source).get(), nullptr); }

// Stand-ins that hold the marks of a family, for templates that are not among the test's data.
inline AnswerFormat format_named(const std::string& family) {
  if (family == "hermes") return format_of("{{ tools }}<tool_call>");
  if (family == "qwen3") return format_of("{{ tools }}<tool_call><think></think>{{ enable_thinking }}");
  if (family == "qwen3-coder") return format_of("<tool_call>\n<function=f>\n<parameter=p>");
  if (family == "llama3") return format_of("<|start_header_id|>ipython");
  if (family == "function-tag") return format_of("<function=");
  if (family == "mistral") return format_of("[TOOL_CALLS]");
  if (family == "mistral-args") return format_of("[TOOL_CALLS]name[ARGS]");
  if (family == "mistral-id") return format_of("[TOOL_CALLS]name[CALL_ID]id[ARGS]");
  if (family == "deepseek-r1") return format_of("<｜tool▁call▁begin｜>```json <think></think>");
  if (family == "deepseek-v31") return format_of("<｜tool▁call▁begin｜>name<｜tool▁sep｜>");
  if (family == "granite") return format_of("<|tool_call|>");
  if (family == "firefunction") return format_of(" functools[");
  if (family == "command-r7b") return format_of("<|START_ACTION|> <|START_THINKING|><|END_THINKING|>");
  if (family == "command-r") return format_of("Action: tool_name");
  return detect_format(nullptr, nullptr);
}

inline const std::vector<std::string>& families() {
  static const std::vector<std::string> names = {"hermes",       "qwen3",      "qwen3-coder", "llama3",       "function-tag",
                                                 "mistral",      "mistral-args", "mistral-id", "deepseek-r1",  "deepseek-v31",
                                                 "granite",      "firefunction", "command-r7b", "command-r",   "generic"};
  return names;
}

inline ToolRequest test_tools(ToolChoice choice = ToolChoice::kAuto) {
  ToolRequest request;
  request.tools.push_back({"get_weather", "The weather of a city",
                           R"({"type":"object","properties":{"city":{"type":"string"},"unit":{"type":"string","enum":["celsius","fahrenheit"]}},"required":["city"]})"});
  request.tools.push_back({"save-note", "Keeps a note",
                           R"({"type":"object","properties":{"text":{"type":"string"},"tags":{"type":"array","items":{"type":"string"}},"level":{"type":"number"}},"required":["text"]})"});
  request.tools.push_back({"now", "The time", ""});
  request.choice = choice;
  if (choice == ToolChoice::kNamed) request.name = "get_weather";
  return request;
}

inline ParserOptions parser_options(AnswerFormat format, ToolRequest tools = test_tools()) {
  ParserOptions options;
  options.format = std::move(format);
  options.tools = std::move(tools);
  return options;
}

}  // namespace hearth::text::tools
