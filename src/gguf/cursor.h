// A bounds-checked little-endian reader over bytes that are not trusted.
//
// Contract: every read returns false and moves nothing if the bytes left do not suffice. Sizes are compared with what
// is left, never added to a position first, so nothing can wrap around. Not here: error messages; the caller knows what
// it was reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace hearth::gguf {

class Cursor {
 public:
  explicit Cursor(std::span<const std::byte> bytes, uint64_t position = 0) : bytes_(bytes), position_(position) {}

  uint64_t position() const { return position_; }
  uint64_t left() const { return bytes_.size() - position_; }
  const std::byte* data() const { return bytes_.data() + position_; }

  template <class T>
  [[nodiscard]] bool read(T* value) {
    if (left() < sizeof(T)) return false;
    std::memcpy(value, data(), sizeof(T));
    position_ += sizeof(T);
    return true;
  }
  [[nodiscard]] bool skip(uint64_t count) {
    if (left() < count) return false;
    position_ += count;
    return true;
  }
  // A length of 8 bytes, then that many bytes.
  [[nodiscard]] bool read_string(std::string_view* text) {
    uint64_t length;
    if (left() < sizeof(length)) return false;
    std::memcpy(&length, data(), sizeof(length));
    if (left() - sizeof(length) < length) return false;
    *text = {reinterpret_cast<const char*>(data() + sizeof(length)), static_cast<size_t>(length)};
    position_ += sizeof(length) + length;
    return true;
  }

 private:
  std::span<const std::byte> bytes_;
  uint64_t position_;
};

}  // namespace hearth::gguf
