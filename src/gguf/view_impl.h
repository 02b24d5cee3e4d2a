// What a View holds. Internal to gguf/.
//
// Contract: parts are in order, the first has the model's keys; tensors of all parts are in one directory.
// Not here: anything that is not shared by view.cpp and view_values.cpp.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "gguf/part.h"
#include "gguf/view.h"

namespace hearth::gguf {

struct View::Impl {
  std::vector<Part> parts;
  std::vector<std::string> paths;
  std::vector<KeyInfo> keys;
  std::vector<TensorInfo> tensors;
  std::unordered_map<std::string_view, uint32_t> tensor_of_name;
  uint64_t file_bytes = 0;

  const Entry* find(std::string_view key) const { return parts.front().find(key); }
  // Joins the checked parts; refuses a tensor name that appears twice.
  Result<void> assemble(std::vector<Part> all);
};

}  // namespace hearth::gguf
