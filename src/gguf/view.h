// A validated read-only view of a GGUF file (version 2 or 3, also split over several files), memory-mapped.
//
// Contract: every count, offset, size and type is checked once, in open(); afterwards typed getters cannot fail on bytes,
// only on absence or on the wrong type. Spans and string_views live as long as the View. Const methods are thread-safe.
// Not here: what keys mean to a model (model/archs), tokenizer arrays (text).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.h"
#include "hearth/error.h"
#include "quant/traits.h"

namespace hearth::gguf {

enum class ValueType : uint32_t {
  kU8 = 0, kI8 = 1, kU16 = 2, kI16 = 3, kU32 = 4, kI32 = 5, kF32 = 6, kBool = 7, kString = 8, kArray = 9, kU64 = 10,
  kI64 = 11, kF64 = 12,
};

// Directory entry of one tensor. dims are innermost first, as in the file; unused ones are 1.
struct TensorInfo {
  std::string_view name;
  quant::Format format;
  int dim_count;
  std::array<uint64_t, 4> dims;
  const std::byte* data;  // in the mapping
  uint64_t bytes;
  uint64_t value_count;
};

class StringArray {  // random access to an array of strings in the mapping
 public:
  size_t size() const { return offsets_.size(); }
  std::string_view operator[](size_t index) const;

 private:
  friend class View;
  const std::byte* base_ = nullptr;
  std::vector<uint64_t> offsets_;  // of the length field of each string
};

class View {
 public:
  // Opens PATH; for a split file ("...-00001-of-00003.gguf") any part may be named and all are opened.
  // Errors: kNotFound, kPermission, kInvalidArgument (a folder, a device), kCorrupt, kUnsupported (names the tensor and the
  // format), kResource (a named limit), kIo.
  static Result<std::unique_ptr<View>> open(const std::string& path);
  // The same over bytes that the caller keeps alive (tests, fuzzing). `name` is used in messages.
  static Result<std::unique_ptr<View>> open_bytes(std::span<const std::byte> bytes, const std::string& name);
  ~View();

  // Typed access. Absent or of another type: nullopt. Integers convert between widths when the value fits.
  std::optional<uint64_t> get_u64(std::string_view key) const;
  std::optional<int64_t> get_i64(std::string_view key) const;
  std::optional<double> get_f64(std::string_view key) const;   // from f32, f64 and integers
  std::optional<bool> get_bool(std::string_view key) const;
  std::optional<std::string_view> get_string(std::string_view key) const;
  Result<StringArray> get_strings(std::string_view key) const;          // error names the key
  Result<std::span<const float>> get_f32s(std::string_view key) const;  // misaligned data are copied once, at open
  Result<std::span<const int32_t>> get_i32s(std::string_view key) const;  // i32 or u32 arrays
  Result<std::vector<int64_t>> get_integers(std::string_view key) const;  // array of any integer or bool type, widened
  bool has(std::string_view key) const;
  // All keys in file order, with their type and, for arrays, element type and length.
  struct KeyInfo { std::string_view key; ValueType type; ValueType element; uint64_t length; };
  const std::vector<KeyInfo>& keys() const;
  // A value for people: scalars and strings whole, arrays by type, length and first elements.
  std::string describe(std::string_view key) const;

  const TensorInfo* find_tensor(std::string_view name) const;  // null if absent
  const std::vector<TensorInfo>& tensors() const;
  uint64_t file_bytes() const;       // of all parts
  const std::string& name() const;   // path, for messages
  uint32_t version() const;
  const std::vector<std::string>& paths() const;  // the files in use, in order

  // Error kIo if a mapped part is no longer what was opened (MappedFile::check_intact()); bytes are always intact.
  Result<void> check_intact() const;
  // A hint for all mapped parts; nothing happens for bytes.
  void advise(MapAdvice advice) const;

  struct Impl;

 private:
  View();
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::gguf
