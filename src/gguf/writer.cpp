// Serialising keys, tensor directory and tensor bytes.
//
// Contract: see writer.h. The machine is little-endian, as everywhere in this program.
// Not here: checking a file (view.h).
#include "gguf/writer.h"

#include <cstring>

#include "gguf/limits.h"
#include "hearth/error.h"

namespace hearth::gguf {
namespace {

constexpr uint32_t kVersion = 3;

template <class T>
void append(std::string* out, const T& value) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out->append(bytes, sizeof(T));
}

void append_string(std::string* out, std::string_view text) {
  append(out, static_cast<uint64_t>(text.size()));
  out->append(text);
}

template <class T>
std::string scalar_bytes(const T& value) {
  std::string bytes;
  append(&bytes, value);
  return bytes;
}

std::string array_head(ValueType element, size_t length) {
  std::string bytes;
  append(&bytes, static_cast<uint32_t>(element));
  append(&bytes, static_cast<uint64_t>(length));
  return bytes;
}

template <class T>
std::string array_bytes(ValueType element, std::span<const T> values) {
  std::string bytes = array_head(element, values.size());
  bytes.append(reinterpret_cast<const char*>(values.data()), values.size_bytes());
  return bytes;
}

void pad(std::string* out, uint64_t alignment) {
  out->append((alignment - out->size() % alignment) % alignment, '\0');
}

}  // namespace

void Writer::set_raw(std::string_view key, ValueType type, std::string_view bytes) {
  for (Key& existing : keys_) {
    if (existing.name == key) {
      existing.type = type;
      existing.bytes = bytes;
      return;
    }
  }
  keys_.push_back({std::string(key), type, std::string(bytes)});
}

void Writer::set_u8(std::string_view key, uint8_t value) {
  set_raw(key, ValueType::kU8, scalar_bytes(value));
}
void Writer::set_u16(std::string_view key, uint16_t value) {
  set_raw(key, ValueType::kU16, scalar_bytes(value));
}
void Writer::set_u32(std::string_view key, uint32_t value) {
  set_raw(key, ValueType::kU32, scalar_bytes(value));
}
void Writer::set_u64(std::string_view key, uint64_t value) {
  set_raw(key, ValueType::kU64, scalar_bytes(value));
}
void Writer::set_i32(std::string_view key, int32_t value) {
  set_raw(key, ValueType::kI32, scalar_bytes(value));
}
void Writer::set_i64(std::string_view key, int64_t value) {
  set_raw(key, ValueType::kI64, scalar_bytes(value));
}
void Writer::set_f32(std::string_view key, float value) {
  set_raw(key, ValueType::kF32, scalar_bytes(value));
}
void Writer::set_f64(std::string_view key, double value) {
  set_raw(key, ValueType::kF64, scalar_bytes(value));
}
void Writer::set_bool(std::string_view key, bool value) {
  set_raw(key, ValueType::kBool, scalar_bytes(static_cast<uint8_t>(value ? 1 : 0)));
}

void Writer::set_string(std::string_view key, std::string_view value) {
  std::string bytes;
  append_string(&bytes, value);
  set_raw(key, ValueType::kString, bytes);
}

void Writer::set_strings(std::string_view key, std::span<const std::string> values) {
  std::string bytes = array_head(ValueType::kString, values.size());
  for (const std::string& value : values) append_string(&bytes, value);
  set_raw(key, ValueType::kArray, bytes);
}

void Writer::set_f32s(std::string_view key, std::span<const float> values) {
  set_raw(key, ValueType::kArray, array_bytes(ValueType::kF32, values));
}
void Writer::set_i32s(std::string_view key, std::span<const int32_t> values) {
  set_raw(key, ValueType::kArray, array_bytes(ValueType::kI32, values));
}
void Writer::set_u32s(std::string_view key, std::span<const uint32_t> values) {
  set_raw(key, ValueType::kArray, array_bytes(ValueType::kU32, values));
}
void Writer::set_bools(std::string_view key, const std::vector<bool>& values) {
  std::string bytes = array_head(ValueType::kBool, values.size());
  for (bool value : values) bytes += static_cast<char>(value ? 1 : 0);
  set_raw(key, ValueType::kArray, bytes);
}

void Writer::add_tensor(std::string_view name, std::span<const uint64_t> dims, quant::Format format,
                        std::span<const std::byte> data) {
  tensors_.push_back({std::string(name), {dims.begin(), dims.end()}, format, data});
}

void Writer::set_alignment(uint32_t alignment) {
  CHECK(alignment >= kMinAlignment && alignment <= kMaxAlignment && (alignment & (alignment - 1)) == 0);
  alignment_ = alignment;
  set_u32("general.alignment", alignment);
}

std::string Writer::serialise() const {
  std::string out = "GGUF";
  append(&out, kVersion);
  append(&out, static_cast<uint64_t>(tensors_.size()));
  append(&out, static_cast<uint64_t>(keys_.size()));
  for (const Key& key : keys_) {
    append_string(&out, key.name);
    append(&out, static_cast<uint32_t>(key.type));
    out += key.bytes;
  }
  uint64_t offset = 0;
  for (const Tensor& tensor : tensors_) {
    append_string(&out, tensor.name);
    append(&out, static_cast<uint32_t>(tensor.dims.size()));
    for (uint64_t dim : tensor.dims) append(&out, dim);
    append(&out, static_cast<uint32_t>(tensor.format));
    append(&out, offset);
    offset += (tensor.data.size() + alignment_ - 1) / alignment_ * alignment_;
  }
  for (const Tensor& tensor : tensors_) {
    pad(&out, alignment_);
    out.append(reinterpret_cast<const char*>(tensor.data.data()), tensor.data.size());
  }
  if (!tensors_.empty()) pad(&out, alignment_);
  return out;
}

}  // namespace hearth::gguf
