// Files that are either there and whole or not there: temporary file, fsync, rename, fsync of the directory.
//
// Contract: after a crash or power loss at any point the final name shows the old content or the new one, never a mixture.
// Not here: locking between processes, and what is in the files.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "hearth/error.h"

namespace hearth {

// Creates `path` and its missing parents.
Result<void> make_directories(const std::string& path);
Result<void> sync_directory(const std::string& path);
// Writes all of `bytes`; `path` is for the message.
Result<void> write_all(int file_descriptor, std::string_view bytes, const std::string& path);
// Makes the finished file behind `file_descriptor` visible under `final_path`, durably. Both lie in one file system.
Result<void> commit_file(int file_descriptor, const std::string& temporary_path, const std::string& final_path);
// Replaces `path` with `bytes`; 0600 as `mode` for what only its owner may read.
Result<void> write_file_atomically(const std::string& path, std::string_view bytes, unsigned mode = 0644);
// The whole of a small file; kResource if it is larger than `limit_bytes`.
Result<std::string> read_small_file(const std::string& path, uint64_t limit_bytes);

}  // namespace hearth
