// A good GGUF file taken apart: where every field lies, and the means to put changed pieces together again.
//
// Contract: scan() takes a file that View accepts; a file that it does not understand is a bug of the test (CHECK).
// Positions are byte offsets in `bytes`. Not here: what to change (gguf_mutator.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::mutation {

struct KeyField {
  std::string name;
  uint32_t type, element;  // element = type for scalars
  uint64_t length;         // of arrays
  uint64_t begin;          // of the length of the name
  uint64_t type_at, value_at, end;
  std::vector<uint64_t> strings;  // where each string of an array begins (its length field)
};

struct TensorField {
  std::string name;
  uint32_t dim_count, format;
  std::vector<uint64_t> dims;
  uint64_t offset;
  uint64_t begin, dim_count_at, dims_at, format_at, offset_at, end;
};

struct Seed {
  std::string bytes;
  uint64_t alignment = 32;
  std::vector<KeyField> keys;
  std::vector<TensorField> tensors;
  uint64_t header_end = 0;  // first byte after the tensor directory
  uint64_t data_begin = 0;  // where tensor offsets count from
  uint64_t data_end = 0;    // end of the last tensor

  static Seed scan(std::string bytes);
  std::string_view piece(uint64_t begin, uint64_t end) const {
    return std::string_view(bytes).substr(begin, end - begin);
  }
};

// A file of raw keys (name, type, value) and raw directory entries over the seed's tensor bytes.
struct Rebuild {
  std::vector<std::string> keys;
  std::vector<std::string> tensors;

  explicit Rebuild(const Seed& seed);
  std::string join(const Seed& seed) const;
};

// Field encodings.
template <class T>
std::string raw(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(T)};
}
std::string raw_string(std::string_view text);
std::string raw_key(std::string_view name, uint32_t type, std::string_view value);

}  // namespace hearth::mutation
