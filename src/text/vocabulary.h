// The tokens of a model: their text, bytes and kind, and a hash table from bytes to ids.
//
// Contract: immutable after build(), thread-safe, owns all its memory (the file it came from may be closed). Token bytes are
// what a token contributes to text: byte-level texts are mapped back to bytes, SentencePiece's U+2581 is a space.
// Not here: merges, special token search, encoding.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "hearth/error.h"
#include "text/hash.h"
#include "text/large_array.h"

namespace hearth::text {

// Values as in tokenizer.ggml.token_type.
enum class TokenKind : uint8_t {
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,
  kUserDefined = 4,  // ordinary text, but always matched whole
  kUnused = 5,
  kByte = 6,  // written <0xNN>
};

enum class TextForm : uint8_t {
  kByteLevel,      // GPT-2's printable stand-ins for bytes
  kSentencePiece,  // UTF-8 with U+2581 for the space
};

inline constexpr size_t kMaxTokens = size_t{1} << 22;
inline constexpr size_t kMaxTokenBytes = size_t{1} << 16;
inline constexpr size_t kMaxVocabularyBytes = size_t{1} << 30;

class Vocabulary {
 public:
  struct Source {
    size_t size = 0;
    std::function<std::string_view(size_t)> text;
    std::function<TokenKind(size_t)> kind;
    TextForm form = TextForm::kByteLevel;
  };
  // Errors: kResource (a named limit), kCorrupt (a byte token that is not <0xNN>).
  static Result<Vocabulary> build(const Source& source);

  int32_t size() const { return static_cast<int32_t>(tokens_.size()); }
  TokenKind kind(int32_t id) const { return tokens_[static_cast<size_t>(id)].kind; }
  std::string_view text(int32_t id) const { return view(tokens_[static_cast<size_t>(id)].text); }
  std::string_view bytes(int32_t id) const { return view(tokens_[static_cast<size_t>(id)].bytes); }
  TextForm form() const { return form_; }

  // The piece (normal or user-defined token) with these bytes, or -1. Of equal ones the first wins.
  int32_t find_piece(std::string_view bytes) const { return find_piece(bytes, hash_bytes(bytes)); }
  int32_t find_piece(std::string_view bytes, uint64_t hash) const;
  // Starts loading the table entry that find_piece() will read for this hash.
  void prefetch(uint64_t hash) const { __builtin_prefetch(&slots_[hash & slot_mask_]); }
  // The token written so in the vocabulary file, of any kind, or -1.
  int32_t find_text(std::string_view text) const;
  // Token of one byte: the byte-level piece or the <0xNN> token; -1 if the vocabulary lacks it.
  int32_t byte_token(uint8_t byte) const { return byte_tokens_[byte]; }
  const std::vector<int32_t>& special_tokens() const { return special_tokens_; }  // control, unknown, user-defined

  // Bytes of a text in a vocabulary's form; `out` has room for text.size(). False where the text is not in that form.
  static bool decode_text(TextForm form, std::string_view text, char* out, size_t* length);

 private:
  struct Range {
    uint32_t begin;
    uint32_t length;
  };
  struct Token {
    Range text;
    Range bytes;
    TokenKind kind;
    bool piece;  // in the hash table's realm
  };
  // A piece of at most 8 bytes is in its slot as a whole, which spares two look-ups elsewhere.
  struct Slot {
    uint64_t head;    // short_key().first, or the hash of a longer piece
    int32_t id;       // -1: free
    uint32_t length;
  };
  static constexpr size_t kInlineBytes = 8;
  std::string_view view(Range range) const { return {arena_.get() + range.begin, range.length}; }
  bool add_token(const Source& source, size_t index, size_t* used);  // false: not a byte token
  void fill_table();
  void insert_piece(int32_t id, uint64_t hash);
  // Index of the slot that holds `bytes`, or of the free one where it belongs.
  size_t slot_of(std::string_view bytes, uint64_t hash) const;

  std::vector<Token> tokens_;
  std::unique_ptr<char[]> arena_;
  LargeArray<Slot> slots_;
  size_t slot_mask_ = 0;
  int32_t byte_tokens_[256];
  std::vector<int32_t> special_tokens_;
  TextForm form_ = TextForm::kByteLevel;
};

// Exactly "<0x" + two hex digits + ">": the byte, else -1.
int parse_byte_token(std::string_view text);

}  // namespace hearth::text
