// Builds a GGUF file of version 3.
//
// Contract: keys and tensors come out in the order they were added; setting a key again replaces its value. Tensor
// bytes are referenced, not copied, until serialise(). The result opens in View if every argument was legal; what the
// format forbids (duplicate tensor names, odd sizes) is the caller's duty. Not thread-safe. Not here: storing the bytes
// on disk (base/atomic_file), encoding values into blocks (quant/).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gguf/view.h"
#include "quant/traits.h"

namespace hearth::gguf {

class Writer {
 public:
  void set_u8(std::string_view key, uint8_t value);
  void set_u16(std::string_view key, uint16_t value);
  void set_u32(std::string_view key, uint32_t value);
  void set_u64(std::string_view key, uint64_t value);
  void set_i32(std::string_view key, int32_t value);
  void set_i64(std::string_view key, int64_t value);
  void set_f32(std::string_view key, float value);
  void set_f64(std::string_view key, double value);
  void set_bool(std::string_view key, bool value);
  void set_string(std::string_view key, std::string_view value);
  void set_strings(std::string_view key, std::span<const std::string> values);
  void set_f32s(std::string_view key, std::span<const float> values);
  void set_i32s(std::string_view key, std::span<const int32_t> values);
  void set_u32s(std::string_view key, std::span<const uint32_t> values);
  void set_bools(std::string_view key, const std::vector<bool>& values);
  // A value as its bytes lie in the file, for types without a setter: for arrays with element type and length in front.
  void set_raw(std::string_view key, ValueType type, std::string_view bytes);

  // dims are innermost first, 1 to 4 of them. `data` stays valid until serialise().
  void add_tensor(std::string_view name, std::span<const uint64_t> dims, quant::Format format,
                  std::span<const std::byte> data);

  // A power of two of at least 8, also written as general.alignment. Unset: 32, without a key.
  void set_alignment(uint32_t alignment);

  std::string serialise() const;

 private:
  struct Key {
    std::string name;
    ValueType type;
    std::string bytes;
  };
  struct Tensor {
    std::string name;
    std::vector<uint64_t> dims;
    quant::Format format;
    std::span<const std::byte> data;
  };
  std::vector<Key> keys_;
  std::vector<Tensor> tensors_;
  uint64_t alignment_ = 32;
};

}  // namespace hearth::gguf
