// Contract: engine/file_digest.h.
#include "engine/file_digest.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>

#include "base/os_error.h"
#include "base/sha256.h"

namespace hearth {

Result<std::string> digest_of_files(const gguf::View& view, const std::atomic<bool>* stop) {
  Sha256 hash;
  for (const std::string& path : view.paths()) {
    const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) return os_error(errno, "cannot open " + path);
    struct stat status;
    if (fstat(file.get(), &status) != 0) return os_error(errno, "cannot look at " + path);
    TRY(hash_file(file.get(), path, static_cast<uint64_t>(status.st_size), &hash, {}, stop));
  }
  TRY(view.check_intact());  // what was hashed is what was opened
  return to_hex(hash.digest());
}

}  // namespace hearth
