// Records as TOML files, and lock files.
//
// Contract: see store.h. Records are ours, yet read with the same care as any file: a bad one is skipped, not trusted.
#include "library/store.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <sstream>

#include "base/atomic_file.h"
#include "base/log.h"
#include "library/catalogue.h"
#include "toml++/toml.h"

namespace hearth::library {
namespace {

constexpr uint64_t kMaxRecordBytes = 256 * 1024;
constexpr int kLockPauseMs = 200;

std::string serialise(const Record& record) {
  toml::array names;
  for (const std::string& name : record.names) names.push_back(name);
  toml::table table{{"format", 1},
                    {"names", std::move(names)},
                    {"bytes", static_cast<int64_t>(record.bytes)},
                    {"sha256", to_hex(record.digest)},
                    {"licence", record.licence},
                    {"licence_class", record.licence_class},
                    {"licence_url", record.licence_url},
                    {"licence_note", record.licence_note},
                    {"source", record.source},
                    {"installed_at", record.installed_at}};
  if (!record.in_place_path.empty()) {
    table.insert("path", record.in_place_path);
    table.insert("modified_ns", record.modified_ns);
  }
  std::ostringstream out;
  out << "# Written by hearth: the model file of the same name, or the one at 'path'.\n" << table << "\n";
  return out.str();
}

Result<Record> parse_record(const std::string& text, const Digest& digest, const std::string& path) {
  const Error bad{ErrorCode::kCorrupt, path + " is not a record of a model"};
  try {
    const toml::table table = toml::parse(text);
    Record record;
    record.digest = digest;
    if (table["format"].value_or<int64_t>(0) != 1) return bad;
    if (table["sha256"].value_or<std::string>("") != to_hex(digest)) return bad;
    const toml::array* names = table["names"].as_array();
    for (size_t i = 0; names != nullptr && i < names->size(); ++i) {
      const std::string name = names->get(i)->value_or<std::string>("");
      if (!is_model_name(name)) return bad;
      record.names.push_back(name);
    }
    const int64_t bytes = table["bytes"].value_or<int64_t>(-1);
    if (bytes < 0 || record.names.empty()) return bad;
    record.bytes = static_cast<uint64_t>(bytes);
    record.licence = table["licence"].value_or<std::string>("");
    record.licence_class = table["licence_class"].value_or<std::string>("");
    record.licence_url = table["licence_url"].value_or<std::string>("");
    record.licence_note = table["licence_note"].value_or<std::string>("");
    record.source = table["source"].value_or<std::string>("");
    record.in_place_path = table["path"].value_or<std::string>("");
    record.modified_ns = table["modified_ns"].value_or<int64_t>(0);
    record.installed_at = table["installed_at"].value_or<int64_t>(0);
    return record;
  } catch (const toml::parse_error&) {
    return bad;
  }
}

}  // namespace

std::string Store::path_of(const Record& record) const {
  return record.in_place_path.empty() ? model_path(record.digest) : record.in_place_path;
}

bool Store::intact(const Record& record) const {
  struct stat status {};
  if (stat(path_of(record).c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  if (static_cast<uint64_t>(status.st_size) != record.bytes) return false;
  const int64_t modified = status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec;
  return record.in_place_path.empty() || modified == record.modified_ns;
}

Result<std::optional<Record>> Store::read(const Digest& digest) const {
  const std::string path = record_path(digest);
  Result<std::string> text = read_small_file(path, kMaxRecordBytes);
  if (!text.ok() && text.error().code == ErrorCode::kNotFound) return std::optional<Record>();
  if (!text.ok()) return text.error();
  Result<Record> record = parse_record(*text, digest, path);
  if (!record.ok()) {
    log(LogLevel::kWarning, record.error().message + "; ignored");
    return std::optional<Record>();
  }
  if (!intact(*record)) {
    log(LogLevel::kInfo, path + ": its file is gone or has changed");
    return std::optional<Record>();
  }
  return std::optional<Record>(std::move(*record));
}

Result<std::vector<Record>> Store::records() const {
  std::vector<Record> found;
  std::error_code error;
  std::filesystem::directory_iterator folder(models_folder(), error), end;
  if (error.value() == ENOENT) return found;
  if (error) return os_error(error.value(), "cannot list " + models_folder());
  for (; folder != end; folder.increment(error)) {
    if (error) return os_error(error.value(), "cannot list " + models_folder());
    if (folder->path().extension() != ".toml") continue;
    const Result<Digest> digest = parse_digest(folder->path().stem().string());
    if (!digest.ok()) continue;
    std::optional<Record> record = TRY(read(*digest));
    if (record) found.push_back(std::move(*record));
  }
  std::sort(found.begin(), found.end(), [](const Record& a, const Record& b) { return a.names[0] < b.names[0]; });
  return found;
}

Result<void> Store::write(const Record& record) const {
  TRY(make_directories(models_folder()));
  return write_file_atomically(record_path(record.digest), serialise(record));
}

Result<std::optional<DigestLock>> DigestLock::attempt(const std::string& path) {
  while (true) {
    FileDescriptor file(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!file.valid()) return os_error(errno, "cannot open the lock " + path);
    if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) return std::optional<DigestLock>();
      if (errno == EINTR) continue;
      return os_error(errno, "cannot lock " + path);
    }
    // The holder before us may have removed the file between our open and our lock.
    struct stat ours {}, there {};
    const bool same = fstat(file.get(), &ours) == 0 && stat(path.c_str(), &there) == 0 && ours.st_ino == there.st_ino &&
                      ours.st_dev == there.st_dev;
    if (same) return std::optional<DigestLock>(DigestLock(path, std::move(file)));
  }
}

Result<DigestLock> DigestLock::wait(const std::string& path, const std::function<void()>& waiting,
                                    const std::atomic<bool>* cancel) {
  while (true) {
    std::optional<DigestLock> lock = TRY(attempt(path));
    if (lock) return std::move(*lock);
    if (waiting) waiting();
    poll(nullptr, 0, kLockPauseMs);
    if (cancel != nullptr && cancel->load()) return Error{ErrorCode::kCancelled, "interrupted while another pull was running"};
  }
}

DigestLock::~DigestLock() {
  if (file_.valid()) unlink(path_.c_str());
}

}  // namespace hearth::library
