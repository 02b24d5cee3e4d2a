// Reading the text stages of a tokenizer.json.
//
// Contract: see json_stages.h. Two families exist among BPE files: byte-level ones, which end their pre-tokenizer with
// ByteLevel, and SentencePiece ones, whose normalizer writes U+2581 for the space.
// Not here: running the stages.
#include "text/json_stages.h"

#include <string>

#include "text/pre_tokenizer.h"

namespace hearth::text {

namespace {

using simdjson::dom::element;

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

Error corrupt(const std::string& what) { return Error{ErrorCode::kCorrupt, "tokenizer.json: " + what}; }
Error unsupported(const std::string& what) { return Error{ErrorCode::kUnsupported, "tokenizer.json: " + what + " is not supported"}; }

// The component itself, or the members of a Sequence (one level deep, as all known files have it); none when null.
Result<std::vector<element>> components(element root, const char* name, const char* list_name) {
  std::vector<element> result;
  element whole;
  if (root[name].get(whole) != simdjson::SUCCESS || whole.is_null()) return result;
  std::string_view type;
  if (whole["type"].get(type) != simdjson::SUCCESS) return corrupt(std::string(name) + " has no type");
  if (type != "Sequence") {
    result.push_back(whole);
    return result;
  }
  simdjson::dom::array list;
  if (whole[list_name].get(list) != simdjson::SUCCESS) return corrupt(std::string(name) + " is a Sequence without " + list_name);
  for (const element part : list) result.push_back(part);
  return result;
}

Result<std::string_view> type_of(element component, const char* where) {
  std::string_view type;
  if (component["type"].get(type) != simdjson::SUCCESS) return corrupt(std::string("a part of ") + where + " has no type");
  return type;
}

std::string_view text_of(element component, const char* name) {
  std::string_view text;
  return component[name].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

bool flag(element component, const char* name, bool absent) {
  bool value = absent;
  return component[name].get(value) == simdjson::SUCCESS ? value : absent;
}

std::string_view pattern_text(element component, const char* kind) {
  std::string_view text;
  return component["pattern"][kind].get(text) == simdjson::SUCCESS ? text : std::string_view();
}

struct Normaliser {
  bool nfc = false, marks_spaces = false, prefix = false;
};

Result<Normaliser> read_normaliser(element root) {
  Normaliser result;
  for (const element part : TRY(components(root, "normalizer", "normalizers"))) {
    const std::string_view type = TRY(type_of(part, "normalizer"));
    if (type == "NFC") {
      result.nfc = true;
    } else if (type == "Replace" && pattern_text(part, "String") == " " && text_of(part, "content") == kSpaceMark) {
      result.marks_spaces = true;
    } else if (type == "Prepend" && text_of(part, "prepend") == kSpaceMark) {
      result.prefix = true;
    } else {
      return unsupported("the normalizer " + std::string(type.substr(0, 64)) + (type == "Replace" ? " of other text" : ""));
    }
  }
  if (result.prefix && !result.marks_spaces) return unsupported("the normalizer Prepend without Replace");
  return result;
}

Result<SplitBehaviour> split_behaviour(element part) {
  const std::string_view name = text_of(part, "behavior");
  if (name == "Isolated") return SplitBehaviour::kIsolated;
  if (name == "MergedWithPrevious") return SplitBehaviour::kMergedWithPrevious;
  if (name == "MergedWithNext") return SplitBehaviour::kMergedWithNext;
  return unsupported("the Split behavior \"" + std::string(name.substr(0, 64)) + "\"");
}

Result<std::unique_ptr<Splitter>> read_split(element part) {
  if (flag(part, "invert", false)) return unsupported("the pre_tokenizer Split with invert");
  const SplitBehaviour behaviour = TRY(split_behaviour(part));
  const std::string_view literal = pattern_text(part, "String");
  if (!literal.empty()) return make_regex_splitter(literal, behaviour, true);
  const std::string_view pattern = pattern_text(part, "Regex");
  if (pattern.empty()) return corrupt("a Split of pre_tokenizer has no pattern");
  return make_pattern_splitter(pattern, behaviour);
}

// A single number followed by GPT-2's splitter is one stage, several times faster than two.
Result<void> add_gpt2_stage(bool after_single_numbers, SplitterChain* splitters) {
  splitters->add(make_known_splitter(after_single_numbers ? KnownSplit::kGpt2Digits : KnownSplit::kGpt2));
  return {};
}

Result<void> read_byte_level_splitters(const std::vector<element>& parts, SplitterChain* splitters) {
  bool pending_single_numbers = false;
  for (size_t i = 0; i < parts.size(); ++i) {
    const std::string_view type = TRY(type_of(parts[i], "pre_tokenizer"));
    const bool last = i + 1 == parts.size();
    if (type == "ByteLevel") {
      if (!last) return unsupported("a pre_tokenizer after ByteLevel");
      if (flag(parts[i], "add_prefix_space", true)) return unsupported("the pre_tokenizer ByteLevel with add_prefix_space");
      if (flag(parts[i], "use_regex", true)) {
        TRY(add_gpt2_stage(pending_single_numbers, splitters));
        pending_single_numbers = false;
      }
      continue;
    }
    if (pending_single_numbers) splitters->add(make_known_splitter(KnownSplit::kSingleNumbers));
    pending_single_numbers = false;
    if (type == "Split") {
      splitters->add(TRY(read_split(parts[i])));
    } else if (type == "Digits") {
      if (flag(parts[i], "individual_digits", false)) {
        pending_single_numbers = true;
      } else {
        splitters->add(TRY(make_regex_splitter("\\p{N}+", SplitBehaviour::kIsolated, false)));
      }
    } else {
      return unsupported("the pre_tokenizer " + std::string(type.substr(0, 64)));
    }
  }
  if (pending_single_numbers) splitters->add(make_known_splitter(KnownSplit::kSingleNumbers));
  return {};
}

Result<void> check_decoder(element root, TextForm form, bool* strips_space) {
  *strips_space = false;
  for (const element part : TRY(components(root, "decoder", "decoders"))) {
    const std::string_view type = TRY(type_of(part, "decoder"));
    if (form == TextForm::kByteLevel) {
      if (type != "ByteLevel") return unsupported("the decoder " + std::string(type.substr(0, 64)));
    } else if (type == "Strip") {
      int64_t start = 0, stop = 0;
      const bool counts = part["start"].get(start) == simdjson::SUCCESS && part["stop"].get(stop) == simdjson::SUCCESS;
      if (!counts || start != 1 || stop != 0 || text_of(part, "content") != " ") {
        return unsupported("the decoder Strip of anything but one first space");
      }
      *strips_space = true;
    } else if (type == "Replace") {
      if (pattern_text(part, "String") != kSpaceMark || text_of(part, "content") != " ") {
        return unsupported("the decoder Replace of anything but U+2581 by a space");
      }
    } else if (type != "ByteFallback" && type != "Fuse") {
      return unsupported("the decoder " + std::string(type.substr(0, 64)));
    }
  }
  return {};
}

}  // namespace

Result<JsonStages> read_json_stages(element root) {
  JsonStages stages;
  const Normaliser normaliser = TRY(read_normaliser(root));
  const std::vector<element> parts = TRY(components(root, "pre_tokenizer", "pretokenizers"));
  bool byte_level = false;
  for (const element part : parts) byte_level |= TRY(type_of(part, "pre_tokenizer")) == "ByteLevel";
  stages.nfc = normaliser.nfc;
  bool strips_space = false;
  if (byte_level) {
    if (normaliser.marks_spaces) return unsupported("U+2581 for spaces together with ByteLevel");
    TRY(read_byte_level_splitters(parts, &stages.splitters));
    TRY(check_decoder(root, TextForm::kByteLevel, &strips_space));
    return stages;
  }
  stages.form = TextForm::kSentencePiece;
  if (!normaliser.marks_spaces) return unsupported("a BPE model with neither ByteLevel nor U+2581 for spaces");
  for (const element part : parts) {
    // Once U+2581 stands for the space, a split at spaces finds none.
    const bool idle = TRY(type_of(part, "pre_tokenizer")) == "Split" && pattern_text(part, "String") == " ";
    if (!idle) return unsupported("the pre_tokenizer " + std::string(TRY(type_of(part, "pre_tokenizer"))) + " without ByteLevel");
  }
  stages.space_prefix = normaliser.prefix;
  TRY(check_decoder(root, TextForm::kSentencePiece, &strips_space));
  if (strips_space != normaliser.prefix) return unsupported("a prefix space that the decoder does not take off, or the reverse");
  return stages;
}

}  // namespace hearth::text
