// Behaviour of the tokenizers beyond ids: start and stop tokens, streaming, round trips, long text, and files that lie.
//
// Contract: runs on the tiny vocabularies under tests/goldens/tokenizer and on small ones made here.
// Not here: comparison with other tokenizers (tokenizer_oracle_test.cpp, tokenizer_vectors_test.cpp).
#include "text/tokenizer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "text/bpe_tokenizer.h"
#include "text/pre_tokenizer.h"
#include "text/test_data.h"
#include "text/unicode.h"

namespace hearth::text {
namespace {

std::string tiny_json(const std::string& name) {
  return read_test_file(std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/tokenizer/" + name + ".tokenizer.json");
}

std::unique_ptr<Tokenizer> tiny(const std::string& name) {
  LoadedTokenizer loaded = load_json_tokenizer(tiny_json(name));
  EXPECT_NE(loaded.tokenizer, nullptr) << loaded.error;
  return std::move(loaded.tokenizer);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

TEST(Tokenizer, StartTokenComesOnce) {
  const auto tokenizer = tiny("llama3");
  ASSERT_TRUE(tokenizer->adds_start());
  const int32_t start = tokenizer->find("<|im_start|>");
  ASSERT_EQ(tokenizer->start_id(), start);
  EncodeOptions options;
  options.add_start = true;
  const auto plain = tokenizer->encode("hello", {});
  auto expected = plain;
  expected.insert(expected.begin(), start);
  EXPECT_EQ(tokenizer->encode("hello", options), expected);
  EXPECT_EQ(tokenizer->encode("<|im_start|>hello", options), expected);
  EXPECT_EQ(tokenizer->encode("<|im_start|>hello", {}), expected);
  EXPECT_EQ(tokenizer->encode("", options), std::vector<int32_t>{start});
  expected.insert(expected.begin(), start);
  EXPECT_EQ(tokenizer->encode("<|im_start|><|im_start|>hello", options), expected);
}

TEST(Tokenizer, StopTokensByName) {
  const auto tokenizer = tiny("gpt2");
  EXPECT_TRUE(tokenizer->is_stop(tokenizer->find("<|im_end|>")));
  EXPECT_TRUE(tokenizer->is_stop(tokenizer->find("<|endoftext|>")));
  EXPECT_FALSE(tokenizer->is_stop(tokenizer->find("<|im_start|>")));
  EXPECT_FALSE(tokenizer->is_stop(-1));
  EXPECT_EQ(tokenizer->stop_ids().size(), 2u);
}

TEST(Tokenizer, ControlTokensAreSilentUnlessAsked) {
  const auto tokenizer = tiny("gpt2");
  const int32_t id = tokenizer->find("<|im_end|>");
  EXPECT_TRUE(tokenizer->is_control(id));
  EXPECT_EQ(tokenizer->token_bytes(id), "");
  EXPECT_EQ(tokenizer->token_bytes(id, true), "<|im_end|>");
  EXPECT_EQ(tokenizer->token_text(id), "<|im_end|>");
  EXPECT_EQ(tokenizer->find("no such token"), -1);
  EXPECT_EQ(tokenizer->token_bytes(-1), "");
  EXPECT_EQ(tokenizer->token_bytes(tokenizer->size()), "");
  EXPECT_FALSE(tokenizer->is_control(1 << 30));
  for (int32_t i = 0; i < tokenizer->size(); ++i) EXPECT_EQ(tokenizer->find(tokenizer->token_text(i)), i);
}

TEST(Tokenizer, AnyBytesComeBack) {
  for (const char* name : {"gpt2", "digits", "llama3", "deepseek3", "spaces", "prefix"}) {
    const auto tokenizer = tiny(name);
    uint32_t state = 1;
    for (int round = 0; round < 200; ++round) {
      std::string text;
      for (int i = 0; i < round; ++i) {
        state = state * 1664525 + 1013904223;
        text.push_back(static_cast<char>(round % 3 == 0 ? state >> 24 : 0x20 + (state >> 24) % 0x60));
      }
      // After a token that is matched whole the prefix kind starts anew with its space, as its own tokenizer does.
      if (tokenizer->strips_first_space()) std::replace(text.begin(), text.end(), '\n', 'n');
      EXPECT_EQ(tokenizer->decode(tokenizer->encode(text, {}), true), text) << name;
    }
  }
}

TEST(Tokenizer, LongWordsEqualTheirShortWay) {
  // "International" ends in l and starts with I, and no merge joins those: a repetition, long enough for the heap, must be
  // the repetition of the ids that the flat merge gives for one.
  const auto tokenizer = tiny("gpt2");
  const auto once = tokenizer->encode("International", {});
  std::string text;
  std::vector<int32_t> expected;
  for (int i = 0; i < 5000; ++i) {
    text += "International";
    expected.insert(expected.end(), once.begin(), once.end());
  }
  EXPECT_EQ(tokenizer->encode(text, {}), expected);
}

TEST(Tokenizer, LongTextWithoutSpacesIsNotQuadratic) {
  for (const char* name : {"gpt2", "qwen2", "deepseek3", "spaces"}) {
    const auto tokenizer = tiny(name);
    for (const char* unit : {"a", " ", "\n", "\xE6\xBC\xA2", "e\xCC\x81", "!", "1", "\xFF", "<|im_"}) {
      std::string text;
      while (text.size() < (1 << 18)) text += unit;
      const auto ids = tokenizer->encode(text, {});
      // NFC composes e and its accent.
      EXPECT_EQ(tokenizer->decode(ids, true), std::string(name) == "qwen2" ? to_nfc(text) : text);
    }
  }
}

TEST(Tokenizer, ThreadsAgree) {
  const auto tokenizer = tiny("qwen2");
  const std::string text = tiny_json("qwen2");
  std::vector<std::vector<int32_t>> results(4);
  std::vector<std::thread> threads;
  for (auto& result : results) threads.emplace_back([&] { result = tokenizer->encode(text, {}); });
  for (auto& thread : threads) thread.join();
  for (const auto& result : results) EXPECT_EQ(result, results[0]);
  EXPECT_EQ(tokenizer->decode(results[0], true), text);
}

TEST(StreamDecoder, HoldsBackUnfinishedCharacters) {
  const auto tokenizer = tiny("gpt2");
  const std::string text = "\xF0\x9F\x98\x80\xE4\xB8\x96z";
  StreamDecoder decoder(*tokenizer);
  std::string out;
  for (const char c : text) {
    const auto ids = tokenizer->encode(std::string(1, c), {});
    ASSERT_EQ(ids.size(), 1u);
    const std::string part = decoder.push(ids[0]);
    EXPECT_TRUE(is_valid_utf8(part));
    out += part;
  }
  EXPECT_EQ(out, text);
  EXPECT_EQ(decoder.finish(), "");
}

TEST(StreamDecoder, ReplacesWhatCannotBecomeACharacter) {
  const auto tokenizer = tiny("gpt2");
  const auto stream = [&](const std::string& bytes) {
    StreamDecoder decoder(*tokenizer);
    std::string out;
    for (const int32_t id : tokenizer->encode(bytes, {})) out += decoder.push(id);
    return out + decoder.finish();
  };
  const std::string mark = "\xEF\xBF\xBD";
  EXPECT_EQ(stream("a\xFFz"), "a" + mark + "z");
  EXPECT_EQ(stream("\xE4\xB8"), mark);
  EXPECT_EQ(stream("\xE4\xB8z"), mark + "z");
  EXPECT_EQ(stream("\xED\xA0\x80"), mark + mark + mark);
  EXPECT_EQ(stream("\xF0\x9F\x98\xE4\xB8\x96"), mark + "\xE4\xB8\x96");
}

TEST(StreamDecoder, FirstSpaceOfPrefixVocabularies) {
  const auto tokenizer = tiny("prefix");
  ASSERT_TRUE(tokenizer->strips_first_space());
  const auto ids = tokenizer->encode("Hello World", {});
  EXPECT_EQ(tokenizer->decode(ids), "Hello World");
  StreamDecoder fresh(*tokenizer), continued(*tokenizer, false, true);
  std::string first, second;
  for (const int32_t id : ids) {
    first += fresh.push(id);
    second += continued.push(id);
  }
  EXPECT_EQ(first, "Hello World");
  EXPECT_EQ(second, " Hello World");
}

void expect_error(const std::string& json, ErrorCode code, const std::string& part) {
  auto tokenizer = Tokenizer::from_json(json);
  ASSERT_FALSE(tokenizer.ok()) << part;
  EXPECT_EQ(tokenizer.error().code, code) << tokenizer.error().message;
  EXPECT_NE(tokenizer.error().message.find(part), std::string::npos) << tokenizer.error().message;
}

TEST(TokenizerJson, NamesWhatItCannotDo) {
  const std::string json = tiny_json("qwen2");
  expect_error("", ErrorCode::kCorrupt, "not valid JSON");
  expect_error("[]", ErrorCode::kCorrupt, "object");
  expect_error("{}", ErrorCode::kCorrupt, "model");
  expect_error(replaced(json, "\"NFC\"", "\"NFKC\""), ErrorCode::kUnsupported, "NFKC");
  expect_error(replaced(json, "\"type\":\"BPE\"", "\"type\":\"Unigram\""), ErrorCode::kUnsupported, "Unigram");
  expect_error(replaced(json, "\"type\":\"Split\"", "\"type\":\"Whitespace\""), ErrorCode::kUnsupported, "Whitespace");
  expect_error(replaced(json, "\"dropout\":null", "\"dropout\":0.1"), ErrorCode::kUnsupported, "dropout");
  expect_error(replaced(json, "\"behavior\":\"Isolated\"", "\"behavior\":\"Removed\""), ErrorCode::kUnsupported, "Removed");
  expect_error(replaced(json, "\\\\s+(?!\\\\S)", "(\\\\s"), ErrorCode::kUnsupported, "not understood");
}

TEST(TokenizerJson, RefusesWhatContradictsItself) {
  const std::string json = tiny_json("gpt2");
  expect_error(replaced(json, "\"!\":3", "\"!\":-3"), ErrorCode::kCorrupt, "-3");
  expect_error(replaced(json, "\"!\":3", "\"!\":99999999999"), ErrorCode::kCorrupt, "99999999999");
  expect_error(replaced(json, "\"!\":3", "\"!\":4"), ErrorCode::kCorrupt, "two tokens");
  expect_error(replaced(json, "\"!\":3", "\"!\":\"3\""), ErrorCode::kCorrupt, "not an integer");
}

TEST(Vocabulary, ByteTokensAreExact) {
  EXPECT_EQ(parse_byte_token("<0x00>"), 0);
  EXPECT_EQ(parse_byte_token("<0xfF>"), 255);
  for (const char* text : {"<0x-1>", "<0x1>", "<0x001>", "<0xGG>", "<0x0 >", "0x00", "<0X00>", "<0x00", ""}) {
    EXPECT_EQ(parse_byte_token(text), -1) << text;
  }
}

TEST(Vocabulary, RefusesEmptyAndFalseByteTokens) {
  Vocabulary::Source source;
  source.form = TextForm::kSentencePiece;
  EXPECT_FALSE(Vocabulary::build(source).ok());
  source.size = 2;
  source.text = [](size_t i) { return i == 0 ? std::string_view("a") : std::string_view("<0x-1>"); };
  source.kind = [](size_t i) { return i == 0 ? TokenKind::kNormal : TokenKind::kByte; };
  const auto vocabulary = Vocabulary::build(source);
  ASSERT_FALSE(vocabulary.ok());
  EXPECT_NE(vocabulary.error().message.find("token 1"), std::string::npos);
}

TEST(PreTokenizer, UnknownRuleIsNamed) {
  const auto rule = make_pre_tokenizer("no-such-rule");
  ASSERT_FALSE(rule.ok());
  EXPECT_EQ(rule.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(rule.error().message.find("no-such-rule"), std::string::npos);
  EXPECT_FALSE(make_pre_tokenizer("").ok());
  EXPECT_FALSE(make_pre_tokenizer("qwen2 deepseek-r1-qwen").ok());
}

TEST(PreTokenizer, EveryRuleCoversItsText) {
  const std::string text = "It's 12345 'ſ caf\xC3\xA9\xFF\xE4\xB8  \r\n\t x\xE3\x80\x80IMGIMGABZ<sentinel:12> ";
  for (const char* name : {"gpt-2", "mpt", "smollm", "command-r", "qwen2", "stablelm2", "llama-bpe", "dbrx", "tekken", "gpt-4o",
                           "deepseek-llm", "deepseek-coder", "deepseek-v3", "falcon", "chameleon"}) {
    auto rule = make_pre_tokenizer(name);
    ASSERT_TRUE(rule.ok()) << rule.error().message;
    std::vector<size_t> ends, scratch;
    rule->chain.split(text, &ends, &scratch);
    size_t last = 0;
    for (const size_t end : ends) {
      EXPECT_GT(end, last) << name;
      last = end;
    }
    EXPECT_EQ(last, text.size()) << name;
    EXPECT_GT(ends.size(), 8u) << name;
  }
}

}  // namespace
}  // namespace hearth::text
