// One file of a model: its bytes and what its header says, parsed and checked. Internal to gguf/.
//
// Contract: load functions return a Part whose entries and tensors all lie within its bytes. Moving a Part leaves its
// bytes where they are, so string_views and pointers into them stay good. Not here: joining the parts of a split model
// (split.h), typed access (view_values.cpp).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mapped_file.h"
#include "gguf/view.h"
#include "hearth/error.h"

namespace hearth::gguf {

struct Entry {  // one key
  std::string_view key;
  ValueType type;
  ValueType element;      // of arrays, else as type
  uint64_t length;        // of arrays and strings, else 1
  const std::byte* data;  // first byte of the value; of arrays, of the first element; of strings, of the text
  std::unique_ptr<uint32_t[]> aligned;  // 4-byte arrays that are misaligned in the file
};

struct Part {
  std::string path;
  std::optional<MappedFile> file;
  std::unique_ptr<uint64_t[]> copy;  // of bytes given at an address that is not a multiple of 8
  std::span<const std::byte> bytes;

  uint32_t version = 0;
  uint64_t tensor_count = 0;
  uint64_t key_count = 0;
  uint64_t directory = 0;  // where the tensor directory begins
  std::vector<Entry> entries;
  std::unordered_map<std::string_view, uint32_t> entry_of_key;
  std::vector<TensorInfo> tensors;

  const Entry* find(std::string_view key) const;
};

Result<Part> load_part(const std::string& path);
Result<Part> load_part(std::span<const std::byte> bytes, const std::string& name);

// The steps of loading, each in a file of its own.
Result<void> parse_keys(Part* part);     // header.cpp: magic, version, counts, keys
Result<void> parse_tensors(Part* part);  // tensor_directory.cpp

// What bytes without the GGUF magic are, in words: "a text file", "a web page", ... (foreign.cpp)
Error foreign_file_error(std::span<const std::byte> bytes, const std::string& path);

// Reading scalars out of checked entries; nullopt if the type is another or the value does not fit.
std::optional<uint64_t> entry_u64(const Entry& entry);
std::optional<int64_t> entry_i64(const Entry& entry);
std::optional<double> entry_f64(const Entry& entry);

uint64_t value_type_bytes(ValueType type);  // 0 for strings, arrays and unknown numbers
const char* value_type_name(ValueType type);

Error corrupt(const Part& part, const std::string& what);
Error unsupported(const Part& part, const std::string& what);

}  // namespace hearth::gguf
