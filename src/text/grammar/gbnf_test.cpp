// GBNF against llama.cpp's own sampler on a real vocabulary (tests/goldens/grammar/gbnf.json), and the errors of its reader.
//
// Contract: without the small model in the cache the walks are not run, which is printed.
// Not here: masks in general (grammar_test.cpp).
#include "text/grammar/gbnf.h"

#include <gtest/gtest.h>

#include "base/sha256.h"
#include "text/grammar/json_value.h"
#include "text/grammar/test_grammars.h"
#include "text/test_data.h"

namespace hearth::text::grammar {
namespace {

JsonValue goldens() {
  return parse_json(read_test_file(std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/grammar/gbnf.json")).value();
}

TEST(GbnfTest, RefusesWhatIsNoGrammarAndReadsWhatIs) {
  const JsonValue data = goldens();
  for (const JsonValue& text : data.find("broken")->items) EXPECT_FALSE(compile_gbnf(text.text).ok()) << text.text;
  for (const JsonValue& text : data.find("fine")->items) {
    const auto rules = compile_gbnf(text.text);
    EXPECT_TRUE(rules.ok()) << text.text << ": " << (rules.ok() ? "" : rules.error().message);
  }
}

TEST(GbnfTest, AllowsTheTokensThatTheReferenceAllows) {
  const std::string path = model_file("smollm2-135m.gguf");
  if (path.empty()) {
    std::printf("not run: smollm2-135m.gguf is not in the model cache\n");
    return;
  }
  const auto loaded = load_gguf_tokenizer(path);
  ASSERT_NE(loaded.tokenizer, nullptr) << loaded.error;
  const auto vocabulary = std::make_shared<TokenVocabulary>(*loaded.tokenizer);
  const JsonValue data = goldens();
  size_t steps = 0;
  for (const JsonValue& walk : data.find("walks")->items) {
    auto rules = compile_gbnf(walk.find("grammar")->text);
    ASSERT_TRUE(rules.ok()) << walk.find("grammar")->text << ": " << rules.error().message;
    Matcher matcher(Grammar::create(std::move(rules).value(), vocabulary));
    for (const JsonValue& step : walk.find("steps")->items) {
      const auto mask = matcher.mask().value();
      std::vector<int32_t> allowed;
      for (int32_t token = 0; token < vocabulary->size(); ++token) {
        const bool compared = !vocabulary->is_stop(token) && vocabulary->piece(token).find('\0') == std::string_view::npos;
        if (compared && mask->allows(token)) allowed.push_back(token);
      }
      const std::string place = walk.find("grammar")->text + " after '" + matcher.text() + "'";
      EXPECT_EQ(std::to_string(allowed.size()), step.find("count")->text) << place;
      const std::string digest = to_hex(sha256_of({reinterpret_cast<const char*>(allowed.data()), allowed.size() * sizeof(int32_t)}));
      EXPECT_EQ(digest.substr(0, 16), step.find("hash")->text) << place;
      EXPECT_EQ(matcher.can_end().value(), step.find("end")->kind == JsonValue::Kind::kTrue) << place;
      const JsonValue* token = step.find("token");
      if (token != nullptr) {
        ASSERT_TRUE(matcher.accept(std::stoi(token->text)).value()) << place;
      }
      ++steps;
    }
  }
  EXPECT_GT(steps, 100u);
}

TEST(GbnfTest, ErrorsSayWhere) {
  const std::pair<const char*, const char*> cases[] = {
      {"root ::= \"a\" b\nc ::= \"x\"", "line 1, column 14: the rule 'b' is used but not defined"},
      {"a ::= \"x\"\n", "there is no rule 'root'"},
      {"root ::= \"x\"\nroot ::= \"y\"", "line 2, column 1: the rule 'root' is defined twice"},
      {"root ::= x\nx ::= x \"a\" | \"b\"", "line 2, column 1: left recursion, which never reads a character: x -> x"},
      {"root ::= a\na ::= b \"1\" | \"2\"\nb ::= a", "left recursion"},
      {"root ::= n* root \"x\" | \"y\"\nn ::= \"a\"?", "line 1, column 1: left recursion"},
      {"root ::= [z-a]", "line 1, column 12: a range out of order"},
      {"root ::= \"a\"{3,1}", "bounds are out of order"},
      {"root ::= \"a\"{99999999}", "a repeat above"},
      {"root ::= \"a\n\"", "a literal without its closing"},
      {"root ::= <think>", "references to tokens"},
      {"root ::= x\nx ::= \"a\" x", "no text can satisfy the grammar"},
      {"root ::= \"\xFF\"", "not UTF-8"},
  };
  for (const auto& [text, message] : cases) {
    const auto rules = compile_gbnf(text);
    ASSERT_FALSE(rules.ok()) << text;
    EXPECT_NE(rules.error().message.find(message), std::string::npos) << text << "\n" << rules.error().message;
  }
  const std::string deep = "root ::= " + std::string(100'000, '(') + "\"a\"" + std::string(100'000, ')');
  EXPECT_FALSE(compile_gbnf(deep).ok());
}

TEST(GbnfTest, ALineMayBeginWithABar) {
  const auto grammar = Grammar::create(compile_gbnf("root ::= \"a\"\n  | b_c\nb_c ::= \"d\"").value(), byte_vocabulary());
  EXPECT_TRUE(has_text(grammar, "a"));
  EXPECT_TRUE(has_text(grammar, "d"));
  EXPECT_FALSE(has_text(grammar, "b"));
}

}  // namespace
}  // namespace hearth::text::grammar
