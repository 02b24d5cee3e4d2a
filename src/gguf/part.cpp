// Loading one file, and reading scalars out of its entries.
//
// Contract: see part.h. The memory of a Part is bounded by a small multiple of its file's size.
// Not here: the parsing steps (header.cpp, tensor_directory.cpp).
#include "gguf/part.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace hearth::gguf {
namespace {

template <class T>
T scalar(const Entry& entry) {
  T value;
  std::memcpy(&value, entry.data, sizeof(T));
  return value;
}

Result<void> parse_all(Part* part) {
  TRY(parse_keys(part));
  return parse_tensors(part);
}

Result<Part> parse(Part part) {
  const Result<void> parsed = parse_all(&part);
  // What a file holds that changes meanwhile means nothing, nor do complaints about it.
  if (part.file) TRY(part.file->check_intact());
  if (!parsed.ok()) return parsed.error();
  return part;
}

}  // namespace

Error corrupt(const Part& part, const std::string& what) {
  return {ErrorCode::kCorrupt, part.path + ": " + what};
}

Error unsupported(const Part& part, const std::string& what) {
  return {ErrorCode::kUnsupported, part.path + ": " + what};
}

const Entry* Part::find(std::string_view key) const {
  const auto found = entry_of_key.find(key);
  return found == entry_of_key.end() ? nullptr : &entries[found->second];
}

Result<Part> load_part(const std::string& path) {
  Part part;
  part.path = path;
  part.file.emplace(TRY(MappedFile::open(path)));
  part.bytes = part.file->bytes();
  return parse(std::move(part));
}

Result<Part> load_part(std::span<const std::byte> bytes, const std::string& name) {
  Part part;
  part.path = name;
  part.bytes = bytes;
  if (bytes.empty()) return corrupt(part, "the file is empty (0 bytes)");
  if (reinterpret_cast<uintptr_t>(bytes.data()) % alignof(uint64_t) != 0) {
    part.copy = std::make_unique<uint64_t[]>((bytes.size() + 7) / 8);
    std::memcpy(part.copy.get(), bytes.data(), bytes.size());
    part.bytes = {reinterpret_cast<const std::byte*>(part.copy.get()), bytes.size()};
  }
  return parse(std::move(part));
}

uint64_t value_type_bytes(ValueType type) {
  switch (type) {
    case ValueType::kU8:
    case ValueType::kI8:
    case ValueType::kBool:
      return 1;
    case ValueType::kU16:
    case ValueType::kI16:
      return 2;
    case ValueType::kU32:
    case ValueType::kI32:
    case ValueType::kF32:
      return 4;
    case ValueType::kU64:
    case ValueType::kI64:
    case ValueType::kF64:
      return 8;
    case ValueType::kString:
    case ValueType::kArray:
      break;
  }
  return 0;
}

const char* value_type_name(ValueType type) {
  constexpr const char* kNames[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                    "bool", "string", "array", "u64", "i64", "f64"};
  const uint32_t number = static_cast<uint32_t>(type);
  return number < std::size(kNames) ? kNames[number] : "unknown";
}

std::optional<int64_t> entry_i64(const Entry& entry) {
  switch (entry.type) {
    case ValueType::kU8:
      return scalar<uint8_t>(entry);
    case ValueType::kI8:
      return scalar<int8_t>(entry);
    case ValueType::kU16:
      return scalar<uint16_t>(entry);
    case ValueType::kI16:
      return scalar<int16_t>(entry);
    case ValueType::kU32:
      return scalar<uint32_t>(entry);
    case ValueType::kI32:
      return scalar<int32_t>(entry);
    case ValueType::kI64:
      return scalar<int64_t>(entry);
    case ValueType::kU64: {
      const uint64_t value = scalar<uint64_t>(entry);
      if (value > static_cast<uint64_t>(std::numeric_limits<int64_t>::max())) return std::nullopt;
      return static_cast<int64_t>(value);
    }
    default:
      return std::nullopt;
  }
}

std::optional<uint64_t> entry_u64(const Entry& entry) {
  if (entry.type == ValueType::kU64) return scalar<uint64_t>(entry);
  const std::optional<int64_t> value = entry_i64(entry);
  if (!value.has_value() || *value < 0) return std::nullopt;
  return static_cast<uint64_t>(*value);
}

std::optional<double> entry_f64(const Entry& entry) {
  if (entry.type == ValueType::kF32) return scalar<float>(entry);
  if (entry.type == ValueType::kF64) return scalar<double>(entry);
  if (entry.type == ValueType::kU64) return static_cast<double>(scalar<uint64_t>(entry));
  const std::optional<int64_t> value = entry_i64(entry);
  if (!value.has_value()) return std::nullopt;
  return static_cast<double>(*value);
}

}  // namespace hearth::gguf
