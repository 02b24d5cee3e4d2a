// Encoding and decoding with a byte-pair model.
//
// Contract: see bpe_tokenizer.h. Text is cut at special tokens, each stretch is normalised and split into words, and words
// are merged; words met before in the same call are copied from its output.
// Not here: tables and merges (bpe_model.cpp), splitters.
#include "text/bpe_tokenizer.h"

#include <algorithm>
#include <bit>

#include "text/hash.h"
#include "text/unicode.h"

namespace hearth::text {

namespace {

// Short words of this call and their ids. Direct-mapped: a collision forgets the older word.
class WordCache {
 public:
  explicit WordCache(size_t text_bytes) {
    const size_t wanted = std::clamp<size_t>(text_bytes / 32, 16, 8192);
    slots_.resize(std::bit_ceil(wanted));
  }

  // Appends the ids of a word that was met before.
  bool copy(ShortKey key, size_t length, uint64_t hash, std::vector<int32_t>* ids) const {
    const Slot& slot = slots_[hash >> 32 & (slots_.size() - 1)];
    if (slot.key.first != key.first || slot.key.second != key.second || slot.length != length) return false;
    if (slot.count == 1) {
      ids->push_back(static_cast<int32_t>(slot.begin));
      return true;
    }
    for (size_t i = slot.begin; i < size_t{slot.begin} + slot.count; ++i) {
      const int32_t id = (*ids)[i];
      ids->push_back(id);
    }
    return true;
  }

  // The word's ids are the last `count` of ids.
  void remember(ShortKey key, size_t length, uint64_t hash, size_t count, const std::vector<int32_t>& ids) {
    const size_t begin = ids.size() - count;
    if (begin > UINT32_MAX) return;
    slots_[hash >> 32 & (slots_.size() - 1)] = {key, count == 1 ? static_cast<uint32_t>(ids.back()) : static_cast<uint32_t>(begin),
                                                static_cast<uint16_t>(count), static_cast<uint16_t>(length)};
  }

 private:
  struct Slot {
    ShortKey key{0, 0};
    uint32_t begin = 0;   // of its ids in this call's output; where it has only one, the id
    uint16_t count = 0, length = 0;
  };
  std::vector<Slot> slots_;
};

constexpr std::string_view kSpaceMark = "\xE2\x96\x81";  // U+2581, SentencePiece's space

}  // namespace

struct BpeTokenizer::Scratch {
  explicit Scratch(size_t text_bytes) : cache(text_bytes) {}
  WordCache cache;
  std::string normalised;
  std::vector<size_t> ends, spare;
};

BpeTokenizer::BpeTokenizer(BpeParts parts) : parts_(std::move(parts)) {
  matcher_.build(std::move(parts_.special_tokens));
  normalised_matcher_.build(std::move(parts_.normalised_special_tokens));
  start_id_ = parts_.start_id;
  end_id_ = parts_.end_id;
  adds_start_ = parts_.adds_start && start_id_ >= 0;
  adds_end_ = parts_.adds_end && end_id_ >= 0;
  strips_first_space_ = parts_.space_prefix;
  stop_ids_ = std::move(parts_.stop_ids);
  std::sort(stop_ids_.begin(), stop_ids_.end());
  stop_ids_.erase(std::unique(stop_ids_.begin(), stop_ids_.end()), stop_ids_.end());
  if (parts_.model->vocabulary().form() == TextForm::kSentencePiece) find_joined_bytes();
}

// Text may be cut between two bytes that no piece has side by side, since no merge could ever reach across: merging the
// parts alone gives the same ids as merging the whole, and long text costs no more than its words.
void BpeTokenizer::find_joined_bytes() {
  const Vocabulary& vocabulary = parts_.model->vocabulary();
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const TokenKind kind = vocabulary.kind(id);
    if (kind != TokenKind::kNormal && kind != TokenKind::kUserDefined) continue;
    const std::string_view bytes = vocabulary.bytes(id);
    for (size_t i = 1; i < bytes.size(); ++i) joined_.set(byte_pair(bytes[i - 1], bytes[i]));
  }
  // Continuation bytes belong to the character before them.
  for (unsigned first = 0; first < 256; ++first) {
    for (unsigned second = 0x80; second < 0xC0; ++second) joined_.set(first << 8 | second);
  }
}

std::vector<int32_t> BpeTokenizer::encode(std::string_view text, const EncodeOptions& options) const {
  std::vector<int32_t> ids;
  ids.reserve(text.size() / 3 + 8);
  if (options.add_start && adds_start_) ids.push_back(start_id_);
  Scratch scratch(text.size());
  size_t position = 0;
  SpecialMatch match;
  while (matcher_.find(text, position, options.parse_special, &match)) {
    encode_stretch(text.substr(position, match.begin - position), options.parse_special, &scratch, &ids);
    // A start token that the text brings along is the one that would have been added.
    const bool second_start = options.add_start && adds_start_ && ids.size() == 1 && match.begin == 0 && match.id == start_id_;
    if (!second_start) ids.push_back(match.id);
    position = match.end;
  }
  encode_stretch(text.substr(position), options.parse_special, &scratch, &ids);
  return ids;
}

void BpeTokenizer::encode_stretch(std::string_view text, bool parse_control, Scratch* scratch,
                                  std::vector<int32_t>* ids) const {
  if (text.empty()) return;
  if (parts_.nfc && !is_nfc(text)) {
    scratch->normalised = to_nfc(text);
    text = scratch->normalised;
  }
  size_t position = 0;
  SpecialMatch match;
  while (normalised_matcher_.find(text, position, parse_control, &match)) {
    encode_normalised(text.substr(position, match.begin - position), scratch, ids);
    ids->push_back(match.id);
    position = match.end;
  }
  encode_normalised(text.substr(position), scratch, ids);
}

void BpeTokenizer::encode_normalised(std::string_view text, Scratch* scratch, std::vector<int32_t>* ids) const {
  if (text.empty()) return;
  if (parts_.model->vocabulary().form() == TextForm::kByteLevel) {
    encode_words(text, scratch, ids);
    return;
  }
  // The vocabulary's bytes have spaces for U+2581, so that in text the mark itself is one more way to write a space.
  if (!parts_.space_prefix && text.find(kSpaceMark) == std::string_view::npos) {
    encode_words(text, scratch, ids);
    return;
  }
  std::string spaced;
  spaced.reserve(text.size() + 1);
  if (parts_.space_prefix) spaced.push_back(' ');
  for (size_t i = 0; i < text.size();) {
    size_t mark = text.find(kSpaceMark, i);
    mark = std::min(mark, text.size());
    spaced.append(text, i, mark - i);
    if (mark < text.size()) spaced.push_back(' ');
    i = mark + kSpaceMark.size();
  }
  encode_words(spaced, scratch, ids);
}

void BpeTokenizer::encode_words(std::string_view text, Scratch* scratch, std::vector<int32_t>* ids) const {
  if (parts_.model->vocabulary().form() == TextForm::kByteLevel) {
    parts_.splitters.split(text, &scratch->ends, &scratch->spare);
  } else {
    split_pieces(text, &scratch->ends);
  }
  size_t begin = 0;
  for (const size_t end : scratch->ends) {
    encode_word(text.substr(begin, end - begin), scratch, ids);
    begin = end;
  }
}

void BpeTokenizer::split_pieces(std::string_view text, std::vector<size_t>* ends) const {
  ends->clear();
  for (size_t i = 1; i < text.size(); ++i) {
    if (!joined_[byte_pair(text[i - 1], text[i])]) ends->push_back(i);
  }
  ends->push_back(text.size());
}

void BpeTokenizer::encode_word(std::string_view word, Scratch* scratch, std::vector<int32_t>* ids) const {
  if (word.size() > kShortKeyBytes) {
    parts_.model->encode_word(word, hash_bytes(word), ids);
    return;
  }
  const ShortKey key = short_key(word);
  const uint64_t hash = hash_short(key, word.size());
  if (scratch->cache.copy(key, word.size(), hash, ids)) return;
  const size_t begin = ids->size();
  parts_.model->encode_word(word, hash, ids);
  scratch->cache.remember(key, word.size(), hash, ids->size() - begin, *ids);
}

std::string_view BpeTokenizer::token_bytes(int32_t id, bool special) const {
  if (!in_range(id)) return {};
  const Vocabulary& vocabulary = parts_.model->vocabulary();
  const TokenKind kind = vocabulary.kind(id);
  if (!special && (is_control(id) || kind == TokenKind::kUnused)) return {};
  return vocabulary.bytes(id);
}

std::string BpeTokenizer::decode(std::span<const int32_t> ids, bool special) const {
  std::string text;
  for (const int32_t id : ids) text += token_bytes(id, special);
  if (strips_first_space_ && text.starts_with(' ')) text.erase(0, 1);
  return text;
}

std::string_view BpeTokenizer::token_text(int32_t id) const {
  return in_range(id) ? parts_.model->vocabulary().text(id) : std::string_view();
}

bool BpeTokenizer::is_control(int32_t id) const {
  if (!in_range(id)) return false;
  const TokenKind kind = parts_.model->vocabulary().kind(id);
  return kind == TokenKind::kControl || kind == TokenKind::kUnknown;
}

}  // namespace hearth::text
