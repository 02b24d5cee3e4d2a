// The head of a GGUF file: magic, version, counts, and every key with its value.
//
// Contract: after parse_keys() each entry's value lies wholly within the file, bools are 0 or 1, array lengths fit what
// follows them, and keys are unique, valid UTF-8 and not empty. Strings are walked, not copied. Not here: tensors
// (tensor_directory.cpp), what keys mean.
#include <cstring>

#include "base/checked.h"
#include "base/utf8.h"
#include "gguf/cursor.h"
#include "gguf/limits.h"
#include "gguf/part.h"

namespace hearth::gguf {
namespace {

constexpr uint64_t kSmallestKey = 8 + 4 + 1;         // length of the name, type, a byte
constexpr uint64_t kSmallestTensor = 8 + 4 + 4 + 8;  // length of the name, dimensions, format, offset
constexpr uint64_t kSmallestString = 8;

Error cut_short(const Part& part, const std::string& where) {
  return corrupt(part, "the file ends inside " + where + " (it has " + std::to_string(part.bytes.size()) +
                           " bytes): it is cut short or damaged; fetch it again");
}

Result<void> check_version(const Part& part) {
  const uint32_t version = part.version;
  if (version == 2 || version == 3) return {};
  if ((version & 0xFFFFu) == 0 && version != 0) {
    return unsupported(part,
                       "is a big-endian GGUF file; convert it to little-endian (gguf_convert_endian.py of the gguf "
                       "Python package) or get a little-endian one");
  }
  if (version == 1) {
    return unsupported(part,
                       "is a GGUF file of version 1 (2023), which is no longer read; get the model as version 2 or 3");
  }
  if (version == 0) return corrupt(part, "has GGUF version 0, which does not exist; the file is damaged");
  return unsupported(part, "has GGUF version " + std::to_string(version) + "; this program reads versions 2 and 3");
}

Result<void> check_count(const Part& part, const char* what, uint64_t count, uint64_t limit, const char* limit_name,
                         uint64_t left, uint64_t smallest) {
  if (count > left / smallest) {
    return corrupt(part, "the header announces " + std::to_string(count) + " " + what + ", more than the file's " +
                             std::to_string(part.bytes.size()) + " bytes can hold; the file is damaged or cut short");
  }
  if (count > limit) {
    return Error{ErrorCode::kResource, part.path + ": " + std::to_string(count) + " " + what + " are above the limit " +
                                           limit_name + " = " + std::to_string(limit)};
  }
  return {};
}

std::string quoted(std::string_view key) {
  return "key '" + printable(key, 80) + "'";
}

bool is_misaligned(const std::byte* data) {
  return reinterpret_cast<uintptr_t>(data) % alignof(uint32_t) != 0;
}

Result<void> check_bools(const Part& part, const Entry& entry) {
  for (uint64_t i = 0; i < entry.length; ++i) {
    if (entry.data[i] > std::byte{1}) {
      return corrupt(part, quoted(entry.key) + " holds a bool that is neither 0 nor 1");
    }
  }
  return {};
}

Result<void> parse_array(const Part& part, Cursor* cursor, Entry* entry) {
  uint32_t element;
  if (!cursor->read(&element) || !cursor->read(&entry->length)) return cut_short(part, quoted(entry->key));
  entry->element = static_cast<ValueType>(element);
  entry->data = cursor->data();
  if (entry->element == ValueType::kArray) {
    return unsupported(part, quoted(entry->key) + " is an array of arrays, which is not read");
  }
  const bool strings = entry->element == ValueType::kString;
  const uint64_t width = strings ? kSmallestString : value_type_bytes(entry->element);
  if (width == 0) {
    return corrupt(part, quoted(entry->key) + " is an array of unknown type " + std::to_string(element));
  }
  if (entry->length > cursor->left() / width) {
    return corrupt(part, quoted(entry->key) + " announces " + std::to_string(entry->length) + " " +
                             value_type_name(entry->element) + " elements, more than the rest of the file can hold");
  }
  if (strings) {
    std::string_view text;
    for (uint64_t i = 0; i < entry->length; ++i) {
      if (!cursor->read_string(&text)) {
        return cut_short(part,
                         quoted(entry->key) + ", string " + std::to_string(i) + " of " + std::to_string(entry->length));
      }
    }
    return {};
  }
  if (!cursor->skip(entry->length * width)) return cut_short(part, quoted(entry->key));  // cannot wrap: checked above
  if (width == sizeof(uint32_t) && entry->length > 0 && is_misaligned(entry->data)) {
    entry->aligned = std::make_unique<uint32_t[]>(entry->length);
    std::memcpy(entry->aligned.get(), entry->data, entry->length * width);
  }
  return {};
}

Result<void> parse_value(const Part& part, Cursor* cursor, Entry* entry) {
  entry->element = entry->type;
  entry->length = 1;
  if (entry->type == ValueType::kArray) {
    TRY(parse_array(part, cursor, entry));
  } else if (entry->type == ValueType::kString) {
    std::string_view text;
    if (!cursor->read_string(&text)) return cut_short(part, "the string of " + quoted(entry->key));
    entry->data = reinterpret_cast<const std::byte*>(text.data());
    entry->length = text.size();
  } else {
    const uint64_t width = value_type_bytes(entry->type);
    if (width == 0) {
      return corrupt(part,
                     quoted(entry->key) + " has unknown type " + std::to_string(static_cast<uint32_t>(entry->type)));
    }
    entry->data = cursor->data();
    if (!cursor->skip(width)) return cut_short(part, quoted(entry->key));
  }
  if (entry->element == ValueType::kBool) TRY(check_bools(part, *entry));
  return {};
}

Result<void> check_key_name(const Part& part, std::string_view key, uint64_t index) {
  const std::string which = "key " + std::to_string(index) + " of " + std::to_string(part.key_count);
  if (key.empty()) return corrupt(part, which + " has an empty name");
  if (key.size() > kMaxKeyBytes) {
    return corrupt(part, which + " has a name of " + std::to_string(key.size()) +
                             " bytes, above the limit kMaxKeyBytes = " + std::to_string(kMaxKeyBytes));
  }
  if (!is_valid_utf8(key))
    return corrupt(part, which + " has a name that is not valid UTF-8: '" + printable(key, 80) + "'");
  return {};
}

}  // namespace

Result<void> parse_keys(Part* part) {
  Cursor cursor(part->bytes);
  uint32_t magic;
  if (part->bytes.size() < 4 || std::memcmp(part->bytes.data(), "GGUF", 4) != 0) {
    return foreign_file_error(part->bytes, part->path);
  }
  if (!cursor.read(&magic) || !cursor.read(&part->version)) return cut_short(*part, "its header");
  TRY(check_version(*part));
  if (!cursor.read(&part->tensor_count) || !cursor.read(&part->key_count)) return cut_short(*part, "its header");
  TRY(check_count(*part, "keys", part->key_count, kMaxKeys, "kMaxKeys", cursor.left(), kSmallestKey));
  TRY(check_count(*part, "tensors", part->tensor_count, kMaxTensors, "kMaxTensors", cursor.left(), kSmallestTensor));
  part->entries.reserve(part->key_count);
  part->entry_of_key.reserve(part->key_count);
  for (uint64_t i = 0; i < part->key_count; ++i) {
    Entry entry{};
    uint32_t type;
    if (!cursor.read_string(&entry.key)) {
      return cut_short(*part, "the name of key " + std::to_string(i) + " of " + std::to_string(part->key_count));
    }
    TRY(check_key_name(*part, entry.key, i));
    if (!cursor.read(&type)) return cut_short(*part, quoted(entry.key));
    entry.type = static_cast<ValueType>(type);
    TRY(parse_value(*part, &cursor, &entry));
    if (!part->entry_of_key.emplace(entry.key, static_cast<uint32_t>(i)).second) {
      return corrupt(*part, quoted(entry.key) + " appears twice");
    }
    part->entries.push_back(std::move(entry));
  }
  part->directory = cursor.position();
  return {};
}

}  // namespace hearth::gguf
