// The tokenizer of byte-pair models: special tokens, normalisation, word splitting, merges, and back to text.
//
// Contract: immutable after creation, thread-safe; see tokenizer.h. Built from parts by the readers of GGUF and of
// tokenizer.json.
// Not here: reading files, the merge algorithm (bpe_model.h).
#pragma once

#include <bitset>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/bpe_model.h"
#include "text/fim_tokens.h"
#include "text/special_matcher.h"
#include "text/splitter.h"
#include "text/tokenizer.h"

namespace hearth::text {

struct BpeParts {
  std::unique_ptr<BpeModel> model;
  SplitterChain splitters;
  std::vector<SpecialToken> special_tokens;             // matched in the raw text
  std::vector<SpecialToken> normalised_special_tokens;  // matched after normalisation, in what is left
  bool nfc = false;
  bool space_prefix = false;   // SentencePiece: a space is put before each stretch of text, and taken off when decoding
  bool adds_start = false;
  bool adds_end = false;
  int32_t start_id = -1, end_id = -1;
  std::vector<int32_t> stop_ids;
  FimTokens fim;
};

class BpeTokenizer : public Tokenizer {
 public:
  explicit BpeTokenizer(BpeParts parts);

  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options) const override;
  std::string_view token_bytes(int32_t id, bool special) const override;
  std::string decode(std::span<const int32_t> ids, bool special) const override;
  int32_t size() const override { return parts_.model->vocabulary().size(); }
  std::string_view token_text(int32_t id) const override;
  bool is_control(int32_t id) const override;
  const FimTokens& fim() const { return parts_.fim; }
  int32_t find(std::string_view text) const override { return parts_.model->vocabulary().find_text(text); }

 private:
  struct Scratch;
  void encode_stretch(std::string_view text, bool parse_control, Scratch* scratch, std::vector<int32_t>* ids) const;
  void encode_normalised(std::string_view text, Scratch* scratch, std::vector<int32_t>* ids) const;
  void encode_words(std::string_view text, Scratch* scratch, std::vector<int32_t>* ids) const;
  void encode_word(std::string_view word, Scratch* scratch, std::vector<int32_t>* ids) const;
  void split_pieces(std::string_view text, std::vector<size_t>* ends) const;
  void find_joined_bytes();
  static size_t byte_pair(char first, char second) {
    return static_cast<size_t>(static_cast<unsigned char>(first)) << 8 | static_cast<unsigned char>(second);
  }
  bool in_range(int32_t id) const { return id >= 0 && id < size(); }

  BpeParts parts_;
  SpecialMatcher matcher_, normalised_matcher_;
  std::bitset<65536> joined_;  // byte pairs that some piece has side by side
};

}  // namespace hearth::text
