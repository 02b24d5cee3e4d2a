// Answers taken apart: calls as transformers renders them with the models' own templates (tests/oracle/tool_call_goldens.py),
// answers as the formats' public descriptions have them, and mutations of all.
//
// Each answer is parsed whole and split at every byte. Not here: grammars (call_grammar_test.cpp).
#include "text/tools/answer_parser.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <random>

#include "base/utf8.h"
#include "nlohmann/json.hpp"
#include "text/grammar/json_value.h"
#include "text/tools/test_formats.h"

namespace hearth::text::tools {
namespace {

using Json = nlohmann::ordered_json;

Json read_golden(const std::string& path) {
  std::ifstream file(std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/" + path);
  return Json::parse(file);
}

ParsedAnswer parse(const ParserOptions& options, std::string_view answer) { return gather(parse_answer(options, answer)); }

// What an answer comes to, as text that tells two results apart.
std::string summary(const ParsedAnswer& answer) {
  std::string text = "reasoning[" + answer.reasoning + "] content[" + answer.content + "]";
  for (const ParsedCall& call : answer.calls) text += " call[" + call.name + " " + call.arguments + "]";
  for (const MalformedCall& call : answer.malformed) text += " malformed[" + call.raw + "]";
  return text;
}

std::string parse_in_pieces(const ParserOptions& options, std::string_view answer, const std::vector<size_t>& ends) {
  AnswerParser parser(options);
  std::vector<AnswerEvent> events;
  size_t begin = 0;
  for (const size_t end : ends) {
    std::vector<AnswerEvent> some;
    parser.push(answer.substr(begin, end - begin), &some);
    events.insert(events.end(), some.begin(), some.end());
    begin = end;
  }
  parser.push(answer.substr(begin), &events);
  parser.finish(&events);
  return summary(gather(events));
}

void expect_same_at_every_split(const ParserOptions& options, std::string_view answer) {
  const std::string whole = summary(parse(options, answer));
  std::vector<size_t> every;
  for (size_t i = 1; i < answer.size(); ++i) {
    EXPECT_EQ(parse_in_pieces(options, answer, {i}), whole) << answer << "\nsplit at " << i;
    every.push_back(i);
  }
  EXPECT_EQ(parse_in_pieces(options, answer, every), whole) << answer;
}

TEST(AnswerParser, GetsRenderedCallsBack) {
  const Json golden = read_golden("tools/rendered_calls.json");
  const Json known = read_golden("templates/conversations.json")["templates"];
  size_t turns = 0;
  for (const auto& [name, rendered] : golden["rendered"].items()) {
    const std::string source = known.contains(name) ? known[name] : golden["templates"][name];
    const AnswerFormat format = format_of(source);
    EXPECT_TRUE(format.writes_calls) << name;
    for (const Json& turn : rendered) {
      const std::string answer = turn["answer"];
      const ParserOptions options = parser_options(format);
      const ParsedAnswer parsed = parse(options, answer);
      EXPECT_TRUE(parsed.malformed.empty()) << name << ": " << answer;
      const std::string content = turn["content"];
      EXPECT_EQ(parsed.content, answer.find(content) != std::string::npos ? content : "") << name << ": " << answer;
      ASSERT_EQ(parsed.calls.size(), turn["calls"].size()) << name << ": " << answer;
      for (size_t i = 0; i < parsed.calls.size(); ++i) {
        EXPECT_EQ(parsed.calls[i].name, turn["calls"][i]["name"]);
        EXPECT_EQ(Json::parse(parsed.calls[i].arguments), turn["calls"][i]["arguments"]) << name << ": " << answer;
        EXPECT_EQ(parsed.calls[i].id.size(), 9u);
      }
      expect_same_at_every_split(options, answer);
      ++turns;
    }
  }
  EXPECT_GT(turns, 40u);
}

struct Recorded {
  const char* family;
  const char* answer;
  const char* expected;
};

// From the descriptions that the makers of the models publish, and from what small models write instead.
const Recorded kRecorded[] = {
    {"hermes", "Let me see.\n\n<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}\n</tool_call>",
     "reasoning[] content[Let me see.] call[get_weather {\"city\": \"Rome\"}]"},
    {"hermes", "<tool_call>{\"arguments\":{\"city\":\"Rome\"},\"name\":\"get_weather\"}</tool_call>\n<tool_call>{\"name\":\"now\"}</tool_call>",
     "reasoning[] content[] call[get_weather {\"city\":\"Rome\"}] call[now {}]"},
    {"hermes", "<tool_call>{\"name\":\"get_weather\",\"arguments\":\"{\\\"city\\\":\\\"Rome\\\"}\"}</tool_call>",
     "reasoning[] content[] call[get_weather {\"city\":\"Rome\"}]"},
    {"hermes", "<tool_call>[{\"name\":\"now\",\"arguments\":{}},{\"name\":\"now\",\"arguments\":{}}]</tool_call> done",
     "reasoning[] content[ done] call[now {}] call[now {}]"},
    {"hermes", "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n{\"name\": \"now\", \"arguments\": null}\n</tool_call>",
     "reasoning[] content[] call[now {}] call[now {}]"},
    {"hermes", "<tool_call>{\"name\": \"now\", \"arguments\": {}} and then text",
     "reasoning[] content[ and then text] call[now {}]"},
    {"hermes", "Put <tool_call> before a call; 1 < 2 <tool", "reasoning[] content[Put <tool_call> before a call; 1 < 2 <tool]"},
    {"hermes", "<tool_call>{\"name\": \"delete_all\", \"arguments\": {}}</tool_call>ok",
     "reasoning[] content[ok] malformed[<tool_call>{\"name\": \"delete_all\", \"arguments\": {}}</tool_call>]"},
    {"hermes", "a <tool_call>{\"name\": \"now\", \"arguments\": [1]}</tool_call> b",
     "reasoning[] content[a b] malformed[<tool_call>{\"name\": \"now\", \"arguments\": [1]}</tool_call>]"},
    {"hermes", "<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Ro",
     "reasoning[] content[] malformed[<tool_call>{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Ro]"},
    {"hermes", "<tool_call>{'name': 'now'}</tool_call>", "reasoning[] content[] malformed[<tool_call>{'name': 'now'}</tool_call>]"},
    {"hermes", "<tool_call>{\"name\":\"save-note\",\"arguments\":{\"text\":\"two\nlines\"}}</tool_call>",
     "reasoning[] content[] call[save-note {\"text\":\"two\\nlines\"}]"},
    {"hermes", "```json\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}\n```",
     "reasoning[] content[] call[get_weather {\"city\":\"Rome\"}]"},
    {"hermes", "```\n{\n  \"name\": \"now\",\n  \"parameters\": {}\n}", "reasoning[] content[] call[now {}]"},
    {"hermes", "{{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}}", "reasoning[] content[] call[get_weather {\"city\":\"Rome\"}]"},
    {"hermes", "```json\n{ {\"name\": \"now\", \"arguments\": {}} }\n{{\"name\": \"now\", \"arguments\": {}}}\n```",
     "reasoning[] content[] call[now {}] call[now {}]"},
    {"hermes", "{{\"name\": \"now\", \"arguments\": {}}", "reasoning[] content[{{\"name\": \"now\", \"arguments\": {}}]"},
    {"hermes", "{{{\"name\": \"now\"}}}", "reasoning[] content[{{{\"name\": \"now\"}}}]"},
    {"hermes", "{\"name\": \"now\", \"arguments\": {}}}", "reasoning[] content[{\"name\": \"now\", \"arguments\": {}}}]"},
    {"hermes", "<tools>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\", \"unit\": \"celsius\"}}\n</tools>",
     "reasoning[] content[] call[get_weather {\"city\":\"Rome\",\"unit\":\"celsius\"}]"},
    {"hermes", "{\"name\": \"now\", \"arguments\": {}}\n{\"name\": \"get_weather\", \"arguments\": {\"unit\": \"celsius\", \"city\": \"Oslo\"}}",
     "reasoning[] content[] call[now {}] call[get_weather {\"unit\":\"celsius\",\"city\":\"Oslo\"}]"},
    {"hermes", "[{\"type\":\"function\",\"function\":{\"name\":\"now\",\"parameters\":{}}}]", "reasoning[] content[] call[now {}]"},
    {"hermes", "{\"name\": \"get_weather\", \"arguments\": {\"town\": \"Rome\", \"city\": 5}}",
     "reasoning[] content[{\"name\": \"get_weather\", \"arguments\": {\"town\": \"Rome\", \"city\": 5}}]"},
    {"hermes", "{\"name\": \"get_weather\", \"arguments\": {}}", "reasoning[] content[{\"name\": \"get_weather\", \"arguments\": {}}]"},
    {"hermes", "{\"name\": \"Rome\", \"arguments\": {}}", "reasoning[] content[{\"name\": \"Rome\", \"arguments\": {}}]"},
    {"hermes", "{\"name\": \"now\", \"arguments\": {}} is the call", "reasoning[] content[{\"name\": \"now\", \"arguments\": {}} is the call]"},
    {"hermes", "Here: {\"name\": \"now\", \"arguments\": {}}", "reasoning[] content[Here: {\"name\": \"now\", \"arguments\": {}}]"},
    {"hermes", "```python\nprint(1)\n```\n", "reasoning[] content[```python\nprint(1)\n```\n]"},
    {"hermes", "  {\"a\": 1}  ", "reasoning[] content[  {\"a\": 1}  ]"},
    {"qwen3", "<think>\nIs it <tool_call>?\n</think>\n\n<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>",
     "reasoning[Is it <tool_call>?] content[] call[now {}]"},
    {"qwen3", "<think>never ends", "reasoning[never ends] content[]"},
    {"qwen3", "<think>\n\n</think>\n\nHello </think> there", "reasoning[] content[Hello </think> there]"},
    {"qwen3", "No <think> here", "reasoning[] content[No <think> here]"},
    {"qwen3-coder",
     "<tool_call>\n<function=save-note>\n<parameter=text>\nline 1\n</b> \"x\"\n</parameter>\n<parameter=tags>\n[\"a\"]\n</parameter>\n"
     "<parameter=level>\n2\n</parameter>\n</function>\n</tool_call>",
     "reasoning[] content[] call[save-note {\"text\": \"line 1\\n</b> \\\"x\\\"\", \"tags\": [\"a\"], \"level\": 2}]"},
    {"qwen3-coder", "Now:\n<tool_call>\n<function=now>\n</function>\n</tool_call>\n<tool_call>\n<function=now>\n</function>\n</tool_call>",
     "reasoning[] content[Now:] call[now {}] call[now {}]"},
    {"llama3", "{\"name\": \"get_weather\", \"parameters\": {\"city\": \"Rome\"}}", "reasoning[] content[] call[get_weather {\"city\":\"Rome\"}]"},
    {"llama3", "<|python_tag|>{\"type\": \"function\", \"name\": \"now\", \"parameters\": {}}", "reasoning[] content[] call[now {}]"},
    {"llama3", "<function=get_weather>{\"city\": \"Rome\"}</function>", "reasoning[] content[] call[get_weather {\"city\": \"Rome\"}]"},
    {"llama3", "{\"name\": \"now\", \"parameters\": {}}; {\"name\": \"now\", \"parameters\": {}}", "reasoning[] content[] call[now {}] call[now {}]"},
    {"mistral", "[TOOL_CALLS][{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}, \"id\": \"9Ae3bDc2F\"}]",
     "reasoning[] content[] call[get_weather {\"city\": \"Rome\"}]"},
    {"mistral", "[TOOL_CALLS] [{\"name\": \"now\", \"arguments\": {}}, {\"name\": \"now\", \"arguments\": {}, \"id\": 5}]",
     "reasoning[] content[] call[now {}] call[now {}]"},
    {"mistral", "[TOOL_CALLS] are marks [of Mistral]", "reasoning[] content[[TOOL_CALLS] are marks [of Mistral]]"},
    {"mistral-args", "Sure.[TOOL_CALLS]get_weather[ARGS]{\"city\": \"Rome\"}[TOOL_CALLS]now[ARGS]{}",
     "reasoning[] content[Sure.] call[get_weather {\"city\": \"Rome\"}] call[now {}]"},
    {"mistral-id", "[TOOL_CALLS]get_weather[CALL_ID]9Ae3bDc2F[ARGS]{\"city\": \"Rome\"}", "reasoning[] content[] call[get_weather {\"city\": \"Rome\"}]"},
    {"deepseek-r1",
     "<think>\nhm\n</think>\n\nI look.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n```json\n{\"city\": \"Rome\"}\n"
     "```<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n```json\n{}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
     "reasoning[hm] content[I look.] call[get_weather {\"city\": \"Rome\"}] call[now {}]"},
    {"deepseek-r1", "<｜tool▁call▁begin｜>function<｜tool▁sep｜>now\n```json\n{}\n```<｜tool▁call▁end｜>", "reasoning[] content[] call[now {}]"},
    {"deepseek-v31", "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>now<｜tool▁sep｜>{}<｜tool▁call▁end｜><｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>"
     "{\"city\": \"Rome\"}<｜tool▁call▁end｜><｜tool▁calls▁end｜>",
     "reasoning[] content[] call[now {}] call[get_weather {\"city\": \"Rome\"}]"},
    {"granite", "<|tool_call|>[{\"arguments\": {\"city\": \"Rome\"}, \"name\": \"get_weather\"}]", "reasoning[] content[] call[get_weather {\"city\": \"Rome\"}]"},
    {"firefunction", " functools[{\"name\": \"now\", \"arguments\": {}}]", "reasoning[] content[] call[now {}]"},
    {"firefunction", "import functools\n", "reasoning[] content[import functools\n]"},
    {"command-r7b", "<|START_THINKING|>Plan.<|END_THINKING|><|START_ACTION|>[\n    {\"tool_call_id\": \"0\", \"tool_name\": \"now\", \"parameters\": {}}\n]<|END_ACTION|>",
     "reasoning[Plan.] content[] call[now {}]"},
    {"command-r", "Action: ```json\n[\n    {\n        \"tool_name\": \"get_weather\",\n        \"parameters\": {\"city\": \"Rome\"}\n    }\n]```",
     "reasoning[] content[] call[get_weather {\"city\": \"Rome\"}]"},
    {"generic", "{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Rome\"}}", "reasoning[] content[] call[get_weather {\"city\":\"Rome\"}]"},
    {"generic", "```tool_code\n{\"name\": \"now\", \"parameters\": {}}\n```", "reasoning[] content[] call[now {}]"},
};

TEST(AnswerParser, TakesRecordedAnswersApart) {
  for (const Recorded& recorded : kRecorded) {
    const ParserOptions options = parser_options(format_named(recorded.family));
    EXPECT_EQ(summary(parse(options, recorded.answer)), recorded.expected) << recorded.family << ": " << recorded.answer;
    expect_same_at_every_split(options, recorded.answer);
  }
}

TEST(AnswerParser, WithoutToolsEverythingIsText) {
  for (const ToolChoice choice : {ToolChoice::kNone, ToolChoice::kAuto}) {
    ToolRequest tools = choice == ToolChoice::kNone ? test_tools(choice) : ToolRequest();
    const std::string answer = "a <tool_call>{\"name\": \"now\", \"arguments\": {}}</tool_call>\n";
    const ParsedAnswer parsed = parse(parser_options(format_named("hermes"), tools), answer);
    EXPECT_EQ(parsed.content, answer);
    EXPECT_TRUE(parsed.calls.empty());
  }
}

TEST(AnswerParser, ForcedCallsStreamWithoutAMark) {
  AnswerParser parser(parser_options(format_named("llama3"), test_tools(ToolChoice::kRequired)));
  std::vector<AnswerEvent> events;
  parser.push(R"({"name": "get_weather", "parameters": {"ci)", &events);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, EventKind::kCallBegin);
  EXPECT_EQ(events[0].name, "get_weather");
  EXPECT_EQ(events[1].text, "{\"ci");
  parser.push("ty\": \"Rome\"}}\n{\"name\": \"now\", \"parameters\": {}}", &events);
  parser.finish(&events);
  EXPECT_EQ(summary(gather(events)), "reasoning[] content[] call[get_weather {\"city\": \"Rome\"}] call[now {}]");
}

TEST(AnswerParser, ReasoningThatThePromptOpened) {
  ParserOptions options = parser_options(format_named("deepseek-r1"));
  options.begins_in_reasoning = true;
  EXPECT_EQ(summary(parse(options, "So.\n</think>\n\nYes")), "reasoning[So.] content[Yes]");
  EXPECT_EQ(summary(parse(options, "<think>\nSo.</think>Yes")), "reasoning[So.] content[Yes]");
  options.splits_reasoning = false;
  EXPECT_EQ(summary(parse(options, "So.\n</think>\n\nYes")), "reasoning[] content[So.\n</think>\n\nYes]");
}

TEST(AnswerParser, WhatMayBeACallIsHeldNoLongerThanItsLimit) {
  AnswerParser parser(parser_options(format_named("hermes")));
  std::vector<AnswerEvent> events;
  std::string answer = "{\"name\": \"";
  while (answer.size() < 3 * kMaxHeldBytes) answer += "aaaaaaaaaaaaaaaa";
  parser.push(answer, &events);
  ASSERT_FALSE(events.empty());
  parser.finish(&events);
  EXPECT_EQ(gather(events).content, answer);
}

std::string without(std::string text, std::string_view part) {
  for (size_t at = 0; !part.empty() && (at = text.find(part, at)) != std::string::npos;) text.erase(at, part.size());
  return text;
}

// An answer's bytes without white space and the marks of reasoning, which belong to no event.
std::string essence(const std::string& text, const ReasoningForm& reasoning) {
  std::string dense;
  for (const char c : text) {
    if (c != ' ' && c != '\n' && c != '\t' && c != '\r') dense.push_back(c);
  }
  return without(without(dense, reasoning.begin), reasoning.end);
}

std::string mutated(std::string text, const std::vector<std::string>& others, std::mt19937_64* random) {
  const std::string alphabet = "{}[]\",:<>/|\\ \n`atn019_";
  for (uint64_t edits = 1 + (*random)() % 4; edits > 0; --edits) {
    const size_t at = text.empty() ? 0 : (*random)() % text.size();
    const std::string& other = others[(*random)() % others.size()];
    switch ((*random)() % 6) {
      case 0: text.insert(at, 1, alphabet[(*random)() % alphabet.size()]); break;
      case 1: text.erase(at, 1 + (*random)() % 5); break;
      case 2: text = text.substr(0, at); break;
      case 3: text.insert(at, other.substr((*random)() % other.size(), (*random)() % 40)); break;
      case 4: text += other; break;
      default:
        if (!text.empty()) text[at] = static_cast<char>((*random)());
        break;
    }
  }
  return text;
}

TEST(AnswerParser, TenThousandMutationsLoseNothing) {
  std::vector<std::string> answers;
  for (const Recorded& recorded : kRecorded) answers.emplace_back(recorded.answer);
  std::map<std::string, AnswerFormat> formats;
  for (const std::string& family : families()) formats[family] = format_named(family);
  std::mt19937_64 random(20261123);
  size_t calls = 0, malformed = 0;
  for (int i = 0; i < 10'000; ++i) {
    const ToolChoice choice = i % 4 == 0 ? ToolChoice::kRequired : ToolChoice::kAuto;
    const size_t chosen = random() % answers.size();
    // Mostly in the format that the answer is of.
    const std::string family = i % 8 == 1 ? families()[random() % families().size()] : kRecorded[chosen].family;
    ParserOptions options = parser_options(formats[family], test_tools(choice));
    options.begins_in_reasoning = random() % 8 == 0;
    const std::string answer = mutated(answers[chosen], answers, &random);
    const std::vector<AnswerEvent> events = parse_answer(options, answer);
    std::string joined;
    for (const AnswerEvent& event : events) {
      if (event.kind == EventKind::kReasoning || event.kind == EventKind::kContent) joined += event.text;
      joined += event.raw;
    }
    ASSERT_EQ(essence(joined, options.format.reasoning), essence(answer, options.format.reasoning)) << answer;
    const ParsedAnswer parsed = gather(events);
    for (const ParsedCall& call : parsed.calls) {
      EXPECT_NE(options.tools.find(call.name), nullptr);
      const auto arguments = grammar::parse_json(call.arguments);
      const bool sound = !is_valid_utf8(answer) || (arguments.ok() && arguments->is_object());
      EXPECT_TRUE(sound) << answer << "\n" << call.arguments;
    }
    const size_t half = answer.empty() ? 0 : random() % answer.size();
    ASSERT_EQ(parse_in_pieces(options, answer, {half / 2, half}), summary(parsed)) << answer;
    calls += parsed.calls.size();
    malformed += parsed.malformed.size();
  }
  EXPECT_GT(calls, 2000u);
  EXPECT_GT(malformed, 500u);
}

}  // namespace
}  // namespace hearth::text::tools
