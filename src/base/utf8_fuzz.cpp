// libFuzzer target: the UTF-8 functions agree with each other on any bytes.
//
// Run: build/fuzz/utf8_fuzz
// Not here: expected values (utf8_test.cpp).
#include "base/utf8.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  bool valid = true;
  std::string rebuilt;
  for (size_t position = 0; position < text.size();) {
    const hearth::Utf8Step step = hearth::utf8_step(text, position);
    if (step.length < 1 || position + step.length > text.size()) std::abort();
    valid = valid && step.valid;
    hearth::append_utf8(&rebuilt, step.code);
    position += step.length;
  }
  if (valid != hearth::is_valid_utf8(text)) std::abort();
  if (rebuilt != hearth::replace_invalid_utf8(text) || !hearth::is_valid_utf8(rebuilt)) std::abort();
  if (valid && rebuilt != text) std::abort();
  if (!hearth::is_valid_utf8(hearth::printable(text)) || hearth::utf8_incomplete_tail(text) > 3) std::abort();
  return 0;
}
