// A regular file mapped read-only into memory.
//
// Contract: open() opens without blocking, looks at what it got, and maps only a non-empty regular file; anything else is an
// Error that says what the path is and what to do. The bytes stay valid, at the same address, until the object that owns
// them is destroyed; moving it does not move them. A file that is cut short or whose disk fails while it is mapped does not
// end the program: what is lost reads as zeros, and check_intact() says so. Const methods are thread-safe.
// Not here: what to do about a loss (gguf, engine), writing (base/atomic_file).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
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

  // Error kIo if the file is no longer what was mapped: cut short, unreadable or written to. Whoever reads the bytes calls
  // this before results count; after a success, what was read until then is what the file held when it was opened.
  Result<void> check_intact() const;

  // A hint about [offset, offset + length), cut to the file and widened to pages. Failure changes nothing but speed.
  void advise(MapAdvice advice, uint64_t offset, uint64_t length) const;

 private:
  struct Source;
  MappedFile();
  std::string path_;
  std::unique_ptr<Source> source_;
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace hearth
