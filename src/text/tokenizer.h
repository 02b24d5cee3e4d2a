// Text <-> token ids, exactly as the model's own tokenizer does it.
//
// Contract: immutable after creation, thread-safe. encode() never fails on any byte string (invalid UTF-8 takes the byte
// fallback of the model). The public `tokenizers` package is the oracle; see tests beside this file.
// Not here: chat templates, sampling.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/view.h"
#include "hearth/error.h"

namespace hearth::text {

struct EncodeOptions {
  bool add_start = false;       // put the start token first, if the model has and wants one
  bool parse_special = true;    // control tokens written out in the text become their ids
};

class Tokenizer {
 public:
  virtual ~Tokenizer() = default;
  static Result<std::unique_ptr<Tokenizer>> from_gguf(const gguf::View& view);
  static Result<std::unique_ptr<Tokenizer>> from_json(std::string_view tokenizer_json);  // BPE files

  virtual std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options) const = 0;
  // Bytes of one token as they appear in text; control tokens give "" unless `special`.
  virtual std::string_view token_bytes(int32_t id, bool special = false) const = 0;
  virtual std::string decode(std::span<const int32_t> ids, bool special = false) const = 0;
  virtual int32_t size() const = 0;
  virtual std::string_view token_text(int32_t id) const = 0;  // as written in the vocabulary file
  virtual bool is_control(int32_t id) const = 0;
  virtual int32_t find(std::string_view token_text) const = 0;  // -1 if absent

  bool adds_start() const { return adds_start_; }  // the model wants a start token before text
  bool adds_end() const { return adds_end_; }      // and the end token after a text that is read as a whole (embeddings)
  int32_t start_id() const { return start_id_; }   // -1: none
  int32_t end_id() const { return end_id_; }       // -1: none
  bool is_stop(int32_t id) const;                  // ends an answer
  std::span<const int32_t> stop_ids() const { return stop_ids_; }
  // Encoding puts a space before the text, and decoding takes it off again.
  bool strips_first_space() const { return strips_first_space_; }

 protected:
  bool adds_start_ = false;
  bool adds_end_ = false;
  bool strips_first_space_ = false;
  int32_t start_id_ = -1, end_id_ = -1;
  std::vector<int32_t> stop_ids_;  // sorted
};

// Streams token bytes as whole UTF-8 characters: bytes of an unfinished character are held back until it is complete or
// certainly invalid (then U+FFFD comes out). What comes out, joined, is decode() of all ids with its invalid bytes replaced.
class StreamDecoder {
 public:
  // continues_text: the ids follow text that is already shown, so that a first space is part of the answer. `shown`: control
  // tokens that come out as their text.
  explicit StreamDecoder(const Tokenizer& tokenizer, bool special = false, bool continues_text = false, std::vector<int32_t> shown = {})
      : tokenizer_(tokenizer), special_(special), first_(!continues_text), shown_(std::move(shown)) {}
  std::string push(int32_t id);   // text that became complete
  std::string finish();           // what is held back, replaced where invalid

 private:
  const Tokenizer& tokenizer_;
  bool special_;
  bool first_;
  std::vector<int32_t> shown_;
  std::string held_;
};

}  // namespace hearth::text
