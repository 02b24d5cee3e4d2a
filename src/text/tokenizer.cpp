// The parts of the tokenizer interface that all kinds share, and streaming decode.
//
// Contract: see tokenizer.h.
// Not here: encoding (bpe_tokenizer.cpp).
#include "text/tokenizer.h"

#include <algorithm>

#include "text/unicode.h"

namespace hearth::text {

namespace {
constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
}  // namespace

bool Tokenizer::is_stop(int32_t id) const { return std::binary_search(stop_ids_.begin(), stop_ids_.end(), id); }

std::string StreamDecoder::push(int32_t id) {
  const bool special = special_ || std::find(shown_.begin(), shown_.end(), id) != shown_.end();
  std::string_view bytes = tokenizer_.token_bytes(id, special);
  if (bytes.empty()) return {};
  if (first_ && tokenizer_.strips_first_space() && bytes.front() == ' ') bytes.remove_prefix(1);
  first_ = false;
  held_ += bytes;
  std::string out;
  size_t position = 0;
  while (position < held_.size()) {
    const CharPrefix prefix = char_prefix(std::string_view(held_).substr(position));
    if (prefix.length != 0 && !prefix.complete) break;
    if (prefix.length != 0) {
      out.append(held_, position, prefix.length);
      position += prefix.length;
    } else {
      out += kReplacement;
      position += prefix.bad;
    }
  }
  held_.erase(0, position);
  return out;
}

std::string StreamDecoder::finish() {
  // Only the beginning of one character is ever held back.
  const bool unfinished = !held_.empty();
  held_.clear();
  return unfinished ? std::string(kReplacement) : std::string();
}

}  // namespace hearth::text
