// Storage over anonymous mappings; see storage.h.
#include "tensor/storage.h"

#include <sys/mman.h>

#include <string>
#include <utility>

namespace hearth::tensor {

Result<Storage> Storage::allocate(uint64_t bytes, const char* what) {
  Storage storage;
  if (bytes == 0) return storage;
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (data == MAP_FAILED) {
    return Error{ErrorCode::kResource, "cannot reserve " + std::to_string(bytes >> 20) + " MiB for " + what +
                                           ": use a smaller context or free memory"};
  }
  storage.data_ = static_cast<std::byte*>(data);
  storage.bytes_ = bytes;
  return storage;
}

Storage::Storage(Storage&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}

Storage& Storage::operator=(Storage&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(bytes_, other.bytes_);
  return *this;
}

Storage::~Storage() {
  if (data_) munmap(data_, bytes_);
}

}  // namespace hearth::tensor
