// UTF-8 decoding and character classes.
//
// Contract: see unicode.h. The classes of the Basic Multilingual Plane sit in one flat table that is filled once, since
// a table read is several times faster than ICU's lookup in the inner loop of the word splitters.
// Not here: NFC (nfc.cpp), the splitters.
#include "text/unicode.h"

#include <unicode/uchar.h>

#include <cstring>
#include <memory>

namespace hearth::text {

namespace {

constexpr uint32_t kPlaneSize = 0x10000;

CharClass class_from_icu(uint32_t code_point) {
  const auto c = static_cast<UChar32>(code_point);
  if (u_isUWhiteSpace(c)) return CharClass::kSpace;
  const uint32_t mask = U_GET_GC_MASK(c);
  if (mask & U_GC_L_MASK) return CharClass::kLetter;
  if (mask & U_GC_N_MASK) return CharClass::kNumber;
  if (mask & U_GC_M_MASK) return CharClass::kMark;
  if (mask & U_GC_P_MASK) return CharClass::kPunctuation;
  if (mask & U_GC_S_MASK) return CharClass::kSymbol;
  return CharClass::kOther;
}

struct BasicPlane {
  CharClass classes[kPlaneSize];
  BasicPlane() {
    for (uint32_t c = 0; c < kPlaneSize; ++c) classes[c] = class_from_icu(c);
  }
};

const BasicPlane& basic_plane() {
  static const std::unique_ptr<const BasicPlane> plane = std::make_unique<BasicPlane>();
  return *plane;
}

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

}  // namespace

namespace internal {

#define O CharClass::kOther
#define W CharClass::kSpace
#define P CharClass::kPunctuation
#define S CharClass::kSymbol
#define N CharClass::kNumber
#define L CharClass::kLetter
const CharClass kAsciiClasses[128] = {
    O, O, O, O, O, O, O, O, O, W, W, W, W, W, O, O,  // control characters; 9 to 13 are white space
    O, O, O, O, O, O, O, O, O, O, O, O, O, O, O, O,  //
    W, P, P, P, S, P, P, P, P, P, P, S, P, P, P, P,  // space ! " # $ % & ' ( ) * + , - . /
    N, N, N, N, N, N, N, N, N, N, P, P, S, S, S, P,  // digits : ; < = > ?
    P, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,  // @ A to O
    L, L, L, L, L, L, L, L, L, L, L, P, P, P, S, P,  // P to Z [ \ ] ^ _
    S, L, L, L, L, L, L, L, L, L, L, L, L, L, L, L,  // ` a to o
    L, L, L, L, L, L, L, L, L, L, L, P, S, P, S, O,  // p to z { | } ~ delete
};
#undef O
#undef W
#undef P
#undef S
#undef N
#undef L

ClassedChar classed_multibyte(std::string_view text, size_t position) {
  const DecodedChar decoded = decode_char(text, position);
  if (decoded.code_point == kInvalidChar) return {CharClass::kOther, 1};
  return {class_of_code_point(decoded.code_point), decoded.length};
}

}  // namespace internal

DecodedChar decode_char(std::string_view text, size_t position) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(text.data()) + position;
  const size_t left = text.size() - position;
  const unsigned char first = bytes[0];
  if (first < 0x80) return {first, 1};
  if (first >= 0xC2 && first <= 0xDF && left >= 2 && is_continuation(bytes[1])) {
    return {(first & 0x1Fu) << 6 | (bytes[1] & 0x3Fu), 2};
  }
  if ((first & 0xF0) == 0xE0 && left >= 3 && is_continuation(bytes[1]) && is_continuation(bytes[2])) {
    const uint32_t c = (first & 0x0Fu) << 12 | (bytes[1] & 0x3Fu) << 6 | (bytes[2] & 0x3Fu);
    if (c >= 0x800 && (c < 0xD800 || c > 0xDFFF)) return {c, 3};
  }
  if (first >= 0xF0 && first <= 0xF4 && left >= 4 && is_continuation(bytes[1]) && is_continuation(bytes[2]) &&
      is_continuation(bytes[3])) {
    const uint32_t c =
        (first & 0x07u) << 18 | (bytes[1] & 0x3Fu) << 12 | (bytes[2] & 0x3Fu) << 6 | (bytes[3] & 0x3Fu);
    if (c >= 0x10000 && c <= 0x10FFFF) return {c, 4};
  }
  return {kInvalidChar, 1};
}

CharPrefix char_prefix(std::string_view text) {
  if (text.empty()) return {0, false, 0};
  const DecodedChar decoded = decode_char(text, 0);
  if (decoded.code_point != kInvalidChar) return {decoded.length, true, 0};
  const auto first = static_cast<unsigned char>(text[0]);
  const size_t wanted = first >= 0xC2 && first <= 0xDF ? 2 : (first & 0xF0) == 0xE0 ? 3 : first >= 0xF0 && first <= 0xF4 ? 4 : 0;
  size_t good = wanted == 0 ? 0 : 1;
  for (; good != 0 && good < wanted && good < text.size(); ++good) {
    const auto byte = static_cast<unsigned char>(text[good]);
    unsigned char low = 0x80, high = 0xBF;
    if (good == 1) {  // overlong forms, surrogates and values past U+10FFFF end here
      if (first == 0xE0) low = 0xA0;
      if (first == 0xED) high = 0x9F;
      if (first == 0xF0) low = 0x90;
      if (first == 0xF4) high = 0x8F;
    }
    if (byte < low || byte > high) break;
  }
  if (good != 0 && good == text.size()) return {good, false, 0};
  return {0, false, good == 0 ? 1 : good};
}

CharClass class_of_code_point(uint32_t code_point) {
  if (code_point < kPlaneSize) return basic_plane().classes[code_point];
  return class_from_icu(code_point);
}

bool is_valid_utf8(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    uint64_t eight;
    while (i + 8 <= text.size()) {
      std::memcpy(&eight, text.data() + i, 8);
      if (eight & 0x8080808080808080u) break;
      i += 8;
    }
    if (i == text.size()) break;
    const DecodedChar decoded = decode_char(text, i);
    if (decoded.code_point == kInvalidChar) return false;
    i += decoded.length;
  }
  return true;
}

void append_utf8(uint32_t c, std::string* out) {
  if (c < 0x80) {
    out->push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out->push_back(static_cast<char>(0xC0 | c >> 6));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    out->push_back(static_cast<char>(0xE0 | c >> 12));
    out->push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out->push_back(static_cast<char>(0xF0 | c >> 18));
    out->push_back(static_cast<char>(0x80 | (c >> 12 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out->push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

}  // namespace hearth::text
