// Scanning a trusted GGUF file for the positions of its fields.
//
// Contract: see gguf_seed.h. A reader of its own, so that a fault in View's parser cannot hide in the mutations.
// Not here: validation.
#include "mutation/gguf_seed.h"

#include <algorithm>
#include <cstring>

#include "hearth/error.h"
#include "quant/traits.h"

namespace hearth::mutation {
namespace {

constexpr uint32_t kString = 8, kArray = 9;
constexpr uint64_t kWidths[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};  // by value type

template <class T>
T load(const std::string& bytes, uint64_t at) {
  CHECK(at + sizeof(T) <= bytes.size());
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof(T));
  return value;
}

uint64_t string_end(const std::string& bytes, uint64_t at) {
  return at + 8 + load<uint64_t>(bytes, at);
}

KeyField scan_key(const std::string& bytes, uint64_t at) {
  KeyField key{};
  key.begin = at;
  key.type_at = string_end(bytes, at);
  key.name = bytes.substr(at + 8, key.type_at - at - 8);
  key.type = key.element = load<uint32_t>(bytes, key.type_at);
  key.value_at = key.type_at + 4;
  key.length = 1;
  at = key.value_at;
  if (key.type == kArray) {
    key.element = load<uint32_t>(bytes, at);
    key.length = load<uint64_t>(bytes, at + 4);
    at += 12;
  }
  CHECK(key.element < std::size(kWidths) && key.element != kArray);
  if (key.element == kString) {
    for (uint64_t i = 0; i < key.length; ++i) {
      key.strings.push_back(at);
      at = string_end(bytes, at);
    }
  } else {
    at += key.length * kWidths[key.element];
  }
  key.end = at;
  return key;
}

TensorField scan_tensor(const std::string& bytes, uint64_t at) {
  TensorField tensor{};
  tensor.begin = at;
  tensor.dim_count_at = string_end(bytes, at);
  tensor.name = bytes.substr(at + 8, tensor.dim_count_at - at - 8);
  tensor.dim_count = load<uint32_t>(bytes, tensor.dim_count_at);
  tensor.dims_at = tensor.dim_count_at + 4;
  for (uint32_t i = 0; i < tensor.dim_count; ++i) tensor.dims.push_back(load<uint64_t>(bytes, tensor.dims_at + 8 * i));
  tensor.format_at = tensor.dims_at + 8 * tensor.dim_count;
  tensor.format = load<uint32_t>(bytes, tensor.format_at);
  tensor.offset_at = tensor.format_at + 4;
  tensor.offset = load<uint64_t>(bytes, tensor.offset_at);
  tensor.end = tensor.offset_at + 8;
  return tensor;
}

uint64_t tensor_bytes(const TensorField& tensor) {
  const quant::FormatTraits* format = quant::traits(tensor.format);
  CHECK(format != nullptr);
  uint64_t values = 1;
  for (uint64_t dim : tensor.dims) values *= dim;
  return values / format->block_values * format->block_bytes;
}

uint64_t align(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

}  // namespace

Seed Seed::scan(std::string bytes) {
  Seed seed;
  seed.bytes = std::move(bytes);
  const uint64_t tensor_count = load<uint64_t>(seed.bytes, 8), key_count = load<uint64_t>(seed.bytes, 16);
  uint64_t at = 24;
  for (uint64_t i = 0; i < key_count; ++i) {
    seed.keys.push_back(scan_key(seed.bytes, at));
    at = seed.keys.back().end;
    if (seed.keys.back().name == "general.alignment")
      seed.alignment = load<uint32_t>(seed.bytes, seed.keys.back().value_at);
  }
  for (uint64_t i = 0; i < tensor_count; ++i) {
    seed.tensors.push_back(scan_tensor(seed.bytes, at));
    at = seed.tensors.back().end;
  }
  seed.header_end = at;
  seed.data_begin = align(at, seed.alignment);
  seed.data_end = at;
  for (const TensorField& tensor : seed.tensors) {
    seed.data_end = std::max(seed.data_end, seed.data_begin + tensor.offset + tensor_bytes(tensor));
  }
  return seed;
}

Rebuild::Rebuild(const Seed& seed) {
  for (const KeyField& key : seed.keys) keys.emplace_back(seed.piece(key.begin, key.end));
  for (const TensorField& tensor : seed.tensors) tensors.emplace_back(seed.piece(tensor.begin, tensor.end));
}

std::string Rebuild::join(const Seed& seed) const {
  std::string out = seed.bytes.substr(0, 8);
  out += raw(static_cast<uint64_t>(tensors.size())) + raw(static_cast<uint64_t>(keys.size()));
  for (const std::string& key : keys) out += key;
  for (const std::string& tensor : tensors) out += tensor;
  if (!tensors.empty()) out.resize(align(out.size(), seed.alignment), '\0');
  if (seed.data_begin < seed.bytes.size()) out.append(seed.bytes, seed.data_begin, std::string::npos);
  return out;
}

std::string raw_string(std::string_view text) {
  return raw(static_cast<uint64_t>(text.size())) + std::string(text);
}

std::string raw_key(std::string_view name, uint32_t type, std::string_view value) {
  return raw_string(name) + raw(type) + std::string(value);
}

}  // namespace hearth::mutation
