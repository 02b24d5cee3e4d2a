// Typed access to the values of keys, and their form for people.
//
// Contract: see view.h. Entries were checked at open, so reading them cannot leave the file.
// Not here: checking (header.cpp).
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/utf8.h"
#include "gguf/view_impl.h"

namespace hearth::gguf {
namespace {

constexpr uint64_t kShownElements = 8;    // of an array, in describe()
constexpr size_t kShownStringBytes = 40;  // of each string in an array

std::string_view text_of(const Entry& entry) {
  return {reinterpret_cast<const char*>(entry.data), static_cast<size_t>(entry.length)};
}

std::string type_of(const Entry& entry) {
  if (entry.type != ValueType::kArray) return value_type_name(entry.type);
  return std::string("an array of ") + value_type_name(entry.element);
}

// The element of an array as an entry of its own, so that scalars and elements are read by the same code.
Entry element_of(const Entry& array, uint64_t index) {
  Entry entry{};
  entry.type = entry.element = array.element;
  entry.length = 1;
  entry.data = array.data + index * value_type_bytes(array.element);
  return entry;
}

std::string shortest(double value, bool single) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  char buffer[64];
  const std::to_chars_result end = single ? std::to_chars(buffer, buffer + sizeof(buffer), static_cast<float>(value))
                                          : std::to_chars(buffer, buffer + sizeof(buffer), value);
  return {buffer, end.ptr};
}

std::string describe_scalar(const Entry& entry) {
  switch (entry.type) {
    case ValueType::kBool:
      return entry.data[0] == std::byte{1} ? "true" : "false";
    case ValueType::kF32:
      return shortest(*entry_f64(entry), true);
    case ValueType::kF64:
      return shortest(*entry_f64(entry), false);
    case ValueType::kU64:
      return std::to_string(*entry_u64(entry));
    default:
      return std::to_string(entry_i64(entry).value_or(0));
  }
}

}  // namespace

std::string_view StringArray::operator[](size_t index) const {
  const std::byte* at = base_ + offsets_[index];
  uint64_t length;
  std::memcpy(&length, at, sizeof(length));
  return {reinterpret_cast<const char*>(at + sizeof(length)), static_cast<size_t>(length)};
}

bool View::has(std::string_view key) const {
  return impl_->find(key) != nullptr;
}

std::optional<uint64_t> View::get_u64(std::string_view key) const {
  const Entry* entry = impl_->find(key);
  return entry == nullptr ? std::nullopt : entry_u64(*entry);
}

std::optional<int64_t> View::get_i64(std::string_view key) const {
  const Entry* entry = impl_->find(key);
  return entry == nullptr ? std::nullopt : entry_i64(*entry);
}

std::optional<double> View::get_f64(std::string_view key) const {
  const Entry* entry = impl_->find(key);
  return entry == nullptr ? std::nullopt : entry_f64(*entry);
}

std::optional<bool> View::get_bool(std::string_view key) const {
  const Entry* entry = impl_->find(key);
  if (entry == nullptr || entry->type != ValueType::kBool) return std::nullopt;
  return entry->data[0] == std::byte{1};
}

std::optional<std::string_view> View::get_string(std::string_view key) const {
  const Entry* entry = impl_->find(key);
  if (entry == nullptr || entry->type != ValueType::kString) return std::nullopt;
  return text_of(*entry);
}

namespace {

Error wrong_array(const std::string& path, std::string_view key, const Entry* entry, const char* wanted) {
  const std::string start = path + ": key '" + printable(key, 80) + "' ";
  if (entry == nullptr) return {ErrorCode::kNotFound, start + "is missing (" + wanted + " is needed)"};
  return {ErrorCode::kCorrupt, start + "is " + type_of(*entry) + "; " + wanted + " is needed"};
}

bool is_array_of(const Entry* entry, std::initializer_list<ValueType> elements) {
  if (entry == nullptr || entry->type != ValueType::kArray) return false;
  for (ValueType element : elements) {
    if (entry->element == element) return true;
  }
  return false;
}

const void* words_of(const Entry& entry) {
  if (entry.length == 0) return nullptr;
  return entry.aligned ? static_cast<const void*>(entry.aligned.get()) : entry.data;
}

}  // namespace

Result<StringArray> View::get_strings(std::string_view key) const {
  const Entry* entry = impl_->find(key);
  if (!is_array_of(entry, {ValueType::kString})) return wrong_array(name(), key, entry, "an array of strings");
  StringArray result;
  result.base_ = entry->data;
  result.offsets_.resize(entry->length);
  uint64_t offset = 0;
  for (uint64_t& start : result.offsets_) {
    start = offset;
    uint64_t length;
    std::memcpy(&length, entry->data + offset, sizeof(length));
    offset += sizeof(length) + length;
  }
  return result;
}

Result<std::span<const float>> View::get_f32s(std::string_view key) const {
  const Entry* entry = impl_->find(key);
  if (!is_array_of(entry, {ValueType::kF32})) return wrong_array(name(), key, entry, "an array of f32");
  return std::span<const float>(static_cast<const float*>(words_of(*entry)), entry->length);
}

Result<std::span<const int32_t>> View::get_i32s(std::string_view key) const {
  const Entry* entry = impl_->find(key);
  if (!is_array_of(entry, {ValueType::kI32, ValueType::kU32}))
    return wrong_array(name(), key, entry, "an array of i32 or u32");
  return std::span<const int32_t>(static_cast<const int32_t*>(words_of(*entry)), entry->length);
}

Result<std::vector<int64_t>> View::get_integers(std::string_view key) const {
  const Entry* entry = impl_->find(key);
  constexpr const char* kWanted = "an array of integers or bools";
  if (entry == nullptr || entry->type != ValueType::kArray || entry->element == ValueType::kString ||
      entry->element == ValueType::kF32 || entry->element == ValueType::kF64) {
    return wrong_array(name(), key, entry, kWanted);
  }
  std::vector<int64_t> result(entry->length);
  for (uint64_t i = 0; i < entry->length; ++i) {
    const Entry element = element_of(*entry, i);
    if (element.type == ValueType::kBool) {
      result[i] = element.data[0] == std::byte{1};
      continue;
    }
    const std::optional<int64_t> value = entry_i64(element);
    if (!value) {
      return Error{ErrorCode::kCorrupt,
                   name() + ": key '" + printable(key, 80) + "': element " + std::to_string(i) + " exceeds 63 bits"};
    }
    result[i] = *value;
  }
  return result;
}

std::string View::describe(std::string_view key) const {
  const Entry* entry = impl_->find(key);
  if (entry == nullptr) return "";
  if (entry->type == ValueType::kString) return printable(text_of(*entry), entry->length);
  if (entry->type != ValueType::kArray) return describe_scalar(*entry);
  std::string text = std::string(value_type_name(entry->element)) + "[" + std::to_string(entry->length) + "]: ";
  const std::byte* at = entry->data;
  for (uint64_t i = 0; i < entry->length && i < kShownElements; ++i) {
    if (i > 0) text += ", ";
    if (entry->element == ValueType::kString) {
      uint64_t length;
      std::memcpy(&length, at, sizeof(length));
      at += sizeof(length);
      text +=
          '"' + printable({reinterpret_cast<const char*>(at), static_cast<size_t>(length)}, kShownStringBytes) + '"';
      at += length;
    } else {
      text += describe_scalar(element_of(*entry, i));
    }
  }
  if (entry->length > kShownElements) text += ", ...";
  return text;
}

}  // namespace hearth::gguf
