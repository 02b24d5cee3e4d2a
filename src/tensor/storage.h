// Storage: the owner of a block of zeroed, page-aligned anonymous memory.
//
// Contract: memory is reserved at once and becomes resident when touched; freed by the destructor. Movable.
// Not here: what lies in it (tensor.h), files (base/mapped_file.h).
#pragma once

#include <cstddef>
#include <cstdint>

#include "hearth/error.h"

namespace hearth::tensor {

class Storage {
 public:
  Storage() = default;
  Storage(Storage&& other) noexcept;
  Storage& operator=(Storage&& other) noexcept;
  ~Storage();
  // `what` names the purpose in the kResource error.
  static Result<Storage> allocate(uint64_t bytes, const char* what);
  std::byte* data() const { return data_; }
  uint64_t bytes() const { return bytes_; }

 private:
  std::byte* data_ = nullptr;
  uint64_t bytes_ = 0;
};

}  // namespace hearth::tensor
