// Contract and exclusions: text/fim_tokens.h.
#include "text/fim_tokens.h"

#include <optional>
#include <string>
#include <string_view>

#include "text/bpe_tokenizer.h"

namespace hearth::text {

namespace {

struct Family {
  const char* prefix;
  const char* suffix;
  const char* middle;
  const char* repository;
  const char* file;
  bool suffix_first = false;
};

// The first that a vocabulary has in full is the model's.
constexpr Family kFamilies[] = {
    {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|repo_name|>", "<|file_sep|>"},
    {"<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "", "<|file_separator|>"},
    {"<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<repo_name>", "<file_sep>"},
    {"<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<reponame>", "<filename>"},
    {"<fim-prefix>", "<fim-suffix>", "<fim-middle>", "", ""},
    {"<｜fim▁begin｜>", "<｜fim▁hole｜>", "<｜fim▁end｜>", "", ""},
    {"▁<PRE>", "▁<SUF>", "▁<MID>", "", ""},
    {"<PRE>", "<SUF>", "<MID>", "", ""},
    {"<|code_prefix|>", "<|code_suffix|>", "<|code_middle|>", "", ""},
    {"[PREFIX]", "[SUFFIX]", "", "", "", true},
};

int32_t find_control(const Vocabulary& vocabulary, std::string_view text) {
  if (text.empty()) return -1;
  const int32_t id = vocabulary.find_text(text);
  if (id < 0) return -1;
  const TokenKind kind = vocabulary.kind(id);
  return kind == TokenKind::kControl || kind == TokenKind::kUserDefined ? id : -1;
}

// A family without file tokens is taken only if none with them fits as well.
FimTokens by_texts(const Vocabulary& vocabulary) {
  FimTokens best;
  for (const Family& family : kFamilies) {
    FimTokens tokens;
    tokens.prefix = find_control(vocabulary, family.prefix);
    tokens.suffix = find_control(vocabulary, family.suffix);
    tokens.middle = find_control(vocabulary, family.middle);
    tokens.repository = find_control(vocabulary, family.repository);
    tokens.file = find_control(vocabulary, family.file);
    tokens.suffix_first = family.suffix_first;
    if (!tokens.usable()) continue;
    if (tokens.file >= 0) return tokens;
    if (!best.usable()) best = tokens;
  }
  return best;
}

// Writers store -1 for "none", signed or not.
Result<void> read_key(const gguf::View& view, std::string_view key, int32_t size, int32_t* id) {
  if (!view.has(key)) return {};
  const std::optional<int64_t> value = view.get_i64(key);
  if (value && (*value == -1 || *value == 0xFFFFFFFF)) return {};
  if (!value || *value < 0 || *value >= size) {
    return Error{ErrorCode::kCorrupt, view.name() + ": " + std::string(key) + " is no token id; the vocabulary has " +
                                          std::to_string(size) + " tokens"};
  }
  *id = static_cast<int32_t>(*value);
  return {};
}

}  // namespace

FimTokens fim_tokens_of(const Tokenizer& tokenizer) {
  const auto* bpe = dynamic_cast<const BpeTokenizer*>(&tokenizer);
  return bpe != nullptr ? bpe->fim() : FimTokens{};
}

Result<FimTokens> find_fim_tokens(const gguf::View& view, const Vocabulary& vocabulary) {
  FimTokens tokens = by_texts(vocabulary);
  const struct { std::string_view key; int32_t* id; } kKeys[] = {
      {"tokenizer.ggml.prefix_token_id", &tokens.prefix},   {"tokenizer.ggml.suffix_token_id", &tokens.suffix},
      {"tokenizer.ggml.middle_token_id", &tokens.middle},   {"tokenizer.ggml.fim_pre_token_id", &tokens.prefix},
      {"tokenizer.ggml.fim_suf_token_id", &tokens.suffix},  {"tokenizer.ggml.fim_mid_token_id", &tokens.middle},
      {"tokenizer.ggml.fim_rep_token_id", &tokens.repository}, {"tokenizer.ggml.fim_sep_token_id", &tokens.file},
      {"tokenizer.ggml.fim_pad_token_id", &tokens.pad},
  };
  for (const auto& entry : kKeys) TRY(read_key(view, entry.key, vocabulary.size(), entry.id));
  if (tokens.middle >= 0) tokens.suffix_first = false;
  return tokens;
}

}  // namespace hearth::text
