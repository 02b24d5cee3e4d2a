// An unfinished model file: bytes so far, which parts they are, and how to go on after an interruption.
//
// Contract: lives in one folder, partial/<digest>/, under the caller's DigestLock: `data` (the bytes), `state.toml` (written
// after each finished part), `work-*/` (temporary files of the fetcher; another name each time, since a program that a
// killed pull left behind may still write into the old one). What is there is hashed again on opening; bytes after
// the last finished part are dropped.
// Not here: fetching, locks.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "base/os_error.h"
#include "hearth/error.h"
#include "library/digest.h"
#include "library/fetcher.h"
#include "library/library.h"

namespace hearth::library {

class PartialFile : public ByteSink {
 public:
  // Starts, or resumes if what is there came from the same source. `total_bytes`: no more than that is accepted.
  static Result<PartialFile> open(const std::string& folder, const Source& source, uint64_t total_bytes,
                                  const std::function<void(uint64_t)>& checked, const std::atomic<bool>* cancel);
  PartialFile(PartialFile&&) = default;

  Result<void> write(std::string_view bytes) override;
  // The part being written is whole: makes it durable.
  Result<void> finish_part();
  // Drops what was written of the part that failed.
  Result<void> drop_part();

  size_t finished_parts() const { return finished_parts_; }
  uint64_t bytes() const { return bytes_; }
  uint64_t part_start() const { return part_start_; }
  Digest digest() const { return hash_.digest(); }
  const std::string& work_folder() const { return work_folder_; }
  // Replaces the work folder by an empty one.
  Result<void> clear_work();
  // Moves the data to their final place; the folder goes.
  Result<void> commit(const std::string& final_path);
  void set_on_write(std::function<void()> on_write) { on_write_ = std::move(on_write); }

  // Removes the folder and everything in it; fine if there is none.
  static void discard(const std::string& folder);

 private:
  PartialFile(std::string folder, Digest source_digest, uint64_t total_bytes);
  std::string data_path() const { return folder_ + "/data"; }
  std::string state_path() const { return folder_ + "/state.toml"; }
  Result<void> resume(const std::function<void(uint64_t)>& checked, const std::atomic<bool>* cancel);
  Result<void> restart();

  std::string folder_;
  std::string work_folder_;
  Digest source_digest_;
  uint64_t total_bytes_;
  FileDescriptor file_;
  Sha256 hash_;
  uint64_t bytes_ = 0;
  uint64_t part_start_ = 0;
  size_t finished_parts_ = 0;
  std::function<void()> on_write_;
};

}  // namespace hearth::library
