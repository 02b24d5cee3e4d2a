// libFuzzer target: any bytes as an adapter of a small model, bound and read.
//
// Run: build/fuzz/adapter_fuzz tests/fuzz/corpus/model
#include <cstdlib>

#include "base/utf8.h"
#include "model/adapter.h"
#include "model/test_adapter_base.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth;
  static const model::AdapterBase base;
  auto view = gguf::View::open_bytes({reinterpret_cast<const std::byte*>(data), size}, "fuzz.gguf");
  if (!view.ok()) return 0;
  auto adapter = model::Adapter::bind(std::move(view).value(), base.spec, base.weights);
  if (!adapter.ok()) {
    if (!is_valid_utf8(adapter.error().message) || adapter.error().message.empty()) std::abort();
    return 0;
  }
  if (!(*adapter)->read().ok()) return 0;
  if ((*adapter)->rank() < 1 || (*adapter)->widest_group() < (*adapter)->rank()) std::abort();
  for (const model::AdapterLayer& layer : (*adapter)->layers()) {
    for (const model::LowRank* pair : {&layer.query, &layer.key, &layer.value, &layer.output, &layer.gate, &layer.up, &layer.down}) {
      if (!pair->present()) continue;
      const auto* last = static_cast<const std::byte*>(pair->up.data) + pair->up.bytes() - 1;
      if (pair->down.rows != pair->up.columns || static_cast<int>(*last) > 255) std::abort();
    }
  }
  return 0;
}
