// Grammars and vocabularies that several tests use.
//
// Contract: for tests only.
// Not here: expectations.
#pragma once

#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "text/grammar/choices.h"
#include "text/grammar/gbnf.h"
#include "text/grammar/grammar.h"
#include "text/grammar/schema.h"

namespace hearth::text::grammar {

inline std::shared_ptr<TokenVocabulary> byte_vocabulary() {
  std::vector<std::string> pieces;
  for (int byte = 0; byte < 256; ++byte) pieces.emplace_back(1, static_cast<char>(byte));
  pieces.emplace_back();  // the stop token
  return std::make_shared<TokenVocabulary>(pieces, std::vector<int32_t>{256});
}

// Printable bytes and pieces cut out of sample texts, short and long, so that tokens straddle everything.
inline std::shared_ptr<TokenVocabulary> mixed_vocabulary(const std::vector<std::string>& samples, uint64_t seed) {
  std::set<std::string> pieces;
  for (int byte = 0x20; byte < 0x7F; ++byte) pieces.insert(std::string(1, static_cast<char>(byte)));
  for (const char* piece : {"\n", "\n\n", "\t", "\xC3", "\xC3\xA9", "\xA9", "\xE2\x82", "\xAC", "\xF0\x9F\x98\x80", "  ", "   \n", "\\u00", "\\\""}) {
    pieces.insert(piece);
  }
  std::mt19937_64 random(seed);
  for (size_t i = 0; i < 700; ++i) {
    const std::string& sample = samples[random() % samples.size()];
    const size_t begin = random() % sample.size();
    pieces.insert(sample.substr(begin, 1 + random() % (i % 8 == 0 ? 40 : 9)));
  }
  std::vector<std::string> list(pieces.begin(), pieces.end());
  std::shuffle(list.begin(), list.end(), random);
  list.emplace_back();       // a control token
  list.emplace_back();       // the stop token
  const auto stop = static_cast<int32_t>(list.size() - 1);
  return std::make_shared<TokenVocabulary>(list, std::vector<int32_t>{stop});
}

inline bool has_text(const std::shared_ptr<Grammar>& grammar, const std::string& text) {
  Matcher matcher(grammar);
  auto accepted = matcher.accept_bytes(text);
  return accepted.ok() && *accepted && *matcher.can_end();
}

inline const std::vector<std::string>& sample_texts() {
  static const std::vector<std::string> texts = {
      R"({"name": "Zoë", "age": 41, "tags": ["a", "b\n", "c\u00e9"], "ok": true, "none": null, "x": -1.5e+10})",
      "{\n  \"name\": \"J\\\"o\",\n  \"list\": [1, 2, 33, 444],\n  \"deep\": {\"a\": {\"b\": [{}, []]}}\n}",
      "((a+b)*c)-(12/x) == foo(bar, baz)[0]; ab abab aabb cab 2024-02-29T23:59:01Z name@example.org aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
  };
  return texts;
}

}  // namespace hearth::text::grammar
