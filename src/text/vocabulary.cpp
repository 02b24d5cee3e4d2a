// Building and searching the vocabulary.
//
// Contract: see vocabulary.h. One pass copies texts and bytes into one arena, a second fills the table: 150,000 tokens must
// be ready in a few milliseconds, so that nothing is allocated per token.
// Not here: merges.
#include "text/vocabulary.h"

#include <algorithm>
#include <array>
#include <bit>

#include "text/unicode.h"

namespace hearth::text {

namespace {

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581

// GPT-2's table: printable Latin-1 stands for itself, the other 68 bytes for U+0100 and up.
struct ByteLevelTable {
  static constexpr uint32_t kEnd = 0x144;
  std::array<int16_t, kEnd> byte_of{};
  constexpr ByteLevelTable() {
    for (auto& entry : byte_of) entry = -1;
    uint32_t next = 0x100;
    for (uint32_t b = 0; b < 256; ++b) {
      const bool printable = (b >= 0x21 && b <= 0x7E) || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      byte_of[printable ? b : next++] = static_cast<int16_t>(b);
    }
  }
};
constexpr ByteLevelTable kByteLevel;

// Writes at most text.size() bytes. Returns false where a character is not one of the 256 stand-ins.
bool decode_byte_level(std::string_view text, char* out, size_t* length) {
  size_t n = 0;
  for (size_t i = 0; i < text.size();) {
    uint32_t c = static_cast<unsigned char>(text[i]);
    if (c < 0x80) {
      ++i;
    } else {  // every stand-in takes two bytes, C2 to C5 first
      if (c < 0xC2 || c > 0xC5 || i + 1 >= text.size()) return false;
      const auto second = static_cast<unsigned char>(text[i + 1]);
      if ((second & 0xC0) != 0x80) return false;
      c = (c & 0x1Fu) << 6 | (second & 0x3Fu);
      i += 2;
    }
    if (c >= ByteLevelTable::kEnd || kByteLevel.byte_of[c] < 0) return false;
    out[n++] = static_cast<char>(kByteLevel.byte_of[c]);
  }
  *length = n;
  return true;
}

size_t decode_space_marks(std::string_view text, char* out) {
  size_t n = 0;
  for (size_t i = 0; i < text.size();) {
    if (text[i] == kSpaceMark[0] && text.substr(i, 3) == kSpaceMark) {
      out[n++] = ' ';
      i += 3;
    } else {
      out[n++] = text[i++];
    }
  }
  return n;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace

int parse_byte_token(std::string_view text) {
  if (text.size() != 6 || text.substr(0, 3) != "<0x" || text[5] != '>') return -1;
  const int high = hex_digit(text[3]), low = hex_digit(text[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

bool Vocabulary::decode_text(TextForm form, std::string_view text, char* out, size_t* length) {
  if (form == TextForm::kByteLevel) return decode_byte_level(text, out, length);
  *length = decode_space_marks(text, out);
  return true;
}

Result<Vocabulary> Vocabulary::build(const Source& source) {
  if (source.size == 0) return Error{ErrorCode::kCorrupt, "the vocabulary is empty"};
  if (source.size > kMaxTokens) {
    return Error{ErrorCode::kResource, "the vocabulary has " + std::to_string(source.size) + " tokens; the limit is " +
                                           std::to_string(kMaxTokens)};
  }
  size_t bytes = 0;
  for (size_t i = 0; i < source.size; ++i) {
    const size_t length = source.text(i).size();
    if (length > kMaxTokenBytes) {
      return Error{ErrorCode::kResource, "token " + std::to_string(i) + " has " + std::to_string(length) +
                                             " bytes; the limit is " + std::to_string(kMaxTokenBytes)};
    }
    bytes += length;  // at most kMaxTokens * kMaxTokenBytes: no overflow
    if (bytes > kMaxVocabularyBytes) {
      return Error{ErrorCode::kResource, "the token texts take more than " + std::to_string(kMaxVocabularyBytes) + " bytes"};
    }
  }
  Vocabulary vocabulary;
  vocabulary.form_ = source.form;
  vocabulary.tokens_.reserve(source.size);
  vocabulary.arena_ = std::make_unique_for_overwrite<char[]>(2 * bytes + 256);
  for (auto& token : vocabulary.byte_tokens_) token = -1;
  size_t used = 0;
  for (int b = 0; b < 256; ++b) vocabulary.arena_[used++] = static_cast<char>(b);  // bytes of the <0xNN> tokens
  for (size_t i = 0; i < source.size; ++i) {
    if (vocabulary.add_token(source, i, &used)) continue;
    return Error{ErrorCode::kCorrupt, "token " + std::to_string(i) + " is marked as a byte, but its text is not <0xNN>"};
  }

  vocabulary.fill_table();
  return vocabulary;
}

bool Vocabulary::add_token(const Source& source, size_t index, size_t* used) {
  const std::string_view text = source.text(index);
  const auto id = static_cast<int32_t>(index);
  Token token{};
  token.kind = source.kind(index);
  token.text = {static_cast<uint32_t>(*used), static_cast<uint32_t>(text.size())};
  std::copy(text.begin(), text.end(), arena_.get() + *used);
  *used += text.size();
  token.bytes = token.text;
  const bool special =
      token.kind == TokenKind::kControl || token.kind == TokenKind::kUnknown || token.kind == TokenKind::kUserDefined;
  if (special) special_tokens_.push_back(id);
  if (token.kind == TokenKind::kByte) {
    const int byte = parse_byte_token(text);
    if (byte < 0) return false;
    token.bytes = {static_cast<uint32_t>(byte), 1};
    if (byte_tokens_[byte] < 0) byte_tokens_[byte] = id;
  } else if (form_ == TextForm::kByteLevel) {
    if (token.kind == TokenKind::kNormal) {
      size_t length = 0;
      char* out = arena_.get() + *used;
      if (decode_byte_level(text, out, &length) && length > 0) {
        token.bytes = {static_cast<uint32_t>(*used), static_cast<uint32_t>(length)};
        token.piece = true;
        *used += length;
        const auto first = static_cast<unsigned char>(out[0]);
        if (length == 1 && byte_tokens_[first] < 0) byte_tokens_[first] = id;
      }
    }
  } else if (token.kind == TokenKind::kNormal || token.kind == TokenKind::kUserDefined) {
    token.piece = !text.empty();
    if (text.find(kSpaceMark[0]) != std::string_view::npos) {
      const size_t length = decode_space_marks(text, arena_.get() + *used);
      token.bytes = {static_cast<uint32_t>(*used), static_cast<uint32_t>(length)};
      *used += length;
    }
  }
  tokens_.push_back(token);
  return true;
}

void Vocabulary::fill_table() {
  const size_t slot_count = std::bit_ceil(tokens_.size() * 3 / 2 + 16);
  slots_ = LargeArray<Slot>(slot_count);
  slot_mask_ = slot_count - 1;
  for (size_t i = 0; i < slot_count; ++i) slots_[i] = {0, -1, 0};
  constexpr int32_t kBlock = 32;  // slots on their way from memory at a time
  uint64_t hashes[kBlock];
  for (int32_t begin = 0; begin < size(); begin += kBlock) {
    const int32_t end = std::min(size(), begin + kBlock);
    for (int32_t id = begin; id < end; ++id) {
      hashes[id - begin] = hash_bytes(bytes(id));
      prefetch(hashes[id - begin]);
    }
    for (int32_t id = begin; id < end; ++id) {
      if (tokens_[static_cast<size_t>(id)].piece) insert_piece(id, hashes[id - begin]);
    }
  }
}

size_t Vocabulary::slot_of(std::string_view key, uint64_t hash) const {
  const bool whole = key.size() <= kInlineBytes;
  const uint64_t head = whole ? short_key(key).first : hash;
  for (size_t i = hash & slot_mask_;; i = (i + 1) & slot_mask_) {
    const Slot& slot = slots_[i];
    if (slot.id < 0) return i;
    if (slot.head == head && slot.length == key.size() && (whole || bytes(slot.id) == key)) return i;
  }
}

void Vocabulary::insert_piece(int32_t id, uint64_t hash) {
  const std::string_view key = bytes(id);
  Slot& slot = slots_[slot_of(key, hash)];
  if (slot.id >= 0) return;
  slot = {key.size() <= kInlineBytes ? short_key(key).first : hash, id, static_cast<uint32_t>(key.size())};
}

int32_t Vocabulary::find_piece(std::string_view key, uint64_t hash) const { return slots_[slot_of(key, hash)].id; }

int32_t Vocabulary::find_text(std::string_view wanted) const {
  std::vector<char> decoded(wanted.size());
  size_t length = 0;
  if (decode_text(form_, wanted, decoded.data(), &length)) {
    const int32_t id = find_piece({decoded.data(), length});
    if (id >= 0 && text(id) == wanted) return id;
  }
  for (const int32_t id : special_tokens_) {
    if (text(id) == wanted) return id;
  }
  for (int32_t id = 0; id < size(); ++id) {
    if (text(id) == wanted) return id;
  }
  return -1;
}

}  // namespace hearth::text
