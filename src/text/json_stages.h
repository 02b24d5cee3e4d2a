// The normalizer, pre_tokenizer and decoder of a tokenizer.json.
//
// Contract: pure reading; a component or option that is not implemented is kUnsupported and named.
// Not here: vocabulary, merges and added tokens (tokenizer_json.cpp).
#pragma once

#include <simdjson.h>

#include "hearth/error.h"
#include "text/splitter.h"
#include "text/vocabulary.h"

namespace hearth::text {

struct JsonStages {
  TextForm form = TextForm::kByteLevel;
  SplitterChain splitters;
  bool nfc = false;
  bool space_prefix = false;
};

Result<JsonStages> read_json_stages(simdjson::dom::element root);

}  // namespace hearth::text
