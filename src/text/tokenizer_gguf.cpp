// Makes a tokenizer from the tokenizer.ggml.* keys of a GGUF file.
//
// Contract: see tokenizer.h. Every array length and id is checked against the vocabulary; messages name the key.
// Not here: the tokenizers themselves, tokenizer.json (tokenizer_json.cpp).
#include <algorithm>
#include <optional>

#include "text/bpe_tokenizer.h"
#include "text/pre_tokenizer.h"
#include "text/stop_tokens.h"
#include "text/tokenizer.h"

namespace hearth::text {

namespace {

constexpr std::string_view kTokensKey = "tokenizer.ggml.tokens";
constexpr std::string_view kTypesKey = "tokenizer.ggml.token_type";
constexpr std::string_view kScoresKey = "tokenizer.ggml.scores";
constexpr std::string_view kMergesKey = "tokenizer.ggml.merges";

// Writers store -1 for "none" in an unsigned key.
constexpr uint64_t kNoId = 0xFFFFFFFF;

Error corrupt(const gguf::View& view, const std::string& what) { return Error{ErrorCode::kCorrupt, view.name() + ": " + what}; }

Result<int32_t> token_id(const gguf::View& view, std::string_view key, int32_t size, int32_t fallback) {
  if (!view.has(key)) return fallback < size ? fallback : -1;
  const std::optional<int64_t> value = view.get_i64(key);
  if (!value) return corrupt(view, std::string(key) + " is not an integer");
  if (*value == -1 || *value == static_cast<int64_t>(kNoId)) return -1;
  if (*value < 0 || *value >= size) {
    return corrupt(view, std::string(key) + " is " + std::to_string(*value) + ", but the vocabulary has " + std::to_string(size) +
                             " tokens");
  }
  return static_cast<int32_t>(*value);
}

Result<Vocabulary> read_vocabulary(const gguf::View& view, TextForm form) {
  const gguf::StringArray tokens = TRY(view.get_strings(kTokensKey));
  std::span<const int32_t> types;
  if (view.has(kTypesKey)) {
    types = TRY(view.get_i32s(kTypesKey));
    if (types.size() != tokens.size()) {
      return corrupt(view, std::string(kTypesKey) + " has " + std::to_string(types.size()) + " entries for " +
                               std::to_string(tokens.size()) + " tokens");
    }
    for (size_t i = 0; i < types.size(); ++i) {
      if (types[i] < 0 || types[i] > 6) {
        return corrupt(view, std::string(kTypesKey) + " gives token " + std::to_string(i) + " the unknown type " +
                                 std::to_string(types[i]));
      }
    }
  }
  Vocabulary::Source source;
  source.size = tokens.size();
  source.text = [&tokens](size_t i) { return tokens[i]; };
  // Type 0 is "undefined"; files that have it mean ordinary tokens.
  source.kind = [types](size_t i) {
    return types.empty() || types[i] == 0 ? TokenKind::kNormal : static_cast<TokenKind>(types[i]);
  };
  source.form = form;
  auto vocabulary = Vocabulary::build(source);
  if (!vocabulary.ok()) return Error{vocabulary.error().code, view.name() + ": " + vocabulary.error().message};
  return vocabulary;
}

// "left right": the one space that is not the first character separates, since byte-level texts hold no spaces.
std::pair<std::string_view, std::string_view> split_merge(std::string_view text) {
  const size_t space = text.find(' ', 1);
  if (space == std::string_view::npos) return {};
  return {text.substr(0, space), text.substr(space + 1)};
}

bool is_space_run(std::string_view text) { return text.find_first_not_of(' ') == std::string_view::npos; }

// Whether user-defined runs of spaces come in all lengths from 2 up.
bool has_all_space_runs(const Vocabulary& vocabulary) {
  std::vector<bool> lengths(2, true);
  for (const int32_t id : vocabulary.special_tokens()) {
    const std::string_view text = vocabulary.text(id);
    if (!is_space_run(text) || text.empty()) continue;
    if (text.size() >= lengths.size()) lengths.resize(text.size() + 1, false);
    lengths[text.size()] = true;
  }
  return std::find(lengths.begin(), lengths.end(), false) == lengths.end();
}

std::vector<SpecialToken> special_tokens(const Vocabulary& vocabulary) {
  const bool marks_runs = vocabulary.form() == TextForm::kSentencePiece && has_all_space_runs(vocabulary);
  std::vector<SpecialToken> result;
  for (const int32_t id : vocabulary.special_tokens()) {
    SpecialToken token;
    token.text = vocabulary.text(id);
    token.id = id;
    token.control = vocabulary.kind(id) != TokenKind::kUserDefined;
    if (marks_runs && !token.control && is_space_run(token.text)) {
      // Converters write spaces for the U+2581 that the model's own tokenizer matches in raw text. Spaces themselves are
      // merged like other text, and so reach the same tokens unless a longer piece wants them.
      std::string marks;
      for (size_t i = 0; i < token.text.size(); ++i) marks += "\xE2\x96\x81";
      token.text = std::move(marks);
    }
    result.push_back(std::move(token));
  }
  return result;
}

Result<std::vector<int32_t>> read_stop_ids(const gguf::View& view, const Vocabulary& vocabulary, int32_t end_id) {
  std::vector<int32_t> ids;
  if (end_id >= 0) ids.push_back(end_id);
  for (const std::string_view key : {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"}) {
    const int32_t id = TRY(token_id(view, key, vocabulary.size(), -1));
    if (id >= 0) ids.push_back(id);
  }
  for (const int32_t id : vocabulary.special_tokens()) {
    if (is_stop_name(vocabulary.text(id))) ids.push_back(id);
  }
  return ids;
}

Result<BpeParts> byte_level_parts(const gguf::View& view) {
  // Without the key: files written before the key existed, all of them split like GPT-2's.
  const std::string_view rule = view.get_string("tokenizer.ggml.pre").value_or("gpt-2");
  auto pre_tokenizer = make_pre_tokenizer(rule == "default" ? std::string_view("gpt-2") : rule);
  if (!pre_tokenizer.ok()) return Error{pre_tokenizer.error().code, view.name() + ": " + pre_tokenizer.error().message};
  Vocabulary vocabulary = TRY(read_vocabulary(view, TextForm::kByteLevel));
  const gguf::StringArray merges = TRY(view.get_strings(kMergesKey));
  BpeModel::MergeSource source;
  source.size = merges.size();
  source.pair = [&merges](size_t i) { return split_merge(merges[i]); };
  BpeOptions options;
  options.ignore_merges = pre_tokenizer->ignore_merges;
  auto model = BpeModel::with_merges(std::move(vocabulary), source, options);
  if (!model.ok()) return Error{model.error().code, view.name() + ": " + model.error().message};
  BpeParts parts;
  parts.model = std::move(model).value();
  parts.splitters = std::move(pre_tokenizer->chain);
  parts.nfc = pre_tokenizer->nfc;
  parts.adds_start = pre_tokenizer->adds_start;
  return parts;
}

Result<BpeParts> sentencepiece_parts(const gguf::View& view) {
  Vocabulary vocabulary = TRY(read_vocabulary(view, TextForm::kSentencePiece));
  const std::span<const float> scores = TRY(view.get_f32s(kScoresKey));
  BpeOptions options;
  options.unknown_id = TRY(token_id(view, "tokenizer.ggml.unknown_token_id", vocabulary.size(), 0));
  auto model = BpeModel::with_scores(std::move(vocabulary), scores, options);
  if (!model.ok()) return Error{model.error().code, view.name() + ": " + model.error().message + " (" + std::string(kScoresKey) + ")"};
  BpeParts parts;
  parts.model = std::move(model).value();
  parts.space_prefix = view.get_bool("tokenizer.ggml.add_space_prefix").value_or(true);
  parts.adds_start = true;
  return parts;
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::from_gguf(const gguf::View& view) {
  const auto model = view.get_string("tokenizer.ggml.model");
  if (!model) return corrupt(view, "tokenizer.ggml.model is missing: the file has no tokenizer");
  const bool byte_level = *model == "gpt2";
  if (!byte_level && *model != "llama") {
    return Error{ErrorCode::kUnsupported, view.name() + ": tokenizer.ggml.model is \"" + std::string(model->substr(0, 64)) +
                                              "\"; supported are gpt2 (byte-level BPE) and llama (SentencePiece BPE)"};
  }
  BpeParts parts = byte_level ? TRY(byte_level_parts(view)) : TRY(sentencepiece_parts(view));
  const Vocabulary& vocabulary = parts.model->vocabulary();
  const int32_t size = vocabulary.size();
  // SentencePiece files without these keys have <s> and </s> at 1 and 2.
  parts.start_id = TRY(token_id(view, "tokenizer.ggml.bos_token_id", size, byte_level ? -1 : 1));
  parts.end_id = TRY(token_id(view, "tokenizer.ggml.eos_token_id", size, byte_level ? -1 : 2));
  parts.adds_start = view.get_bool("tokenizer.ggml.add_bos_token").value_or(parts.adds_start);
  parts.adds_end = view.get_bool("tokenizer.ggml.add_eos_token").value_or(false);
  parts.stop_ids = TRY(read_stop_ids(view, vocabulary, parts.end_id));
  parts.fim = TRY(find_fim_tokens(view, vocabulary));
  // Where a file ends, so does the text that fills its gap.
  for (const int32_t id : {parts.fim.repository, parts.fim.file, parts.fim.pad}) {
    if (parts.fim.usable() && id >= 0) parts.stop_ids.push_back(id);
  }
  parts.special_tokens = special_tokens(vocabulary);
  return std::unique_ptr<Tokenizer>(std::make_unique<BpeTokenizer>(std::move(parts)));
}

}  // namespace hearth::text
