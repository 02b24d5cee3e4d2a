// NFC by ICU, restricted to the characters that the tokenizers' own normaliser knows.
//
// Contract: see unicode.h. Models were trained on text that the `tokenizers` package normalised, and that package orders and
// composes by Unicode 9: marks that came later stay where they are, else the ids would differ.
// Not here: character classes (unicode.cpp).
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/stringpiece.h>
#include <unicode/uniset.h>

#include <algorithm>

#include "text/unicode.h"

namespace hearth::text {

namespace {

// Everything since Unicode 10 that NFC would move or compose.
constexpr UChar32 kNewerRanges[][2] = {
    {0x7FD, 0x7FD},     {0x898, 0x89F},     {0x8CA, 0x8D3},     {0x9FE, 0x9FE},     {0xC3C, 0xC3C},
    {0xD3B, 0xD3C},     {0xEBA, 0xEBA},     {0x1715, 0x1715},   {0x1ABF, 0x1ACE},   {0x1DF6, 0x1DFA},
    {0xA82C, 0xA82C},   {0x10D24, 0x10D27}, {0x10EAB, 0x10EAC}, {0x10EFD, 0x10EFF}, {0x10F46, 0x10F50},
    {0x10F82, 0x10F85}, {0x11070, 0x11070}, {0x1133B, 0x1133B}, {0x1145E, 0x1145E}, {0x11839, 0x1183A},
    {0x11930, 0x11930}, {0x11935, 0x11935}, {0x11938, 0x11938}, {0x1193D, 0x1193E}, {0x11943, 0x11943},
    {0x119E0, 0x119E0}, {0x11A34, 0x11A34}, {0x11A47, 0x11A47}, {0x11A99, 0x11A99}, {0x11D42, 0x11D42},
    {0x11D44, 0x11D45}, {0x11D97, 0x11D97}, {0x11F41, 0x11F42}, {0x16FF0, 0x16FF1}, {0x1E08F, 0x1E08F},
    {0x1E130, 0x1E136}, {0x1E2AE, 0x1E2AE}, {0x1E2EC, 0x1E2EF}, {0x1E4EC, 0x1E4EF},
};

// ICU counts in 32 bits, so that long text goes in chunks. Before an ASCII character nothing composes: a safe cut.
constexpr size_t kChunkBytes = size_t{1} << 26;
constexpr size_t kLongestChunkBytes = size_t{1} << 30;

size_t chunk_end(std::string_view text, size_t begin) {
  size_t end = begin + kChunkBytes;
  if (end >= text.size()) return text.size();
  const size_t last = std::min(text.size(), begin + kLongestChunkBytes);
  while (end < last && static_cast<unsigned char>(text[end]) >= 0x80) ++end;
  return end;
}

icu::StringPiece chunk(std::string_view text, size_t begin, size_t end) {
  return {text.data() + begin, static_cast<int32_t>(end - begin)};
}

// Null when ICU's tables cannot be had, which is a lack of memory; text is then used as it is.
const icu::Normalizer2* nfc_normalizer() {
  static const icu::Normalizer2* const normalizer = []() -> const icu::Normalizer2* {
    UErrorCode status = U_ZERO_ERROR;
    const icu::Normalizer2* whole = icu::Normalizer2::getNFCInstance(status);
    static icu::UnicodeSet known(0, 0x10FFFF);
    for (const auto& range : kNewerRanges) known.remove(range[0], range[1]);
    known.freeze();
    if (U_FAILURE(status)) return nullptr;
    static const icu::FilteredNormalizer2 filtered(*whole, known);
    return &filtered;
  }();
  return normalizer;
}

}  // namespace

bool is_nfc(std::string_view text) {
  // Characters below U+0300 neither compose with what stands before them nor are marks: without a lead byte of 0xCC or
  // more there is nothing to do.
  unsigned char highest = 0;
  for (const char c : text) highest = std::max(highest, static_cast<unsigned char>(c));
  if (highest < 0xCC) return true;
  const icu::Normalizer2* normalizer = nfc_normalizer();
  if (normalizer == nullptr) return true;
  UErrorCode status = U_ZERO_ERROR;
  bool normal = true;
  for (size_t begin = 0; normal && U_SUCCESS(status) && begin < text.size();) {
    const size_t end = chunk_end(text, begin);
    normal = normalizer->isNormalizedUTF8(chunk(text, begin, end), status);
    begin = end;
  }
  return normal;
}

std::string to_nfc(std::string_view text) {
  const icu::Normalizer2* normalizer = nfc_normalizer();
  if (normalizer == nullptr) return std::string(text);
  std::string out;
  out.reserve(text.size());
  UErrorCode status = U_ZERO_ERROR;
  icu::StringByteSink<std::string> sink(&out);
  for (size_t begin = 0; U_SUCCESS(status) && begin < text.size();) {
    const size_t end = chunk_end(text, begin);
    normalizer->normalizeUTF8(0, chunk(text, begin, end), sink, nullptr, status);
    begin = end;
  }
  return U_SUCCESS(status) ? out : std::string(text);
}

}  // namespace hearth::text
