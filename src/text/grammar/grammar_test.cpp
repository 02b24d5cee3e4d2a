// Masks against trying every token, matchers, budgets, forced text.
//
// Contract: vocabularies are small and made here; real ones are in bench/mask_bench.cpp.
// Not here: syntax of the front ends.
#include "text/grammar/grammar.h"

#include <gtest/gtest.h>

#include "text/grammar/test_grammars.h"
#include "text/tokenizer.h"

namespace hearth::text::grammar {
namespace {

const char* const kGbnf[] = {
    "root ::= expr\nexpr ::= term ([-+*/] term)*\nterm ::= [a-z]+ | [0-9]+ | \"(\" expr \")\"",
    "root ::= (\"a\" | \"ab\" | \"abab\"){2,5} \"c\"? ",
    "root ::= value\nvalue ::= object | array | string | number | \"true\" | \"null\"\n"
    "object ::= \"{\" ws (pair (\",\" ws pair)*)? ws \"}\"\npair ::= string \":\" ws value\n"
    "array ::= \"[\" (value (\", \" value)*)? \"]\"\nstring ::= \"\\\"\" ([^\"\\\\\\x00-\\x1f] | \"\\\\\" [\"\\\\nu])* \"\\\"\"\n"
    "number ::= \"-\"? [0-9]+ (\".\" [0-9]+)?\nws ::= [ \\n]*",
    "root ::= x{0,3} y\nx ::= \"(\" x? \")\" | \"a\"?\ny ::= [^a-c]{20,24} | .*",
    "root ::= a{3,30}\na ::= \"ab\" | b\nb ::= [a-z] b? | \"(\" a \")\"",
    "root ::= [^\\n]* \"\\n\" root | \"end\"",
};

const char* const kSchemas[] = {
    R"({"type":"object","properties":{"name":{"type":"string","maxLength":20},"age":{"type":"integer","minimum":1,"maximum":130},
        "tags":{"type":"array","items":{"enum":["a","b","c"]},"maxItems":3}},"required":["name"]})",
    R"({"type":"string","pattern":"^[a-z]+@[a-z]+\\.(org|com)$","maxLength":18})",
    R"({"anyOf":[{"type":"number","multipleOf":0.5,"maximum":10},{"type":"string","format":"date-time"},{"type":"array"}]})",
    R"({"type":"object","additionalProperties":{"type":"boolean"},"properties":{"x":{"type":"null"}},"maxProperties":3})",
    R"({"$ref":"#/$defs/tree","$defs":{"tree":{"type":"object","properties":{"left":{"$ref":"#/$defs/tree"},"v":{"type":"string"}}}}})",
};

std::vector<std::shared_ptr<Grammar>> all_grammars(const std::shared_ptr<TokenVocabulary>& vocabulary, const GrammarBudgets& budgets = {}) {
  std::vector<std::shared_ptr<Grammar>> grammars;
  for (const char* text : kGbnf) {
    auto rules = compile_gbnf(text);
    EXPECT_TRUE(rules.ok()) << text << ": " << rules.error().message;
    if (rules.ok()) grammars.push_back(Grammar::create(std::move(rules).value(), vocabulary, budgets));
  }
  for (const char* text : kSchemas) {
    auto rules = compile_schema(text);
    EXPECT_TRUE(rules.ok()) << text << ": " << rules.error().message;
    if (rules.ok()) grammars.push_back(Grammar::create(std::move(rules).value(), vocabulary, budgets));
  }
  grammars.push_back(Grammar::create(compile_choices({"ab", "abab", "name", "né"}).value(), vocabulary, budgets));
  return grammars;
}

std::vector<int32_t> tried(const Matcher& matcher, int32_t size) {
  std::vector<int32_t> allowed;
  for (int32_t token = 0; token < size; ++token) {
    Matcher copy = matcher;
    if (copy.accept(token).value()) allowed.push_back(token);
  }
  return allowed;
}

std::vector<int32_t> masked(Matcher* matcher, int32_t size) {
  const auto mask = matcher->mask().value();
  std::vector<int32_t> allowed;
  for (int32_t token = 0; token < size; ++token) {
    if (mask->allows(token)) allowed.push_back(token);
  }
  EXPECT_EQ(mask->count(), allowed.size());
  return allowed;
}

TEST(GrammarTest, MasksAllowExactlyTheTokensThatCanBeAccepted) {
  size_t states = 0;
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    const auto vocabulary = mixed_vocabulary(sample_texts(), seed);
    std::mt19937_64 random(seed);
    for (const auto& grammar : all_grammars(vocabulary)) {
      Matcher matcher(grammar);
      for (int step = 0; step < 25; ++step, ++states) {
        const std::vector<int32_t> allowed = masked(&matcher, vocabulary->size());
        ASSERT_EQ(allowed, tried(matcher, vocabulary->size())) << matcher.text();
        ASSERT_FALSE(allowed.empty()) << matcher.text();
        ASSERT_TRUE(matcher.accept(allowed[random() % allowed.size()]).value());
        if (matcher.ended()) {
          EXPECT_EQ(matcher.mask().value()->count(), 0u);
          break;
        }
      }
    }
  }
  EXPECT_GT(states, 300u);
}

TEST(GrammarTest, BudgetsAreKeptAndNeverShow) {
  const auto vocabulary = mixed_vocabulary(sample_texts(), 7);
  GrammarBudgets tight;
  tight.recogniser_bytes = 30'000;
  tight.mask_bytes = 700;
  const auto roomy = all_grammars(vocabulary), small = all_grammars(vocabulary, tight);
  uint64_t forgotten = 0;
  for (size_t g = 0; g < roomy.size(); ++g) {
    Matcher left(roomy[g]), right(small[g]), other(small[g]);
    std::mt19937_64 random(g);
    for (int step = 0; step < 60 && !left.ended(); ++step) {
      const std::vector<int32_t> allowed = masked(&left, vocabulary->size());
      ASSERT_EQ(allowed, masked(&right, vocabulary->size())) << left.text();
      if (step % 7 == 3) {
        right.rollback(2);
        const std::string text = left.text().substr(right.text().size());
        ASSERT_TRUE(right.accept_bytes(text).value());
        ASSERT_TRUE(right.accept_bytes("").value());
      }
      if (step % 5 == 0) other = right;
      const int32_t token = allowed[random() % allowed.size()];
      ASSERT_TRUE(left.accept(token).value());
      ASSERT_TRUE(right.accept(token).value());
    }
    forgotten += small[g]->times_forgotten();
    EXPECT_EQ(roomy[g]->times_forgotten(), 0u);
    EXPECT_EQ(masked(&other, vocabulary->size()), tried(other, vocabulary->size()));
  }
  EXPECT_GT(forgotten, 0u);
}

TEST(GrammarTest, SharedMasksAreEvictedWithinTheirBudget) {
  auto big = mixed_vocabulary(sample_texts(), 9);
  std::vector<std::string> pieces;
  for (int32_t i = 0; i < big->size(); ++i) pieces.emplace_back(big->piece(i));
  constexpr size_t kBudget = 9000;
  const auto tight = std::make_shared<TokenVocabulary>(pieces, std::vector<int32_t>{big->size() - 1}, kBudget);
  const auto first = all_grammars(big), second = all_grammars(tight);
  for (size_t g = 0; g < first.size(); ++g) {
    Matcher left(first[g]), right(second[g]);
    std::mt19937_64 random(g);
    for (int step = 0; step < 30 && !left.ended(); ++step) {
      const std::vector<int32_t> allowed = masked(&left, big->size());
      ASSERT_EQ(allowed, masked(&right, big->size()));
      EXPECT_LE(tight->cached_bytes(), kBudget);
      const int32_t token = allowed[random() % allowed.size()];
      ASSERT_TRUE(left.accept(token).value() && right.accept(token).value());
    }
  }
  EXPECT_GT(tight->cached_bytes(), 0u);
  EXPECT_GT(big->cached_bytes(), kBudget);
}

TEST(GrammarTest, RollbackAndCopiesFindTheSameMasksAgain) {
  const auto vocabulary = mixed_vocabulary(sample_texts(), 3);
  for (const auto& grammar : all_grammars(vocabulary)) {
    Matcher matcher(grammar);
    std::vector<std::vector<int32_t>> masks;
    std::mt19937_64 random(5);
    while (matcher.token_count() < 12 && !matcher.ended()) {
      masks.push_back(masked(&matcher, vocabulary->size()));
      ASSERT_TRUE(matcher.accept(masks.back()[random() % masks.back().size()]).value());
    }
    Matcher copy = matcher;
    while (copy.token_count() > 0) {
      copy.rollback(1);
      EXPECT_EQ(masked(&copy, vocabulary->size()), masks[copy.token_count()]);
    }
    EXPECT_EQ(copy.text(), "");
    EXPECT_EQ(matcher.token_count(), masks.size());
  }
}

TEST(GrammarTest, WhatMayNotComeIsRefusedAndChangesNothing) {
  const auto vocabulary = byte_vocabulary();
  const auto grammar = Grammar::create(compile_choices({"yes", "no"}).value(), vocabulary);
  Matcher matcher(grammar);
  EXPECT_FALSE(matcher.accept('x').value());
  EXPECT_FALSE(matcher.accept(-1).value());
  EXPECT_FALSE(matcher.accept(9999).value());
  EXPECT_FALSE(matcher.accept(256).value()) << "the text may not end here";
  EXPECT_FALSE(matcher.accept_bytes("yesx").value());
  EXPECT_EQ(matcher.token_count(), 0u);
  EXPECT_TRUE(matcher.accept_bytes("no").value());
  EXPECT_TRUE(matcher.can_end().value());
  EXPECT_EQ(matcher.mask().value()->count(), 1u);
  EXPECT_TRUE(matcher.accept(256).value());
  EXPECT_TRUE(matcher.ended());
  EXPECT_FALSE(matcher.accept('x').value());
  matcher.rollback(2);
  EXPECT_EQ(matcher.forced_bytes().value(), "");
  EXPECT_TRUE(matcher.accept('y').value());
  EXPECT_EQ(matcher.forced_bytes().value(), "es");
  EXPECT_EQ(matcher.min_bytes_to_end().value(), 2u);
}

// Writes a text as its longest pieces, from the left.
class GreedyTokenizer : public Tokenizer {
 public:
  explicit GreedyTokenizer(const TokenVocabulary& vocabulary) : vocabulary_(vocabulary) {}
  std::vector<int32_t> encode(std::string_view text, const EncodeOptions&) const override {
    std::vector<int32_t> ids;
    while (!text.empty()) {
      int32_t best = -1;
      for (int32_t id = 0; id < size(); ++id) {
        const std::string_view piece = vocabulary_.piece(id);
        if (!piece.empty() && text.starts_with(piece) && (best < 0 || piece.size() > vocabulary_.piece(best).size())) best = id;
      }
      ids.push_back(best);
      text.remove_prefix(vocabulary_.piece(best).size());
    }
    return ids;
  }
  std::string_view token_bytes(int32_t id, bool) const override { return vocabulary_.piece(id); }
  std::string decode(std::span<const int32_t>, bool) const override { return ""; }
  int32_t size() const override { return vocabulary_.size(); }
  std::string_view token_text(int32_t id) const override { return vocabulary_.piece(id); }
  bool is_control(int32_t) const override { return false; }
  int32_t find(std::string_view) const override { return -1; }

 private:
  const TokenVocabulary& vocabulary_;
};

TEST(GrammarTest, ForcedTokensStopBeforeWhatCouldBecomeALongerToken) {
  const std::vector<std::string> pieces = {"{", "\"", "name", "na", "me", "\":", "\": ", " ", ":", "n", "a", "m", "e", "x", "}", "", "\": \""};
  const auto vocabulary = std::make_shared<TokenVocabulary>(pieces, std::vector<int32_t>{15});
  const GreedyTokenizer tokenizer(*vocabulary);
  const auto grammar = Grammar::create(compile_gbnf("root ::= \"{\" \"\\\"name\\\":\" \" \"? \"\\\"x\\\"}\"").value(), vocabulary);
  Matcher matcher(grammar);
  EXPECT_EQ(matcher.forced_bytes().value(), "{\"name\":");
  // '":' could as well be '": ', which the model has to choose.
  EXPECT_EQ(matcher.forced_tokens(tokenizer).value(), (std::vector<int32_t>{0, 1, 2}));
  for (const int32_t token : {0, 1, 2, 6}) ASSERT_TRUE(matcher.accept(token).value());
  EXPECT_EQ(matcher.forced_tokens(tokenizer).value(), (std::vector<int32_t>{1, 13, 1, 14}));
  for (const int32_t token : {1, 13, 1, 14}) ASSERT_TRUE(matcher.accept(token).value());
  EXPECT_EQ(matcher.forced_tokens(tokenizer).value(), std::vector<int32_t>{15});
}

TEST(GrammarTest, HostileGrammarsEndInAnError) {
  const auto vocabulary = mixed_vocabulary(sample_texts(), 2);
  auto rules = compile_gbnf("root ::= x{0,9999} y\nx ::= a | a x a | b\na ::= \"a\" a?\nb ::= \"a\" b b | \"aa\"\ny ::= \"z\"");
  ASSERT_TRUE(rules.ok()) << rules.error().message;
  const auto grammar = Grammar::create(std::move(rules).value(), vocabulary);
  Matcher matcher(grammar);
  bool refused = false;
  for (int i = 0; i < 400 && !refused; ++i) {
    auto accepted = matcher.accept_bytes("a");
    refused = !accepted.ok();
    if (refused) {
      EXPECT_EQ(accepted.error().code, ErrorCode::kResource);
    }
  }
  EXPECT_TRUE(refused);
  Matcher fresh(grammar);
  EXPECT_TRUE(fresh.accept_bytes("aaz").value()) << "the grammar still serves others";
}

}  // namespace
}  // namespace hearth::text::grammar
