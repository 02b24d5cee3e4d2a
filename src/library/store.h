// The folder of models: files named by digest, a record beside each, locks.
//
// Contract: paths are made from digests, never from text. A record is written after its file is complete and removed before
// it, so a record without a file, or of another size, means "not installed".
// Not here: fetching (pull.h), names and defaults (library.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/os_error.h"
#include "hearth/error.h"
#include "library/digest.h"
#include "library/library.h"

namespace hearth::library {

// What models/<digest>.toml says.
struct Record {
  Digest digest{};
  std::vector<std::string> names;
  uint64_t bytes = 0;
  std::string licence, licence_class, licence_url, licence_note;
  std::string source;          // where it came from, as in the catalogue
  std::string in_place_path;   // file: sources; empty otherwise
  int64_t modified_ns = 0;     // of the file in place when it was verified
  int64_t installed_at = 0;    // seconds since the epoch
};

class Store {
 public:
  explicit Store(std::string home) : home_(std::move(home)) {}
  std::string models_folder() const { return home_ + "/models"; }
  std::string model_path(const Digest& digest) const { return models_folder() + "/" + to_hex(digest) + ".gguf"; }
  std::string record_path(const Digest& digest) const { return models_folder() + "/" + to_hex(digest) + ".toml"; }
  std::string partial_folder(const Digest& digest) const { return home_ + "/partial/" + to_hex(digest); }
  std::string lock_path(const Digest& digest) const { return home_ + "/partial/" + to_hex(digest) + ".lock"; }
  // Where the bytes of a recorded model are.
  std::string path_of(const Record& record) const;

  // All records whose file is there and has the recorded size; others are logged and left out.
  Result<std::vector<Record>> records() const;
  // nullopt: not installed.
  Result<std::optional<Record>> read(const Digest& digest) const;
  Result<void> write(const Record& record) const;
  bool intact(const Record& record) const;

 private:
  std::string home_;
};

// An exclusive lock between processes on the pulling and removing of one digest. The file goes when the lock does.
class DigestLock {
 public:
  // nullopt: another process holds it.
  static Result<std::optional<DigestLock>> attempt(const std::string& path);
  // Tries until it is free; calls `waiting` before each pause.
  static Result<DigestLock> wait(const std::string& path, const std::function<void()>& waiting,
                                 const std::atomic<bool>* cancel);
  DigestLock(DigestLock&&) noexcept = default;
  DigestLock& operator=(DigestLock&&) noexcept = default;
  ~DigestLock();

 private:
  DigestLock(std::string path, FileDescriptor file) : path_(std::move(path)), file_(std::move(file)) {}
  std::string path_;
  FileDescriptor file_;
};

}  // namespace hearth::library
