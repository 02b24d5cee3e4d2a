// errno -> ErrorCode and words.
//
// Contract: see os_error.h. Uses the reentrant strerror, so any thread may call it.
#include "base/os_error.h"

#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace hearth {

Error os_error(int error_number, const std::string& what) {
  ErrorCode code = ErrorCode::kIo;
  switch (error_number) {
    case ENOENT:
    case ENOTDIR:
      code = ErrorCode::kNotFound;
      break;
    case EACCES:
    case EPERM:
    case EROFS:
      code = ErrorCode::kPermission;
      break;
    case ENOSPC:
    case EDQUOT:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case EFBIG:
      code = ErrorCode::kResource;
      break;
    default:
      break;
  }
  std::array<char, 128> buffer{};
  return {code, what + ": " + strerror_r(error_number, buffer.data(), buffer.size())};
}

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    close();
    number_ = std::exchange(other.number_, -1);
  }
  return *this;
}

void FileDescriptor::close() {
  if (number_ >= 0) ::close(number_);
  number_ = -1;
}

}  // namespace hearth
