// Two threads and a table of files; see prefix_disk.h.
#include "engine/serving/prefix_disk.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>

#include "base/atomic_file.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/os_error.h"
#include "kernels/table.h"

namespace hearth {
namespace {

constexpr int64_t kSecond = 1'000'000'000;
constexpr int kWriterNiceness = 10;            // answers come first
constexpr int64_t kScanFraction = 16;          // of the limit: written between two looks at the folder, freed beyond need
constexpr int64_t kStaleTemporarySeconds = 3600;
constexpr char kTemporary[] = ".tmp-";

int64_t wall_clock_ns() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return now.tv_sec * kSecond + now.tv_nsec;
}

}  // namespace

Result<std::unique_ptr<PrefixDisk>> PrefixDisk::open(PrefixDiskOptions options) {
  std::unique_ptr<PrefixDisk> disk(new PrefixDisk(std::move(options)));
  std::error_code error;
  if (!std::filesystem::exists(disk->options_.folder, error)) {
    TRY(make_directories(disk->options_.folder));
    if (chmod(disk->options_.folder.c_str(), 0700) != 0) return os_error(errno, "cannot protect " + disk->options_.folder);
  }
  if (!disk->options_.identify_in_background) TRY(disk->identify());
  disk->writer_ = std::thread([raw = disk.get()] { raw->writing_loop(); });
  disk->reader_ = std::thread([raw = disk.get()] { raw->reading_loop(); });
  return disk;
}

PrefixDisk::~PrefixDisk() { stop(); }

Result<void> PrefixDisk::identify() {
  identity_ = TRY(options_.identify(stop_));
  TRY(prepare_folder());
  scan();
  keep_limit(0);  // which may have become smaller
  const std::lock_guard lock(mutex_);
  ready_ = true;
  return {};
}

Result<void> PrefixDisk::prepare_folder() {
  own_folder_ = (std::filesystem::path(options_.folder) / to_hex(identity_)).string();
  if (mkdir(own_folder_.c_str(), 0700) != 0 && errno != EEXIST) return os_error(errno, "cannot create " + own_folder_);
  struct stat status;
  if (lstat(own_folder_.c_str(), &status) != 0) return os_error(errno, "cannot look at " + own_folder_);
  if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0) {
    return Error{ErrorCode::kPermission, own_folder_ + " is not a folder of this user alone: delete it, or keep prompts elsewhere"};
  }
  return {};
}

std::string PrefixDisk::path_of(const PrefixPage& page) const { return own_folder_ + "/" + prefix_file_name(page); }

bool PrefixDisk::has(const PrefixPage& page) const {
  const std::lock_guard lock(mutex_);
  return ready_ && known_.count({page.parent, page.own}) != 0;
}

std::vector<PrefixPage> PrefixDisk::endings_after(const Digest& parent) const {
  std::vector<std::pair<int64_t, PrefixPage>> found;
  {
    const std::lock_guard lock(mutex_);
    if (!ready_) return {};
    for (auto entry = known_.lower_bound({parent, Digest{}}); entry != known_.end() && entry->first.first == parent; ++entry) {
      const int tokens = entry->second.tokens;
      if (tokens < kernels::kPagePositions) found.push_back({entry->second.used_ns, {parent, entry->first.second, tokens}});
    }
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  found.resize(std::min<size_t>(found.size(), kMostEndings));
  std::vector<PrefixPage> endings;
  for (const auto& [used_ns, page] : found) endings.push_back(page);
  return endings;
}

void PrefixDisk::write(Write task) {
  const std::lock_guard lock(mutex_);
  if (failed_) {
    ++stats_.dropped;
    written_.push_back(std::move(task));
    return;
  }
  ++waiting_writes_;
  orders_.push_back({Order::Kind::kWrite, std::move(task), {}});
  write_wanted_.notify_one();
}

void PrefixDisk::renew(std::vector<PrefixPage> path) {
  const std::lock_guard lock(mutex_);
  if (failed_) return;
  orders_.push_back({Order::Kind::kRenew, {}, std::move(path)});
  write_wanted_.notify_one();
}

void PrefixDisk::remove(const PrefixPage& page) {
  const std::lock_guard lock(mutex_);
  if (failed_) return;
  orders_.push_back({Order::Kind::kRemove, {}, {page}});
  write_wanted_.notify_one();
}

void PrefixDisk::read(Read task) {
  const std::lock_guard lock(mutex_);
  reads_.push_back(std::move(task));
  read_wanted_.notify_one();
}

std::vector<PrefixDisk::Write> PrefixDisk::take_written() {
  const std::lock_guard lock(mutex_);
  return std::exchange(written_, {});
}

std::vector<PrefixDisk::Read> PrefixDisk::take_read() {
  const std::lock_guard lock(mutex_);
  return std::exchange(read_, {});
}

std::vector<PrefixDisk::Write> PrefixDisk::take_back_writes() {
  const std::lock_guard lock(mutex_);
  std::vector<Write> writes;
  std::deque<Order> others;
  for (Order& order : orders_) {
    if (order.kind == Order::Kind::kWrite) {
      writes.push_back(std::move(order.write));
    } else {
      others.push_back(std::move(order));
    }
  }
  orders_ = std::move(others);
  stats_.dropped += static_cast<int64_t>(writes.size());
  waiting_writes_ -= static_cast<int64_t>(writes.size());
  return writes;
}

int64_t PrefixDisk::waiting_writes() const {
  const std::lock_guard lock(mutex_);
  return waiting_writes_;
}

PrefixDisk::Stats PrefixDisk::stats() const {
  const std::lock_guard lock(mutex_);
  return stats_;
}

void PrefixDisk::stop() {
  {
    const std::lock_guard lock(mutex_);
    if (!stop_) stop_ns_ = monotonic_ns();
    stop_ = true;
    write_wanted_.notify_all();
    read_wanted_.notify_all();
  }
  if (writer_.joinable()) writer_.join();
  if (reader_.joinable()) reader_.join();
  const std::lock_guard lock(mutex_);
  std::move(reads_.begin(), reads_.end(), std::back_inserter(read_));
  reads_.clear();
}

void PrefixDisk::writing_loop() {
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kWriterNiceness);
  if (options_.identify_in_background) {
    const Result<void> identified = identify();
    if (!identified.ok()) {
      if (!stop_) log(LogLevel::kWarning, "prompts are not kept on disk: " + identified.error().message);
      return give_up();
    }
  }
  std::unique_lock lock(mutex_);
  while (true) {
    write_wanted_.wait(lock, [&] { return stop_ || !orders_.empty(); });
    const bool late = stop_ && monotonic_ns() - stop_ns_ > kFlushSeconds * kSecond;
    if (late || orders_.empty()) break;
    Order order = std::move(orders_.front());
    orders_.pop_front();
    lock.unlock();
    if (order.kind == Order::Kind::kWrite) write_page(order.write);
    if (order.kind == Order::Kind::kRenew) renew_files(order.path);
    if (order.kind == Order::Kind::kRemove) remove_file(order.path[0]);
    lock.lock();
    if (order.kind != Order::Kind::kWrite) continue;
    --waiting_writes_;
    written_.push_back(std::move(order.write));
    if (waiting_writes_ > 0 || !options_.wake) continue;
    lock.unlock();
    options_.wake();
    lock.lock();
  }
}

void PrefixDisk::give_up() {
  std::vector<Write> writes = take_back_writes();
  const std::lock_guard lock(mutex_);
  failed_ = true;
  std::move(writes.begin(), writes.end(), std::back_inserter(written_));
}

void PrefixDisk::write_page(const Write& task) {
  const std::string path = path_of(task.page);
  const auto size = static_cast<int64_t>(kPrefixHeaderBytes + options_.page_bytes);
  keep_limit(size);
  const std::string temporary =
      own_folder_ + "/" + kTemporary + std::to_string(getpid()) + "-" + std::to_string(++temporary_files_);
  std::span<const std::byte> bytes(task.bytes, static_cast<size_t>(options_.page_bytes));
  if (task.page.tokens < kernels::kPagePositions) {
    part_.assign(bytes.begin(), bytes.end());
    options_.clear(part_.data(), task.page.tokens);
    bytes = part_;
  }
  const Result<void> done =
      size > options_.limit_bytes
          ? Result<void>(Error{ErrorCode::kResource, "a page is larger than all that may be kept in " + options_.folder})
          : write_prefix_file(temporary, path, identity_, task.page, task.tokens, bytes);
  const std::lock_guard lock(mutex_);
  if (!done.ok()) {
    if (stats_.dropped++ == 0) log(LogLevel::kWarning, "a prompt is not kept on disk: " + done.error().message);
    return;
  }
  written_since_scan_ += size;
  known_[{task.page.parent, task.page.own}] = {task.page.tokens, wall_clock_ns()};
  stats_.bytes += size;
  ++stats_.files;
  ++stats_.pages_written;
}

// The first page of a path becomes the newest: what goes first must be of no use to anything that stays.
void PrefixDisk::renew_files(const std::vector<PrefixPage>& path) {
  constexpr int64_t kApart = 1000;             // ns
  int64_t time = wall_clock_ns();
  for (const PrefixPage& page : path) {
    const timespec times[2] = {{time / kSecond, time % kSecond}, {time / kSecond, time % kSecond}};
    if (has(page) && utimensat(AT_FDCWD, path_of(page).c_str(), times, AT_SYMLINK_NOFOLLOW) == 0) {
      const std::lock_guard lock(mutex_);
      const auto known = known_.find({page.parent, page.own});
      if (known != known_.end()) known->second.used_ns = time;
    }
    time -= kApart;
  }
}

void PrefixDisk::remove_file(const PrefixPage& page) {
  const bool deleted = unlink(path_of(page).c_str()) == 0;
  const std::lock_guard lock(mutex_);
  known_.erase({page.parent, page.own});
  if (!deleted) return;
  stats_.bytes -= kPrefixHeaderBytes + options_.page_bytes;
  --stats_.files;
}

void PrefixDisk::forget(const PrefixPage& page, const Error& error) {
  if (error.code == ErrorCode::kCorrupt) {
    log(LogLevel::kWarning, error.message + ": deleted, the prompt is computed again");
    remove_file(page);
  }
  const std::lock_guard lock(mutex_);
  if (error.code == ErrorCode::kCorrupt) ++stats_.damaged;
  known_.erase({page.parent, page.own});
}

void PrefixDisk::reading_loop() {
  std::unique_lock lock(mutex_);
  while (true) {
    read_wanted_.wait(lock, [&] { return stop_ || !reads_.empty(); });
    if (stop_) break;
    Read task = std::move(reads_.front());
    reads_.pop_front();
    lock.unlock();
    read_pages(task);
    lock.lock();
    read_.push_back(std::move(task));
    lock.unlock();
    if (options_.wake) options_.wake();
    lock.lock();
  }
}

void PrefixDisk::read_pages(Read& task) {
  for (size_t i = 0; i < task.pages.size() && !stop_; ++i) {
    const PrefixPage& page = task.pages[i];
    const auto tokens = read_prefix_file(path_of(page), identity_, page, {task.bytes[i], static_cast<size_t>(options_.page_bytes)});
    if (!tokens.ok()) return forget(page, tokens.error());
    ++task.whole;
    const std::lock_guard lock(mutex_);
    ++stats_.pages_read;
  }
  if (!stop_ && !task.endings.empty()) read_ending(task);
}

void PrefixDisk::read_ending(Read& task) {
  int64_t most = 0;
  const PrefixPage* best = nullptr;
  for (const PrefixPage& page : task.endings) {
    const auto tokens = read_prefix_tokens(path_of(page), identity_, page);
    if (!tokens.ok()) {
      forget(page, tokens.error());
      continue;
    }
    const size_t count = std::min(tokens->size(), task.rest.size());
    const auto end = std::mismatch(tokens->begin(), tokens->begin() + static_cast<ptrdiff_t>(count), task.rest.begin()).first;
    if (end - tokens->begin() <= most) continue;
    most = end - tokens->begin();
    best = &page;
  }
  if (best == nullptr) return;
  auto tokens = read_prefix_file(path_of(*best), identity_, *best, {task.bytes.back(), static_cast<size_t>(options_.page_bytes)});
  if (!tokens.ok()) return forget(*best, tokens.error());
  task.ending = std::move(tokens).value();
  const std::lock_guard lock(mutex_);
  ++stats_.pages_read;
}

// Files of the format in the folder of one identity; what a crash has left is deleted, what is not ours is left alone.
void PrefixDisk::list_files(const std::string& folder, bool own, std::vector<FoundFile>* found) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string path = entry->path().string(), name = entry->path().filename().string();
    struct stat status;
    if (lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    const int64_t used_ns = status.st_mtim.tv_sec * kSecond + status.st_mtim.tv_nsec;
    if (name.rfind(kTemporary, 0) == 0 && wall_clock_ns() - used_ns > kStaleTemporarySeconds * kSecond) unlink(path.c_str());
    if (const auto page = parse_prefix_file_name(name)) found->push_back({path, *page, own, status.st_size, used_ns});
  }
}

// Looks at all identities, as others may write beside us.
std::vector<PrefixDisk::FoundFile> PrefixDisk::scan() {
  std::vector<FoundFile> files;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(options_.folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string folder = entry->path().string();
    const bool of_identity = parse_digest(entry->path().filename().string()).ok() && entry->is_directory(error);
    if (of_identity) list_files(folder, folder == own_folder_, &files);
  }
  written_since_scan_ = 0;
  const std::lock_guard lock(mutex_);
  known_.clear();
  stats_.bytes = 0;
  stats_.files = static_cast<int64_t>(files.size());
  for (const FoundFile& file : files) {
    stats_.bytes += file.bytes;
    if (file.own) known_[{file.page.parent, file.page.own}] = {file.page.tokens, file.used_ns};
  }
  return files;
}

void PrefixDisk::keep_limit(int64_t coming_bytes) {
  const auto full = [&] {
    const std::lock_guard lock(mutex_);
    return stats_.bytes + coming_bytes > options_.limit_bytes;
  };
  if (!full() && written_since_scan_ <= options_.limit_bytes / kScanFraction) return;
  std::vector<FoundFile> files = scan();
  if (!full()) return;
  std::sort(files.begin(), files.end(), [](const FoundFile& a, const FoundFile& b) { return a.used_ns < b.used_ns; });
  const std::lock_guard lock(mutex_);
  const int64_t target = options_.limit_bytes - options_.limit_bytes / kScanFraction - coming_bytes;
  for (const FoundFile& file : files) {
    if (stats_.bytes <= target) break;
    if (unlink(file.path.c_str()) != 0) continue;
    stats_.bytes -= file.bytes;
    --stats_.files;
    if (file.own) known_.erase({file.page.parent, file.page.own});
  }
}

}  // namespace hearth
