// Grammars of answers with calls: random walks through masks, every one of which the parser has to take apart into well-formed
// calls with valid arguments, and what may not be written.
//
// Not here: parsing of what models write unbound (answer_parser_test.cpp), schemas (text/grammar).
#include "text/tools/call_grammar.h"

#include <gtest/gtest.h>

#include <random>

#include "text/grammar/json_value.h"
#include "text/grammar/test_grammars.h"
#include "text/test_data.h"
#include "text/tools/test_formats.h"
#include "text/tools/tool_conversation.h"

namespace hearth::text::tools {
namespace {

using grammar::Grammar;
using grammar::Matcher;

std::shared_ptr<Grammar> compiled_answer(const AnswerGrammar& answer, const std::shared_ptr<grammar::TokenVocabulary>& vocabulary) {
  Result<grammar::Rules> rules = compile_answer(answer, std::nullopt);
  EXPECT_TRUE(rules.ok()) << rules.error().message;
  return rules.ok() ? Grammar::create(std::move(rules).value(), vocabulary) : nullptr;
}

// The token after which the end is nearest.
int32_t nearest_to_end(Matcher* matcher, const std::vector<int32_t>& allowed) {
  int32_t best = allowed.front();
  uint32_t least = UINT32_MAX;
  for (const int32_t token : allowed) {
    if (!*matcher->accept(token)) continue;
    const uint32_t left = *matcher->min_bytes_to_end();
    matcher->rollback(1);
    if (left < least) least = left, best = token;
  }
  return best;
}

// A text of the grammar that begins with `beginning`: random at first, then straight to an end.
std::string random_text(const std::shared_ptr<Grammar>& grammar, const std::string& beginning, std::mt19937_64* random) {
  Matcher matcher(grammar);
  EXPECT_TRUE(*matcher.accept_bytes(beginning)) << beginning;
  const int free_steps = static_cast<int>((*random)() % 120);
  for (int step = 0; step < 3000 && !matcher.ended(); ++step) {
    const auto mask = matcher.mask();
    EXPECT_TRUE(mask.ok());
    std::vector<int32_t> allowed;
    for (int32_t token = 0; token < grammar->vocabulary().size(); ++token) {
      if ((*mask)->allows(token)) allowed.push_back(token);
    }
    if (allowed.empty()) break;
    const int32_t token = step < free_steps ? allowed[(*random)() % allowed.size()] : nearest_to_end(&matcher, allowed);
    EXPECT_TRUE(*matcher.accept(token));
  }
  EXPECT_TRUE(matcher.ended()) << matcher.text();
  return matcher.text();
}

void expect_well_formed(const ParserOptions& options, const std::string& text, size_t least_calls) {
  const ParsedAnswer parsed = gather(parse_answer(options, text));
  EXPECT_TRUE(parsed.malformed.empty()) << text << "\n" << (parsed.malformed.empty() ? "" : parsed.malformed[0].what);
  EXPECT_GE(parsed.calls.size(), least_calls) << text;
  if (!options.tools.parallel || options.tools.choice == ToolChoice::kNamed) {
    EXPECT_LE(parsed.calls.size(), 1u) << text;
  }
  if (options.tools.forced()) {
    EXPECT_EQ(parsed.content, "") << text;
  }
  for (const ParsedCall& call : parsed.calls) {
    const ToolDefinition* tool = options.tools.find(call.name);
    ASSERT_NE(tool, nullptr) << text;
    if (options.tools.choice == ToolChoice::kNamed) {
      EXPECT_EQ(call.name, options.tools.name);
    }
    const auto arguments = grammar::parse_json(call.arguments);
    ASSERT_TRUE(arguments.ok()) << text << "\n" << call.arguments;
    const Result<bool> valid = grammar::satisfies(tool->schema(), *arguments);
    EXPECT_TRUE(valid.ok() && *valid) << text << "\n" << call.arguments;
  }
}

std::shared_ptr<grammar::TokenVocabulary> test_vocabulary() {
  static const auto vocabulary = grammar::mixed_vocabulary(
      {"<tool_call>\n{\"name\": \"get_weather\", \"arguments\": {\"city\": \"Paris\", \"unit\": \"celsius\"}}\n</tool_call>",
       "[TOOL_CALLS][{\"name\": \"save-note\", \"parameters\": {\"text\": \"a\", \"tags\": [\"b\"]}, \"id\": \"abcDEF123\"}]",
       "</think>\n\n<function=now>\n<parameter=text>\n</parameter>\n</function>\n<｜tool▁calls▁begin｜>｜▁｜▁｜<|python_tag|>Action:"},
      7);
  return vocabulary;
}

TEST(CallGrammar, WalksThatForceCallsEndInCalls) {
  std::mt19937_64 random(11);
  for (const std::string& family : families()) {
    for (const ToolChoice choice : {ToolChoice::kRequired, ToolChoice::kNamed}) {
      for (const bool parallel : {true, false}) {
        ParserOptions options = parser_options(format_named(family), test_tools(choice));
        options.tools.parallel = parallel;
        const auto grammar = compiled_answer({options.format, options.tools, false, false}, grammar::byte_vocabulary());
        for (int walk = 0; walk < 4; ++walk) expect_well_formed(options, random_text(grammar, "", &random), 1);
        const auto mixed = compiled_answer({options.format, options.tools, false, false}, test_vocabulary());
        if (!family.starts_with("deepseek")) expect_well_formed(options, random_text(mixed, "", &random), 1);
      }
    }
  }
}

TEST(CallGrammar, FromAMarkOnAutoIsBound) {
  std::mt19937_64 random(12);
  for (const std::string& family : families()) {
    const ParserOptions options = parser_options(format_named(family));
    const auto grammar = compiled_answer({options.format, options.tools, false, false}, grammar::byte_vocabulary());
    std::vector<const CallForm*> forms{&options.format.calls};
    for (const CallForm& other : options.format.others) forms.push_back(&other);
    for (const CallForm* form : forms) {
      if (form->mark.empty()) continue;
      for (int walk = 0; walk < 4; ++walk) expect_well_formed(options, random_text(grammar, "I look. " + form->mark, &random), 1);
    }
    expect_well_formed(options, random_text(grammar, "{\"name\": \"get_weather\", \"arguments\": {", &random), 1);
    expect_well_formed(options, random_text(grammar, "```json\n{\n  \"name\": \"now\",\n  \"parameters\": ", &random), 1);
    for (const char* text : {"Plain text.", "{\"name\": \"get_weather\", \"note\": 1}", "{\"name\": \"Rome\", \"arguments\": 5}", "", "  "}) {
      EXPECT_TRUE(grammar::has_text(grammar, text)) << family << ": " << text;
    }
    EXPECT_FALSE(grammar::has_text(grammar, "{\"name\": \"get_weather\", \"arguments\": {\"city\": 5}}")) << family;
  }
}

TEST(CallGrammar, ReasoningComesFirst) {
  std::mt19937_64 random(13);
  for (const char* family : {"qwen3", "deepseek-r1", "command-r7b"}) {
    for (const bool begun : {true, false}) {
      ParserOptions options = parser_options(format_named(family), test_tools(ToolChoice::kRequired));
      options.begins_in_reasoning = begun;
      const auto grammar = compiled_answer({options.format, options.tools, true, begun}, grammar::byte_vocabulary());
      const ReasoningForm& form = options.format.reasoning;
      const std::string thought = (begun ? "" : form.begin) + "\nhm " + options.format.calls.mark + "\n" + form.end + "\n\n";
      for (int walk = 0; walk < 4; ++walk) {
        const std::string text = random_text(grammar, thought, &random);
        expect_well_formed(options, text, 1);
        EXPECT_EQ(gather(parse_answer(options, text)).reasoning, "hm " + options.format.calls.mark);
      }
      EXPECT_FALSE(grammar::has_text(grammar, thought + "text")) << family;
    }
  }
}

TEST(CallGrammar, WhatACallIsWrittenLikeIsInItsGrammar) {
  for (const std::string& family : families()) {
    ParserOptions options = parser_options(format_named(family), test_tools(ToolChoice::kRequired));
    if (!options.format.calls.id_key.empty() || !options.format.calls.id_begin.empty()) continue;  // ids are made up
    const auto grammar = compiled_answer({options.format, options.tools, false, false}, grammar::byte_vocabulary());
    const std::string call = written_call(options.format.calls, "get_weather", "{\"city\": \"Rome\"}");
    EXPECT_TRUE(grammar::has_text(grammar, call)) << call;
  }
}

TEST(CallGrammar, ErrorsNameTheTool) {
  AnswerGrammar answer{format_named("hermes"), test_tools(), false, false};
  answer.tools.tools[1].parameters = R"({"type":"object","properties":{"a":{"enum":[]}},"required":["a"]})";
  Result<grammar::Rules> rules = compile_answer(answer, std::nullopt);
  ASSERT_FALSE(rules.ok());
  EXPECT_NE(rules.error().message.find("save-note"), std::string::npos) << rules.error().message;
  answer.tools.tools[1].parameters = R"({"type":"object","properties":{"a":{"type":"string","pattern":"(?<=x)y"}},"required":["a"]})";
  rules = compile_answer(answer, std::nullopt);
  ASSERT_FALSE(rules.ok());
  EXPECT_NE(rules.error().message.find("save-note"), std::string::npos) << rules.error().message;
  answer.tools.tools[1].parameters = R"({"type":"string"})";
  rules = compile_answer(answer, std::nullopt);
  ASSERT_FALSE(rules.ok());
  EXPECT_NE(rules.error().message.find("save-note"), std::string::npos) << rules.error().message;
}

TEST(CallGrammar, AFormOfItsOwnStandsBesideCalls) {
  const AnswerGrammar answer{format_named("hermes"), test_tools(), false, false};
  Result<grammar::Rules> content = grammar::compile_schema(R"({"type":"object","properties":{"a":{"type":"integer"}},"required":["a"]})");
  Result<grammar::Rules> rules = compile_answer(answer, std::move(content).value());
  ASSERT_TRUE(rules.ok()) << rules.error().message;
  const auto grammar = Grammar::create(std::move(rules).value(), grammar::byte_vocabulary());
  EXPECT_TRUE(grammar::has_text(grammar, "{\"a\": 5}"));
  EXPECT_TRUE(grammar::has_text(grammar, "<tool_call>\n{\"name\": \"now\", \"arguments\": {}}\n</tool_call>"));
  EXPECT_FALSE(grammar::has_text(grammar, "text"));
  EXPECT_FALSE(grammar::has_text(grammar, "{\"a\": \"b\"}"));
}

// A mark that is a control token of the vocabulary: as text it can be written, and it is what is settled.
TEST(CallGrammar, ControlTokensAreWrittenAsMarks) {
  const std::string file = shared_dir() + "/models/tokenizers/llama3.tokenizer.json.gz";
  if (!file_exists(file)) {
    std::puts("not run: the tokenizers of ../shared are not here");
    return;
  }
  const LoadedTokenizer loaded = load_json_tokenizer(read_gzip_file(file));
  ASSERT_NE(loaded.tokenizer, nullptr) << loaded.error;
  const Tokenizer& tokenizer = *loaded.tokenizer;
  const std::string text = "<|reserved_special_token_0|>";
  const int32_t mark = tokenizer.find(text);
  ASSERT_TRUE(mark >= 0 && tokenizer.is_control(mark));
  AnswerFormat format = format_named("llama3");
  format.others[0].mark = format.others[0].call_begin = text;
  format.shown_tokens = {mark};
  const auto vocabulary = std::make_shared<grammar::TokenVocabulary>(tokenizer, format.shown_tokens);
  EXPECT_EQ(vocabulary->piece(mark), text);
  const auto free = compiled_answer({format, test_tools(), false, false}, vocabulary);
  Matcher matcher(free);
  EXPECT_TRUE((*matcher.mask())->allows(mark));
  EXPECT_TRUE(*matcher.accept(mark));
  EXPECT_FALSE((*matcher.mask())->allows(tokenizer.find("Hello")));
  format.calls = format.others[0];
  const auto forced = compiled_answer({format, test_tools(ToolChoice::kNamed), false, false}, vocabulary);
  Matcher bound(forced);
  const auto settled = bound.forced_tokens(tokenizer);
  ASSERT_TRUE(settled.ok());
  ASSERT_FALSE(settled->empty());
  EXPECT_EQ(settled->front(), mark);
  StreamDecoder shows(tokenizer, false, false, {mark}), hides(tokenizer);
  EXPECT_EQ(shows.push(mark), text);
  EXPECT_EQ(hides.push(mark), "");
}

}  // namespace
}  // namespace hearth::text::tools
