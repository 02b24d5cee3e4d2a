// errno as an Error, and an owned file descriptor.
//
// Contract: the message is "<what>: <reason>"; the code follows the reason (ENOENT not found, EACCES permission, ENOSPC
// resource, ...). Not here: what the caller was doing; it says so in `what`.
#pragma once

#include <string>
#include <utility>

#include "hearth/error.h"

namespace hearth {

Error os_error(int error_number, const std::string& what);

class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor() { close(); }
  int get() const { return number_; }
  bool valid() const { return number_ >= 0; }
  void close();

 private:
  int number_ = -1;
};

}  // namespace hearth
