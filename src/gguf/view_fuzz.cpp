// libFuzzer target: any bytes through View, then everything that the View offers.
//
// Run: build/fuzz/view_fuzz tests/fuzz/corpus/gguf
// Not here: labelled damage with expectations (tests/mutation).
#include <cstdlib>

#include "base/utf8.h"
#include "gguf/file_type.h"
#include "gguf/view.h"

namespace {

using hearth::gguf::View;

size_t read_values(const View& view) {
  size_t sum = 0;
  for (const View::KeyInfo& key : view.keys()) {
    sum += view.describe(key.key).size() + view.has(key.key);
    sum += view.get_u64(key.key).has_value() + view.get_i64(key.key).has_value() + view.get_f64(key.key).has_value();
    sum += view.get_bool(key.key).value_or(false) + view.get_string(key.key).value_or("").size();
    if (const auto strings = view.get_strings(key.key); strings.ok()) {
      for (size_t i = 0; i < strings->size(); ++i) sum += hearth::is_valid_utf8((*strings)[i]);
    }
    if (const auto values = view.get_f32s(key.key); values.ok()) {
      for (float value : *values) sum += value > 0;
    }
    if (const auto values = view.get_i32s(key.key); values.ok()) {
      for (int32_t value : *values) sum += value > 0;
    }
    if (const auto values = view.get_integers(key.key); values.ok()) sum += values->size();
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto view = View::open_bytes({reinterpret_cast<const std::byte*>(data), size}, "fuzz.gguf");
  if (!view.ok()) {
    if (!hearth::is_valid_utf8(view.error().message) || view.error().message.empty()) std::abort();
    return 0;
  }
  size_t sum = read_values(**view) + hearth::gguf::quantisation_label(**view).size();
  for (const hearth::gguf::TensorInfo& tensor : (*view)->tensors()) {
    sum += static_cast<size_t>(tensor.data[0]) + static_cast<size_t>(tensor.data[tensor.bytes - 1]);
    if ((*view)->find_tensor(tensor.name) != &tensor) std::abort();
  }
  return sum == ~size_t{0} ? -1 : 0;
}
