// Fuzz target: a vocabulary out of arbitrary bytes, and arbitrary bytes encoded with it.
//
// Contract: nothing may crash, hang or read outside; where a tokenizer comes about, decoding gives back what was encoded
// unless the vocabulary lacks bytes.
// Not here: GGUF parsing (its own target).
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "text/bpe_tokenizer.h"
#include "text/pre_tokenizer.h"
#include "text/unicode.h"

namespace hearth::text {
namespace {

class Bytes {
 public:
  Bytes(const uint8_t* data, size_t size) : data_(reinterpret_cast<const char*>(data), size) {}
  uint8_t byte() {
    if (data_.empty()) return 0;
    const auto value = static_cast<uint8_t>(data_.front());
    data_.remove_prefix(1);
    return value;
  }
  std::string_view take(size_t count) {
    const std::string_view result = data_.substr(0, count);
    data_.remove_prefix(result.size());
    return result;
  }
  std::string_view rest() const { return data_; }

 private:
  std::string_view data_;
};

Result<std::unique_ptr<Tokenizer>> make(Bytes* bytes) {
  const uint8_t flags = bytes->byte();
  const bool byte_level = flags & 1;
  std::vector<std::string> texts;
  std::vector<TokenKind> kinds;
  if (flags & 2) {
    for (int b = 0; b < 256; ++b) {
      char text[8];
      std::snprintf(text, sizeof text, "<0x%02X>", b);
      texts.push_back(text);
      kinds.push_back(byte_level ? TokenKind::kNormal : TokenKind::kByte);
    }
  }
  const size_t count = bytes->byte();
  for (size_t i = 0; i < count; ++i) {
    const uint8_t head = bytes->byte();
    texts.emplace_back(bytes->take(head & 15));
    kinds.push_back(head & 0x80 ? static_cast<TokenKind>(1 + (head >> 4 & 7) % 6) : TokenKind::kNormal);
  }
  Vocabulary::Source source;
  source.size = texts.size();
  source.text = [&](size_t i) { return std::string_view(texts[i]); };
  source.kind = [&](size_t i) { return kinds[i]; };
  source.form = byte_level ? TextForm::kByteLevel : TextForm::kSentencePiece;
  Vocabulary vocabulary = TRY(Vocabulary::build(source));

  BpeParts parts;
  for (const int32_t id : vocabulary.special_tokens()) {
    SpecialToken token;
    token.text = vocabulary.text(id);
    token.id = id;
    token.control = vocabulary.kind(id) != TokenKind::kUserDefined;
    token.strip_left = flags & 4;
    token.strip_right = flags & 8;
    token.single_word = flags & 16;
    parts.special_tokens.push_back(token);
  }
  BpeOptions options;
  options.ignore_merges = flags & 32;
  if (byte_level || flags & 64) {
    options.characters = !byte_level;
    std::vector<std::pair<size_t, size_t>> merges;
    for (size_t i = bytes->byte(); i > 0; --i) merges.emplace_back(bytes->byte() % texts.size(), bytes->byte() % texts.size());
    BpeModel::MergeSource pairs;
    pairs.size = merges.size();
    pairs.pair = [&](size_t i) {
      return std::pair<std::string_view, std::string_view>(texts[merges[i].first], texts[merges[i].second]);
    };
    parts.model = TRY(BpeModel::with_merges(std::move(vocabulary), pairs, options));
  } else {
    std::vector<float> scores;
    for (size_t i = 0; i < texts.size(); ++i) scores.push_back(-static_cast<float>(bytes->byte()));
    parts.model = TRY(BpeModel::with_scores(std::move(vocabulary), scores, options));
  }
  constexpr const char* kRules[] = {"gpt-2",        "smollm",         "qwen2",       "llama-bpe", "deepseek-llm",
                                    "deepseek-coder", "deepseek-v3", "falcon",    "tekken",    "chameleon"};
  PreTokenizer rule = TRY(make_pre_tokenizer(kRules[bytes->byte() % std::size(kRules)]));
  parts.splitters = std::move(rule.chain);
  parts.nfc = rule.nfc;
  parts.space_prefix = !byte_level && flags & 128;
  return std::unique_ptr<Tokenizer>(std::make_unique<BpeTokenizer>(std::move(parts)));
}

void check(const Tokenizer& tokenizer, std::string_view text) {
  for (const bool parse : {true, false}) {
    EncodeOptions options;
    options.parse_special = parse;
    const std::vector<int32_t> ids = tokenizer.encode(text, options);
    StreamDecoder decoder(tokenizer, true);
    std::string streamed;
    for (const int32_t id : ids) {
      if (id < 0 || id >= tokenizer.size()) std::abort();
      const std::string part = decoder.push(id);
      if (!is_valid_utf8(part)) std::abort();
      streamed += part;
    }
    streamed += decoder.finish();
    const std::string decoded = tokenizer.decode(ids, true);
    if (is_valid_utf8(decoded) && streamed != decoded) std::abort();
  }
}

}  // namespace
}  // namespace hearth::text

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0 && data[0] == '{') {
    auto tokenizer = hearth::text::Tokenizer::from_json({reinterpret_cast<const char*>(data), size});
    if (tokenizer.ok()) hearth::text::check(**tokenizer, "Hello  wo\xC3rld <|im_end|>\n\xE2\x96\x81 1234");
    return 0;
  }
  hearth::text::Bytes bytes(data, size);
  auto tokenizer = hearth::text::make(&bytes);
  if (tokenizer.ok()) hearth::text::check(**tokenizer, bytes.rest());
  return 0;
}
