// Makes a tokenizer from a Hugging Face tokenizer.json with a BPE model.
//
// Contract: see tokenizer.h. A component that would change the ids and is not implemented is kUnsupported and named; nothing
// is skipped over. Of the post-processor only the start token matters.
// Not here: other model types (WordPiece, Unigram), the tokenizer itself.
#include <simdjson.h>

#include <algorithm>
#include <unordered_map>

#include "text/bpe_tokenizer.h"
#include "text/json_stages.h"
#include "text/pre_tokenizer.h"
#include "text/stop_tokens.h"
#include "text/tokenizer.h"
#include "text/unicode.h"

namespace hearth::text {

namespace {

using simdjson::dom::element;
using simdjson::dom::object;

Error corrupt(const std::string& what) { return Error{ErrorCode::kCorrupt, "tokenizer.json: " + what}; }
Error unsupported(const std::string& what) { return Error{ErrorCode::kUnsupported, "tokenizer.json: " + what + " is not supported"}; }

struct AddedToken {
  SpecialToken token;
  bool normalised = false;
};

struct Texts {
  std::vector<std::string_view> texts;  // [id]
  std::vector<TokenKind> kinds;
};

Result<void> place(Texts* all, std::string_view text, int64_t id, TokenKind kind) {
  if (id < 0 || id >= static_cast<int64_t>(kMaxTokens)) {
    return corrupt("token \"" + std::string(text.substr(0, 64)) + "\" has the id " + std::to_string(id) + "; ids go from 0 to " +
                   std::to_string(kMaxTokens - 1));
  }
  const auto index = static_cast<size_t>(id);
  if (index >= all->texts.size()) {
    all->texts.resize(index + 1);
    all->kinds.resize(index + 1, TokenKind::kUnused);
  }
  if (all->kinds[index] != TokenKind::kUnused && all->texts[index] != text) {
    return corrupt("id " + std::to_string(id) + " belongs to two tokens, \"" + std::string(all->texts[index].substr(0, 64)) +
                   "\" and \"" + std::string(text.substr(0, 64)) + "\"");
  }
  all->texts[index] = text;
  all->kinds[index] = kind;
  return {};
}

bool flag(element value, const char* name) {
  bool result = false;
  return value[name].get(result) == simdjson::SUCCESS && result;
}

Result<std::vector<AddedToken>> read_added_tokens(element root, Texts* all) {
  std::vector<AddedToken> added;
  element list;
  if (root["added_tokens"].get(list) != simdjson::SUCCESS || list.is_null()) return added;
  simdjson::dom::array entries;
  if (list.get(entries) != simdjson::SUCCESS) return corrupt("added_tokens is not a list");
  for (const element entry : entries) {
    int64_t id = -1;
    std::string_view content;
    if (entry["id"].get(id) != simdjson::SUCCESS || entry["content"].get(content) != simdjson::SUCCESS) {
      return corrupt("an entry of added_tokens lacks its id or content");
    }
    AddedToken result;
    result.token.text = content;
    result.token.control = flag(entry, "special");
    result.token.strip_left = flag(entry, "lstrip");
    result.token.strip_right = flag(entry, "rstrip");
    result.token.single_word = flag(entry, "single_word");
    result.normalised = flag(entry, "normalized");
    TRY(place(all, content, id, result.token.control ? TokenKind::kControl : TokenKind::kUserDefined));
    result.token.id = static_cast<int32_t>(id);
    added.push_back(std::move(result));
  }
  return added;
}

Result<void> read_vocabulary_texts(element model, bool byte_fallback, Texts* all) {
  object vocabulary;
  if (model["vocab"].get(vocabulary) != simdjson::SUCCESS) return corrupt("model.vocab is missing or not an object");
  for (const auto& [text, value] : vocabulary) {
    int64_t id = -1;
    if (value.get(id) != simdjson::SUCCESS) return corrupt("the id of \"" + std::string(text.substr(0, 64)) + "\" is not an integer");
    const bool byte = byte_fallback && parse_byte_token(text) >= 0;
    TRY(place(all, text, id, byte ? TokenKind::kByte : TokenKind::kNormal));
  }
  return {};
}

// A member that must be absent, null, empty, false or zero.
Result<void> require_neutral(element model, const char* name) {
  element value;
  if (model[name].get(value) != simdjson::SUCCESS || value.is_null()) return {};
  std::string_view text;
  double number = 0;
  if (value.get(text) == simdjson::SUCCESS && text.empty()) return {};
  if (value.get(number) == simdjson::SUCCESS && number == 0) return {};
  return unsupported(std::string("model.") + name);
}

Result<std::vector<std::pair<std::string_view, std::string_view>>> read_merges(element model) {
  simdjson::dom::array entries;
  if (model["merges"].get(entries) != simdjson::SUCCESS) return corrupt("model.merges is missing or not a list");
  std::vector<std::pair<std::string_view, std::string_view>> merges;
  for (const element entry : entries) {
    std::string_view text;
    simdjson::dom::array pair;
    if (entry.get(text) == simdjson::SUCCESS) {
      const size_t space = text.find(' ');
      if (space == std::string_view::npos || text.find(' ', space + 1) != std::string_view::npos) {
        return corrupt("merge " + std::to_string(merges.size()) + " is not \"left right\"");
      }
      merges.emplace_back(text.substr(0, space), text.substr(space + 1));
      continue;
    }
    std::string_view left, right;
    if (entry.get(pair) != simdjson::SUCCESS || pair.size() != 2 || pair.at(0).get(left) != simdjson::SUCCESS ||
        pair.at(1).get(right) != simdjson::SUCCESS) {
      return corrupt("merge " + std::to_string(merges.size()) + " is not a pair of tokens");
    }
    merges.emplace_back(left, right);
    if (merges.size() > kMaxMerges) break;  // the model names the limit
  }
  return merges;
}

Result<std::unique_ptr<BpeModel>> make_model(element model, const Texts& all, TextForm form) {
  Vocabulary::Source source;
  source.size = all.texts.size();
  source.text = [&all](size_t i) { return all.texts[i]; };
  source.kind = [&all](size_t i) { return all.kinds[i]; };
  source.form = form;
  Vocabulary vocabulary = TRY(Vocabulary::build(source));
  const auto merges = TRY(read_merges(model));
  BpeModel::MergeSource pairs;
  pairs.size = merges.size();
  pairs.pair = [&merges](size_t i) { return merges[i]; };
  BpeOptions options;
  options.characters = form == TextForm::kSentencePiece;
  options.ignore_merges = flag(model, "ignore_merges");
  options.fuse_unknown = flag(model, "fuse_unk");
  std::string_view unknown;
  if (model["unk_token"].get(unknown) == simdjson::SUCCESS) {
    options.unknown_id = vocabulary.find_text(unknown);
    if (options.unknown_id < 0) return corrupt("model.unk_token \"" + std::string(unknown) + "\" is not in the vocabulary");
  }
  return BpeModel::with_merges(std::move(vocabulary), pairs, options);
}

// The id of a start token that the post-processor puts first, or -1.
Result<int32_t> read_start_id(element root, const Vocabulary& vocabulary) {
  element processor;
  if (root["post_processor"].get(processor) != simdjson::SUCCESS || processor.is_null()) return -1;
  std::vector<element> parts;
  std::string_view type;
  simdjson::dom::array sequence;
  if (processor["type"].get(type) == simdjson::SUCCESS && type == "Sequence" &&
      processor["processors"].get(sequence) == simdjson::SUCCESS) {
    for (const element part : sequence) parts.push_back(part);
  } else {
    parts.push_back(processor);
  }
  int32_t start = -1;
  for (const element part : parts) {
    if (part["type"].get(type) != simdjson::SUCCESS) return corrupt("a post_processor has no type");
    if (type == "ByteLevel") continue;
    if (type != "TemplateProcessing") return unsupported("the post_processor " + std::string(type.substr(0, 64)));
    std::string_view name;
    const auto first = part["single"].at(0)["SpecialToken"]["id"];
    if (first.get(name) != simdjson::SUCCESS) continue;
    start = vocabulary.find_text(name);
    if (start < 0) return corrupt("the post_processor's start token \"" + std::string(name) + "\" is not in the vocabulary");
  }
  return start;
}

void place_special_tokens(std::vector<AddedToken> added, const JsonStages& stages, BpeParts* parts) {
  for (AddedToken& entry : added) {
    if (is_stop_name(entry.token.text)) parts->stop_ids.push_back(entry.token.id);
    if (!entry.normalised) {
      parts->special_tokens.push_back(std::move(entry.token));
      continue;
    }
    if (stages.nfc) entry.token.text = to_nfc(entry.token.text);
    parts->normalised_special_tokens.push_back(std::move(entry.token));
  }
}

Result<std::unique_ptr<Tokenizer>> make_tokenizer(element root) {
  element model;
  std::string_view type;
  if (root["model"].get(model) != simdjson::SUCCESS) return corrupt("model is missing");
  if (model["type"].get(type) != simdjson::SUCCESS) return corrupt("model.type is missing");
  if (type != "BPE") return unsupported("the model type " + std::string(type.substr(0, 64)));
  for (const char* name : {"dropout", "continuing_subword_prefix", "end_of_word_suffix"}) TRY(require_neutral(model, name));

  JsonStages stages = TRY(read_json_stages(root));
  if (stages.form == TextForm::kSentencePiece && !flag(model, "byte_fallback")) {
    return unsupported("a BPE model with neither ByteLevel pre-tokenizer nor byte_fallback");
  }
  Texts all;
  TRY(read_vocabulary_texts(model, stages.form == TextForm::kSentencePiece, &all));
  std::vector<AddedToken> added = TRY(read_added_tokens(root, &all));

  BpeParts parts;
  parts.model = TRY(make_model(model, all, stages.form));
  parts.start_id = TRY(read_start_id(root, parts.model->vocabulary()));
  parts.adds_start = parts.start_id >= 0;
  parts.nfc = stages.nfc;
  parts.space_prefix = stages.space_prefix;
  place_special_tokens(std::move(added), stages, &parts);
  parts.splitters = std::move(stages.splitters);
  return std::unique_ptr<Tokenizer>(std::make_unique<BpeTokenizer>(std::move(parts)));
}

}  // namespace

Result<std::unique_ptr<Tokenizer>> Tokenizer::from_json(std::string_view tokenizer_json) {
  simdjson::dom::parser parser;
  element root;
  const simdjson::error_code error = parser.parse(tokenizer_json.data(), tokenizer_json.size()).get(root);
  if (error != simdjson::SUCCESS) return corrupt(std::string("not valid JSON: ") + simdjson::error_message(error));
  if (!root.is_object()) return corrupt("the file does not hold an object");
  return make_tokenizer(root);
}

}  // namespace hearth::text
