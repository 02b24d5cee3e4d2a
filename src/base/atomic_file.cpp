// Durable replacement of files.
//
// Contract: see atomic_file.h. A rename alone is not enough: without the fsync of the file the new name may show zeros after
// a power loss, without that of the directory it may not show at all.
#include "base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "base/os_error.h"

namespace hearth {
namespace {

std::string parent_of(const std::string& path) {
  const std::string parent = std::filesystem::path(path).parent_path().string();
  return parent.empty() ? "." : parent;
}

}  // namespace

Result<void> make_directories(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return os_error(error.value(), "cannot create the folder " + path);
  return {};
}

Result<void> sync_directory(const std::string& path) {
  const FileDescriptor directory(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid()) return os_error(errno, "cannot open the folder " + path);
  // EINVAL: a file system that keeps no separate directory data has nothing to sync.
  if (fsync(directory.get()) != 0 && errno != EINVAL) return os_error(errno, "cannot sync the folder " + path);
  return {};
}

Result<void> write_all(int file_descriptor, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(file_descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return os_error(errno, "cannot write " + path);
    bytes.remove_prefix(static_cast<size_t>(written));
  }
  return {};
}

Result<void> commit_file(int file_descriptor, const std::string& temporary_path, const std::string& final_path) {
  if (fsync(file_descriptor) != 0) return os_error(errno, "cannot sync " + temporary_path);
  if (rename(temporary_path.c_str(), final_path.c_str()) != 0) {
    return os_error(errno, "cannot rename " + temporary_path + " to " + final_path);
  }
  return sync_directory(parent_of(final_path));
}

Result<void> write_file_atomically(const std::string& path, std::string_view bytes, unsigned mode) {
  std::string temporary = path + ".XXXXXX";
  const FileDescriptor file(mkostemp(temporary.data(), O_CLOEXEC));
  if (!file.valid()) return os_error(errno, "cannot create a file in " + parent_of(path));
  Result<void> outcome = write_all(file.get(), bytes, temporary);
  if (outcome.ok() && fchmod(file.get(), mode) != 0) outcome = os_error(errno, "cannot set the mode of " + temporary);
  if (outcome.ok()) outcome = commit_file(file.get(), temporary, path);
  if (!outcome.ok()) unlink(temporary.c_str());
  return outcome;
}

Result<std::string> read_small_file(const std::string& path, uint64_t limit_bytes) {
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return os_error(errno, "cannot open " + path);
  std::string bytes;
  char buffer[16384];
  while (true) {
    const ssize_t got = read(file.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error(errno, "cannot read " + path);
    if (got == 0) return bytes;
    bytes.append(buffer, static_cast<size_t>(got));
    if (bytes.size() > limit_bytes) {
      return Error{ErrorCode::kResource, path + " is larger than " + std::to_string(limit_bytes) + " bytes"};
    }
  }
}

}  // namespace hearth
