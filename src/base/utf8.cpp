// The UTF-8 decoder and what is built on it.
//
// Contract: see utf8.h. One decoder (utf8_step) decides what is well formed; everything else calls it.
// Not here: vectorised validation; text of this size does not need it.
#include "base/utf8.h"

#include <cstdint>
#include <cstring>

namespace hearth {
namespace {

// The second byte of a sequence has a narrower range after E0, ED, F0 and F4 (Unicode standard, table 3-7).
bool second_byte_ok(unsigned char lead, unsigned char second) {
  switch (lead) {
    case 0xE0:
      return second >= 0xA0 && second <= 0xBF;
    case 0xED:
      return second >= 0x80 && second <= 0x9F;
    case 0xF0:
      return second >= 0x90 && second <= 0xBF;
    case 0xF4:
      return second >= 0x80 && second <= 0x8F;
    default:
      return second >= 0x80 && second <= 0xBF;
  }
}

int sequence_length(unsigned char lead) {  // 0: no character starts with this byte
  if (lead < 0x80) return 1;
  if (lead < 0xC2) return 0;
  if (lead < 0xE0) return 2;
  if (lead < 0xF0) return 3;
  return lead < 0xF5 ? 4 : 0;
}

void append_hex(std::string* out, const char* prefix, uint32_t value, int digits) {
  *out += prefix;
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) *out += "0123456789abcdef"[(value >> shift) & 15];
}

bool needs_escape(char32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || (code >= 0x202A && code <= 0x202E) ||
         (code >= 0x2066 && code <= 0x2069) || code == 0x2028 || code == 0x2029 || code == 0x200E || code == 0x200F;
}

void append_escaped(std::string* out, char32_t code) {
  switch (code) {
    case '\n':
      *out += "\\n";
      return;
    case '\r':
      *out += "\\r";
      return;
    case '\t':
      *out += "\\t";
      return;
    default:
      break;
  }
  if (code < 0x80) return append_hex(out, "\\x", code, 2);
  append_hex(out, "\\u", code, 4);
}

}  // namespace

Utf8Step utf8_step(std::string_view text, size_t position) {
  const unsigned char lead = static_cast<unsigned char>(text[position]);
  if (lead < 0x80) return {lead, 1, true};
  const int length = sequence_length(lead);
  if (length == 0) return {kReplacementCharacter, 1, false};
  char32_t code = lead & (0x7F >> length);
  for (int i = 1; i < length; ++i) {
    if (position + i >= text.size()) return {kReplacementCharacter, i, false};
    const unsigned char byte = static_cast<unsigned char>(text[position + i]);
    const bool ok = i == 1 ? second_byte_ok(lead, byte) : (byte & 0xC0) == 0x80;
    if (!ok) return {kReplacementCharacter, i, false};
    code = (code << 6) | (byte & 0x3F);
  }
  return {code, length, true};
}

bool is_valid_utf8(std::string_view text) {
  size_t position = 0;
  while (position < text.size()) {
    // Eight ASCII bytes at a time.
    if (text.size() - position >= 8) {
      uint64_t word;
      std::memcpy(&word, text.data() + position, 8);
      if ((word & 0x8080808080808080u) == 0) {
        position += 8;
        continue;
      }
    }
    const Utf8Step step = utf8_step(text, position);
    if (!step.valid) return false;
    position += step.length;
  }
  return true;
}

size_t utf8_incomplete_tail(std::string_view text) {
  for (size_t back = 1; back <= 3 && back <= text.size(); ++back) {
    const size_t position = text.size() - back;
    const unsigned char byte = static_cast<unsigned char>(text[position]);
    if ((byte & 0xC0) == 0x80) continue;
    const Utf8Step step = utf8_step(text, position);
    const bool cut =
        !step.valid && sequence_length(byte) > static_cast<int>(back) && step.length == static_cast<int>(back);
    return cut ? back : 0;
  }
  return 0;
}

void append_utf8(std::string* text, char32_t code) {
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) code = kReplacementCharacter;
  if (code < 0x80) {
    *text += static_cast<char>(code);
    return;
  }
  if (code < 0x800) {
    *text += static_cast<char>(0xC0 | (code >> 6));
  } else {
    if (code < 0x10000) {
      *text += static_cast<char>(0xE0 | (code >> 12));
    } else {
      *text += static_cast<char>(0xF0 | (code >> 18));
      *text += static_cast<char>(0x80 | ((code >> 12) & 0x3F));
    }
    *text += static_cast<char>(0x80 | ((code >> 6) & 0x3F));
  }
  *text += static_cast<char>(0x80 | (code & 0x3F));
}

std::string replace_invalid_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (size_t position = 0; position < text.size();) {
    const Utf8Step step = utf8_step(text, position);
    if (step.valid) {
      out.append(text.substr(position, step.length));
    } else {
      append_utf8(&out, kReplacementCharacter);
    }
    position += step.length;
  }
  return out;
}

std::string printable(std::string_view text, size_t max_bytes) {
  std::string out;
  size_t position = 0;
  while (position < text.size()) {
    const Utf8Step step = utf8_step(text, position);
    if (position + step.length > max_bytes) return out + "...";
    if (!step.valid) {
      for (int i = 0; i < step.length; ++i) append_hex(&out, "\\x", static_cast<unsigned char>(text[position + i]), 2);
    } else if (needs_escape(step.code)) {
      append_escaped(&out, step.code);
    } else {
      out.append(text.substr(position, step.length));
    }
    position += step.length;
  }
  return out;
}

}  // namespace hearth
