// Mapping a file: open, fstat, check, map, in this order, so that what was checked is what is mapped.
//
// Contract: see mapped_file.h. The descriptor stays open: what became of the file is asked of it, not of the path, at which
// another file may lie by then.
// Not here: interpreting the bytes.
#include "base/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/fault_guard.h"

namespace hearth {
namespace {

class Descriptor {  // closes on every path out
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
};

std::string reason(int error) {
  return std::error_code(error, std::generic_category()).message();
}

Error open_error(const std::string& path, int error) {
  switch (error) {
    case ENOENT:
      return {ErrorCode::kNotFound, path + ": no such file"};
    case ENOTDIR:
      return {ErrorCode::kNotFound, path + ": no such file (a part of the path is not a folder)"};
    case EACCES:
    case EPERM:
      return {ErrorCode::kPermission, path + ": no permission to read this file; check its mode and owner (ls -l)"};
    case ELOOP:
      return {ErrorCode::kInvalidArgument, path + ": symbolic links lead in a circle"};
    case ENAMETOOLONG:
      return {ErrorCode::kInvalidArgument, path + ": the path is too long"};
    case ENXIO:
      return {ErrorCode::kInvalidArgument, path + ": is a socket or a device, not a regular file"};
    case EMFILE:
    case ENFILE:
      return {ErrorCode::kResource, path + ": cannot be opened: " + reason(error) + "; raise the limit (ulimit -n)"};
    default:
      return {ErrorCode::kIo, path + ": cannot be opened: " + reason(error)};
  }
}

const char* kind_name(mode_t mode) {
  if (S_ISDIR(mode)) return "a folder";
  if (S_ISFIFO(mode)) return "a named pipe";
  if (S_ISSOCK(mode)) return "a socket";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
  return "a special file";
}

bool same_time(const timespec& a, const timespec& b) { return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec; }

}  // namespace

struct MappedFile::Source {
  Descriptor file;
  timespec modified;
  GuardedRange guard;
};

Result<MappedFile> MappedFile::open(const std::string& path) {
  if (path.empty()) return Error{ErrorCode::kInvalidArgument, "the path of the file is empty"};
  if (path.find('\0') != std::string::npos) {
    return Error{ErrorCode::kInvalidArgument, "the path of the file contains a zero byte"};
  }
  // O_NONBLOCK: opening a pipe without a writer must not wait. It has no meaning for regular files.
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (file.get() < 0) return open_error(path, errno);
  struct stat status;
  if (::fstat(file.get(), &status) != 0) {
    return Error{ErrorCode::kIo, path + ": cannot be examined: " + reason(errno)};
  }
  if (!S_ISREG(status.st_mode)) {
    return Error{ErrorCode::kInvalidArgument, path + ": is " + kind_name(status.st_mode) + ", not a regular file"};
  }
  if (status.st_size <= 0) {
    return Error{ErrorCode::kCorrupt, path + ": the file is empty (0 bytes); if it was downloaded, fetch it again"};
  }
  MappedFile result;
  result.path_ = path;
  result.size_ = static_cast<size_t>(status.st_size);
  void* address = ::mmap(nullptr, result.size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (address == MAP_FAILED) {
    const int error = errno;
    result.size_ = 0;
    const ErrorCode code = error == ENOMEM ? ErrorCode::kResource : ErrorCode::kIo;
    return Error{code, path + ": cannot be mapped into memory: " + reason(error)};
  }
  result.data_ = static_cast<const std::byte*>(address);
  result.source_.reset(new Source{std::move(file), status.st_mtim, {address, result.size_, path}});
  return result;
}

MappedFile::MappedFile() = default;
MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      source_(std::move(other.source_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(source_, other.source_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

MappedFile::~MappedFile() {
  source_.reset();
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

Result<void> MappedFile::check_intact() const {
  if (!source_) return {};
  const auto lost = [this](const std::string& what) {
    return Error{ErrorCode::kIo, path_ + ": the file " + what + " while it was in use; restore it and load it again"};
  };
  struct stat status;
  if (::fstat(source_->file.get(), &status) != 0) return lost("became unreadable (" + reason(errno) + ")");
  if (static_cast<uint64_t>(status.st_size) < size_) {
    return lost("was cut short from " + std::to_string(size_) + " to " + std::to_string(status.st_size) + " bytes");
  }
  if (const std::optional<size_t> offset = source_->guard.first_lost()) {
    return lost("became unreadable at byte " + std::to_string(*offset));
  }
  if (!same_time(status.st_mtim, source_->modified)) return lost("was written to");
  return {};
}

void MappedFile::advise(MapAdvice advice, uint64_t offset, uint64_t length) const {
  if (data_ == nullptr || offset >= size_ || length == 0) return;
  static const uint64_t page = static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
  length = std::min<uint64_t>(length, size_ - offset);
  const uint64_t begin = offset & ~(page - 1);
  int value = MADV_NORMAL;
  switch (advice) {
    case MapAdvice::kNormal:
      value = MADV_NORMAL;
      break;
    case MapAdvice::kSequential:
      value = MADV_SEQUENTIAL;
      break;
    case MapAdvice::kRandom:
      value = MADV_RANDOM;
      break;
    case MapAdvice::kWillNeed:
      value = MADV_WILLNEED;
      break;
  }
  (void)::madvise(const_cast<std::byte*>(data_) + begin, offset + length - begin, value);
}

}  // namespace hearth
