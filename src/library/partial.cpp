// Writing, recording and resuming of an unfinished file.
//
// Contract: see partial.h. The state is written after the data are on disk, so it never promises bytes that are not there.
#include "library/partial.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <sstream>
#include <system_error>
#include <vector>

#include "base/atomic_file.h"
#include "base/log.h"
#include "toml++/toml.h"

namespace hearth::library {
namespace {

constexpr uint64_t kMaxStateBytes = 64 * 1024;

struct State {
  size_t parts = 0;
  uint64_t bytes = 0;
  Digest digest{};  // of those bytes
};

Digest digest_of_source(const Source& source) {
  Sha256 hash;
  for (const std::string& part : source.parts) hash.update(source.scheme + ":" + part + "\n");
  return hash.digest();
}

// nullopt: none, unreadable, or of another source. All mean: start anew.
std::optional<State> read_state(const std::string& path, const Digest& source) {
  const Result<std::string> text = read_small_file(path, kMaxStateBytes);
  if (!text.ok()) return std::nullopt;
  try {
    const toml::table table = toml::parse(*text);
    const int64_t parts = table["parts"].value_or<int64_t>(-1), bytes = table["bytes"].value_or<int64_t>(-1);
    const Result<Digest> digest = parse_digest(table["sha256"].value_or<std::string>(""));
    if (parts < 1 || bytes < 1 || !digest.ok()) return std::nullopt;
    if (table["source"].value_or<std::string>("") != to_hex(source)) return std::nullopt;
    return State{static_cast<size_t>(parts), static_cast<uint64_t>(bytes), *digest};
  } catch (const toml::parse_error&) {
    return std::nullopt;
  }
}

}  // namespace

PartialFile::PartialFile(std::string folder, Digest source_digest, uint64_t total_bytes)
    : folder_(std::move(folder)), source_digest_(source_digest), total_bytes_(total_bytes) {}

Result<PartialFile> PartialFile::open(const std::string& folder, const Source& source, uint64_t total_bytes,
                                      const std::function<void(uint64_t)>& checked, const std::atomic<bool>* cancel) {
  PartialFile partial(folder, digest_of_source(source), total_bytes);
  TRY(make_directories(folder));
  TRY(partial.clear_work());
  const std::string path = partial.data_path();
  partial.file_ = FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (!partial.file_.valid()) return os_error(errno, "cannot open " + path);
  TRY(partial.resume(checked, cancel));
  return partial;
}

Result<void> PartialFile::resume(const std::function<void(uint64_t)>& checked, const std::atomic<bool>* cancel) {
  const std::optional<State> state = read_state(state_path(), source_digest_);
  struct stat status {};
  if (fstat(file_.get(), &status) != 0) return os_error(errno, "cannot read " + data_path());
  if (!state || state->bytes > total_bytes_ || state->bytes > static_cast<uint64_t>(status.st_size)) return restart();
  TRY(hash_file(file_.get(), data_path(), state->bytes, &hash_, checked, cancel));
  if (hash_.digest() != state->digest) {
    log(LogLevel::kWarning, data_path() + " has changed since it was written; starting anew");
    return restart();
  }
  bytes_ = part_start_ = state->bytes;
  finished_parts_ = state->parts;
  return drop_part();
}

Result<void> PartialFile::restart() {
  hash_ = Sha256();
  bytes_ = part_start_ = 0;
  finished_parts_ = 0;
  unlink(state_path().c_str());
  return drop_part();
}

Result<void> PartialFile::drop_part() {
  if (bytes_ != part_start_) {
    // The running hash cannot go back: it is computed again from what stays.
    hash_ = Sha256();
    TRY(hash_file(file_.get(), data_path(), part_start_, &hash_, nullptr, nullptr));
    bytes_ = part_start_;
  }
  if (ftruncate(file_.get(), static_cast<off_t>(bytes_)) != 0) return os_error(errno, "cannot shorten " + data_path());
  if (lseek(file_.get(), static_cast<off_t>(bytes_), SEEK_SET) < 0) return os_error(errno, "cannot seek in " + data_path());
  return {};
}

Result<void> PartialFile::write(std::string_view bytes) {
  if (bytes.size() > total_bytes_ - bytes_) {
    return Error{ErrorCode::kCorrupt, "the source has more than the " + std::to_string(total_bytes_) +
                                          " bytes that the catalogue states"};
  }
  TRY(write_all(file_.get(), bytes, data_path()));
  hash_.update(bytes);
  bytes_ += bytes.size();
  if (on_write_) on_write_();
  return {};
}

Result<void> PartialFile::finish_part() {
  if (fdatasync(file_.get()) != 0) return os_error(errno, "cannot sync " + data_path());
  const toml::table table{{"parts", static_cast<int64_t>(finished_parts_ + 1)},
                          {"bytes", static_cast<int64_t>(bytes_)},
                          {"sha256", to_hex(hash_.digest())},
                          {"source", to_hex(source_digest_)}};
  std::ostringstream out;
  out << table << "\n";
  TRY(write_file_atomically(state_path(), out.str()));
  part_start_ = bytes_;
  ++finished_parts_;
  return {};
}

Result<void> PartialFile::clear_work() {
  std::vector<std::filesystem::path> old;
  std::error_code error;
  for (std::filesystem::directory_iterator at(folder_, error), end; !error && at != end; at.increment(error)) {
    if (at->path().filename().string().starts_with("work-")) old.push_back(at->path());
  }
  for (size_t i = 0; !error && i < old.size(); ++i) std::filesystem::remove_all(old[i], error);
  if (error) return os_error(error.value(), "cannot empty " + folder_);
  work_folder_ = folder_ + "/work-XXXXXX";
  if (mkdtemp(work_folder_.data()) == nullptr) return os_error(errno, "cannot create a folder in " + folder_);
  return {};
}

Result<void> PartialFile::commit(const std::string& final_path) {
  TRY(commit_file(file_.get(), data_path(), final_path));
  discard(folder_);
  return {};
}

void PartialFile::discard(const std::string& folder) {
  std::error_code error;
  std::filesystem::remove_all(folder, error);
  if (error) log(LogLevel::kWarning, "cannot remove " + folder + ": " + error.message());
}

}  // namespace hearth::library
