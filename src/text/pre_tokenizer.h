// The word-splitting rules that GGUF files name in tokenizer.ggml.pre.
//
// Contract: pure look-up; an unknown name is kUnsupported and lists nothing made up. Known patterns get the hand-written
// splitter, others PCRE2.
// Not here: the splitters themselves, tokenizer.json components (tokenizer_json.cpp).
#pragma once

#include <string_view>

#include "hearth/error.h"
#include "text/splitter.h"

namespace hearth::text {

struct PreTokenizer {
  SplitterChain chain;
  bool nfc = false;            // text is normalised to NFC first
  bool ignore_merges = false;  // see BpeOptions
  bool adds_start = false;     // where the file does not say
};

Result<PreTokenizer> make_pre_tokenizer(std::string_view name);

// The splitter of a pattern: hand-written where it is one of the known ones. `behaviour` other than isolated: PCRE2.
Result<std::unique_ptr<Splitter>> make_pattern_splitter(std::string_view pattern, SplitBehaviour behaviour);

}  // namespace hearth::text
