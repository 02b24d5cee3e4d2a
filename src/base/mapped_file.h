// A regular file mapped read-only into memory.
//
// Contract: open() opens without blocking, looks at what it got, and maps only a non-empty regular file; anything else is an
// Error that says what the path is and what to do. The bytes stay valid, at the same address, until the object that owns
// them is destroyed; moving it does not move them. Const methods are thread-safe.
// Not here: guarding against a file that shrinks while it is mapped, writing (base/atomic_file).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "hearth/error.h"

namespace hearth {

enum class MapAdvice {
  kNormal,
  kSequential,  // read ahead, drop behind
  kRandom,      // no read-ahead
  kWillNeed,    // start reading now
};

class MappedFile {
 public:
  // Errors: kNotFound, kPermission, kInvalidArgument (a folder, device, pipe or socket), kCorrupt (empty), kResource, kIo.
  static Result<MappedFile> open(const std::string& path);
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  ~MappedFile();

  std::span<const std::byte> bytes() const { return {data_, size_}; }  // page-aligned
  const std::string& path() const { return path_; }

  // A hint about [offset, offset + length), cut to the file and widened to pages. Failure changes nothing but speed.
  void advise(MapAdvice advice, uint64_t offset, uint64_t length) const;

 private:
  MappedFile() = default;
  std::string path_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace hearth
