// Remembered pages as files that survive a restart: which there are, writing, reading and evicting them.
//
// Contract: docs/formats/prefix_cache.md. One thread writes and one reads; the caller's calls only look at tables in memory
// and queue work, and never wait for the disk. Whoever queues a page keeps its bytes unchanged until the task comes back
// through take_*(). The folder holds at most the limit, whoever else writes into it; what was used longest ago goes first. A
// file that is not what it says is deleted and counted. Trouble with the disk costs what was to be kept, never an answer.
// Not here: the format (serving/prefix_file.h), pages and trees (serving/prefix_cache.h).
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/serving/prefix_file.h"

namespace hearth {

struct PrefixDiskOptions {
  std::string folder;              // created if it is not there
  int64_t limit_bytes = 0;
  int64_t page_bytes = 0;
  // What the pages are of: model, key-value type, ... Asked on the writing thread if that takes long; nothing is found before.
  std::function<Result<Digest>(const std::atomic<bool>& stop)> identify;
  bool identify_in_background = false;
  std::function<void(std::byte* page, int first)> clear;  // zeroes a page from a position on: nothing else's is written
  std::function<void()> wake;      // called on a thread of the disk's when a take_*() has something; may stay unset
};

class PrefixDisk {
 public:
  struct Stats {
    int64_t bytes = 0, files = 0;  // of everybody in the folder when last looked at, and what was written since
    int64_t pages_read = 0, pages_written = 0, damaged = 0, dropped = 0;
  };
  struct Write {
    PrefixPage page;
    std::vector<int32_t> tokens;
    std::byte* bytes = nullptr;    // [page_bytes]
  };
  struct Read {
    uint64_t number = 0;
    std::vector<PrefixPage> pages;         // whole ones, in order
    std::vector<std::byte*> bytes;         // of each of them, and of an ending if there are `endings`
    std::vector<PrefixPage> endings;       // parts of a page that may follow the last; the best is read
    std::vector<int32_t> rest;             // what the caller wants to follow
    // Results:
    int64_t whole = 0;                     // pages that were read
    std::vector<int32_t> ending;           // tokens of the ending that was read, if one was
  };

  static Result<std::unique_ptr<PrefixDisk>> open(PrefixDiskOptions options);
  ~PrefixDisk();

  // Whether a page can be read, as far as is known.
  bool has(const PrefixPage& page) const;
  // Parts of a page that follow `parent`, the latest first, at most kMostEndings.
  std::vector<PrefixPage> endings_after(const Digest& parent) const;

  void write(Write task);
  // These were used, the first before all others will have to go last.
  void renew(std::vector<PrefixPage> path);
  void remove(const PrefixPage& page);
  void read(Read task);

  std::vector<Write> take_written();       // done or given up
  std::vector<Write> take_back_writes();   // those that wait; they will not be written
  std::vector<Read> take_read();
  int64_t waiting_writes() const;
  Stats stats() const;
  // Writes what waits, for at most kFlushSeconds, and ends the threads. take_*() then give back everything.
  void stop();

  static constexpr int kMostEndings = 16;
  static constexpr int kFlushSeconds = 5;

 private:
  struct Order {                           // of the writing thread
    enum class Kind { kWrite, kRenew, kRemove } kind;
    Write write;
    std::vector<PrefixPage> path;
  };
  struct Known {
    int tokens;
    int64_t used_ns;                       // time of the file
  };
  using Key = std::pair<Digest, Digest>;   // parent, own
  struct FoundFile {
    std::string path;
    PrefixPage page;
    bool own;                              // of this identity
    int64_t bytes;
    int64_t used_ns;
  };

  explicit PrefixDisk(PrefixDiskOptions options) : options_(std::move(options)) {}
  static void list_files(const std::string& folder, bool own, std::vector<FoundFile>* found);
  Result<void> identify();
  Result<void> prepare_folder();
  std::string path_of(const PrefixPage& page) const;
  void writing_loop();
  void give_up();
  void reading_loop();
  void write_page(const Write& task);
  void renew_files(const std::vector<PrefixPage>& path);
  void read_pages(Read& task);
  void read_ending(Read& task);
  void remove_file(const PrefixPage& page);
  void forget(const PrefixPage& page, const Error& error);
  void keep_limit(int64_t coming_bytes);
  std::vector<FoundFile> scan();

  const PrefixDiskOptions options_;
  Digest identity_{};
  std::string own_folder_;                 // of the identity
  int64_t written_since_scan_ = 0;         // writing thread only
  int64_t temporary_files_ = 0;
  std::vector<std::byte> part_;            // a copy of a page of which a part is written

  mutable std::mutex mutex_;               // all below
  std::condition_variable write_wanted_, read_wanted_;
  std::deque<Order> orders_;
  std::deque<Read> reads_;
  std::vector<Write> written_;
  std::vector<Read> read_;
  std::map<Key, Known> known_;             // files of this identity
  int64_t waiting_writes_ = 0;
  Stats stats_;
  bool ready_ = false;                     // identity_ is set and the folder has been looked at
  bool failed_ = false;                    // and never will be: everything is given up
  std::atomic<bool> stop_{false};
  int64_t stop_ns_ = 0;
  std::thread writer_, reader_;
};

}  // namespace hearth
