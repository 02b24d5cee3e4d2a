// The steps of a pull: lock, look, fetch part by part, verify, rename, record.
//
// Contract: see pull.h. What a failure leaves follows from its code: kCorrupt and kNotFound (the source is wrong) leave
// nothing; others keep the finished parts, if there are any.
#include "library/pull.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>

#include "base/atomic_file.h"
#include "base/log.h"
#include "base/units.h"
#include "library/fetcher.h"
#include "library/partial.h"

namespace hearth::library {
namespace {

constexpr uint64_t kPackageSlackBytes = 64 << 20;  // what a package may hold besides the part

struct Pull {
  const Store& store;
  const std::string& home;
  const Entry& entry;
  const Library::ProgressFn& progress;
  const std::atomic<bool>* cancel;

  void report(const std::string& phase, uint64_t done) const {
    if (progress) progress({phase, done, entry.bytes});
  }
};

std::string source_text(const Source& source) {
  return source.scheme + ":" + source.parts[0] +
         (source.parts.size() > 1 ? " and " + std::to_string(source.parts.size() - 1) + " more" : "");
}

Record make_record(const Pull& pull, const Source& source, const Digest& digest, uint64_t bytes) {
  Record record;
  record.digest = digest;
  record.names = {pull.entry.name};
  record.bytes = bytes;
  record.licence = pull.entry.licence;
  record.licence_class = pull.entry.licence_class;
  record.licence_url = pull.entry.licence_url;
  record.licence_note = pull.entry.licence_note;
  record.source = source_text(source);
  record.installed_at = std::time(nullptr);
  return record;
}

// Writes the record, keeping the names that it had.
Result<Record> write_record(const Pull& pull, Record record) {
  const std::optional<Record> before = TRY(pull.store.read(record.digest));
  for (size_t i = 0; before && i < before->names.size(); ++i) {
    if (before->names[i] != pull.entry.name) record.names.push_back(before->names[i]);
  }
  TRY(pull.store.write(record));
  return record;
}

Error wrong_digest(const Pull& pull, const std::string& what, const Digest& got) {
  return {ErrorCode::kCorrupt, what + " is not the model '" + pull.entry.name + "': its SHA-256 is " + to_hex(got) +
                                   ", the catalogue says " + pull.entry.sha256};
}

Result<Digest> hash_with_progress(const Pull& pull, int file_descriptor, const std::string& path, uint64_t bytes) {
  Sha256 hash;
  const auto progress = [&](uint64_t done) {
    if (pull.progress) pull.progress({"verifying", done, bytes});
  };
  TRY(hash_file(file_descriptor, path, bytes, &hash, progress, pull.cancel));
  return hash.digest();
}

// A file: source: hashed where it lies and recorded.
Result<Record> use_in_place(const Pull& pull, const Source& source) {
  const std::string path = path_of_file_source(source, pull.home);
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return os_error(errno, "cannot open " + path);
  struct stat status {};
  if (fstat(file.get(), &status) != 0) return os_error(errno, "cannot read " + path);
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::kInvalidArgument, path + " is not a plain file"};
  const auto bytes = static_cast<uint64_t>(status.st_size);
  if (pull.entry.bytes != 0 && bytes != pull.entry.bytes) {
    return Error{ErrorCode::kCorrupt, path + " has " + std::to_string(bytes) + " bytes, the catalogue says " +
                                          std::to_string(pull.entry.bytes)};
  }
  const Digest digest = TRY(hash_with_progress(pull, file.get(), path, bytes));
  if (!pull.entry.sha256.empty() && to_hex(digest) != pull.entry.sha256) return wrong_digest(pull, path, digest);
  Record record = make_record(pull, source, digest, bytes);
  record.in_place_path = path;
  record.modified_ns = status.st_mtim.tv_sec * 1'000'000'000LL + status.st_mtim.tv_nsec;
  return write_record(pull, std::move(record));
}

// A file of the right name and size without a record: the program ended between rename and record.
Result<std::optional<Record>> adopt(const Pull& pull, const Digest& digest) {
  const std::string path = pull.store.model_path(digest);
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  struct stat status {};
  if (!file.valid() || fstat(file.get(), &status) != 0) return std::optional<Record>();
  if (static_cast<uint64_t>(status.st_size) == pull.entry.bytes) {
    const Digest got = TRY(hash_with_progress(pull, file.get(), path, pull.entry.bytes));
    if (got == digest) {
      return std::optional<Record>(
          TRY(write_record(pull, make_record(pull, pull.entry.sources[0], digest, pull.entry.bytes))));
    }
  }
  log(LogLevel::kWarning, path + " is not what its name says; removed");
  unlink(path.c_str());
  return std::optional<Record>();
}

Result<void> check_space(const Pull& pull, const std::string& folder, uint64_t missing, uint64_t part_bytes) {
  struct statvfs space {};
  if (statvfs(folder.c_str(), &space) != 0) return os_error(errno, "cannot ask for the free space of " + folder);
  const uint64_t free_bytes = static_cast<uint64_t>(space.f_bavail) * space.f_frsize;
  // pip keeps the package it fetched twice for a moment: in its own temporary folder and where it was told to put it.
  const uint64_t needed = missing + 2 * part_bytes;
  if (free_bytes >= needed) return {};
  return Error{ErrorCode::kResource, "not enough disk space for '" + pull.entry.name + "': " + format_bytes(needed) +
                                         " needed in " + pull.home + ", " + format_bytes(free_bytes) +
                                         " free; make room for " + format_bytes(needed - free_bytes) +
                                         " more or set HEARTH_HOME to a folder on another disk"};
}

Error explain_full_disk(const Pull& pull, const PartialFile& partial, Error error) {
  if (error.code == ErrorCode::kResource) {
    error.message += "; '" + pull.entry.name + "' still needs " + format_bytes(pull.entry.bytes - partial.part_start()) +
                     " in " + pull.home + ": make room and pull again to go on";
  }
  return error;
}

Result<void> fetch_parts(const Pull& pull, const Source& source, Fetcher& fetcher, PartialFile& partial) {
  const uint64_t part_bytes = (pull.entry.bytes + source.parts.size() - 1) / source.parts.size();
  TRY(check_space(pull, partial.work_folder(), pull.entry.bytes - partial.bytes(), part_bytes));
  for (size_t i = partial.finished_parts(); i < source.parts.size(); ++i) {
    std::string phase = "fetching";
    if (source.parts.size() > 1) phase += " part " + std::to_string(i + 1) + " of " + std::to_string(source.parts.size());
    uint64_t shown = 0;  // of this part; fetched and written bytes are the same bytes, so the larger counts
    const auto show = [&](uint64_t bytes) {
      shown = std::max(shown, std::min(bytes, part_bytes));
      pull.report(phase, std::min(pull.entry.bytes, std::max(partial.bytes(), partial.part_start() + shown)));
    };
    show(0);
    partial.set_on_write([&] { show(0); });
    FetchContext context;
    context.work_folder = partial.work_folder();
    context.limit_bytes = 2 * (pull.entry.bytes - partial.bytes() + kPackageSlackBytes);
    context.received = show;
    context.cancel = pull.cancel;
    const Result<void> fetched = fetcher.fetch(source.parts[i], partial, context);
    partial.set_on_write(nullptr);
    TRY(partial.clear_work());
    if (!fetched.ok()) {
      TRY(partial.drop_part());
      return explain_full_disk(pull, partial, fetched.error());
    }
    TRY(partial.finish_part());
  }
  return {};
}

Result<void> verify_and_commit(const Pull& pull, const Digest& digest, PartialFile& partial) {
  if (partial.bytes() != pull.entry.bytes) {
    return Error{ErrorCode::kCorrupt, "what was fetched is not the model '" + pull.entry.name + "': it has " +
                                          std::to_string(partial.bytes()) + " bytes, the catalogue says " +
                                          std::to_string(pull.entry.bytes)};
  }
  if (partial.digest() != digest) return wrong_digest(pull, "what was fetched", partial.digest());
  TRY(make_directories(pull.store.models_folder()));
  return partial.commit(pull.store.model_path(digest));
}

Result<Record> fetch_source(const Pull& pull, const Source& source, const Digest& digest) {
  const std::unique_ptr<Fetcher> fetcher = TRY(make_fetcher(source.scheme));
  for (const std::string& part : source.parts) TRY(fetcher->check(part));
  const std::string folder = pull.store.partial_folder(digest);
  bool keep = false;
  const auto attempt = [&]() -> Result<void> {
    const auto checked = [&](uint64_t done) { pull.report("checking what was fetched before", done); };
    PartialFile partial = TRY(PartialFile::open(folder, source, pull.entry.bytes, checked, pull.cancel));
    const Result<void> fetched = fetch_parts(pull, source, *fetcher, partial);
    keep = partial.finished_parts() > 0;
    if (!fetched.ok()) return fetched.error();
    return verify_and_commit(pull, digest, partial);
  };
  const Result<void> outcome = attempt();
  if (!outcome.ok()) {
    const ErrorCode code = outcome.error().code;
    if (!keep || code == ErrorCode::kCorrupt || code == ErrorCode::kNotFound) PartialFile::discard(folder);
    return outcome.error();
  }
  return write_record(pull, make_record(pull, source, digest, pull.entry.bytes));
}

Result<Record> try_sources(const Pull& pull, const std::function<Result<Record>(const Source&)>& attempt) {
  Error first;
  std::string others;
  for (size_t i = 0; i < pull.entry.sources.size(); ++i) {
    Result<Record> outcome = attempt(pull.entry.sources[i]);
    if (outcome.ok() || outcome.error().code == ErrorCode::kCancelled) return outcome;
    if (i == 0) {
      first = outcome.error();
    } else {
      others += "; then: " + outcome.error().message;
    }
  }
  first.message = "cannot pull '" + pull.entry.name + "': " + first.message + others;
  return first;
}

}  // namespace

std::string path_of_file_source(const Source& source, const std::string& home) {
  const std::string& path = source.parts[0];
  const char* user = std::getenv("HOME");
  if (path.starts_with("~/") && user != nullptr) return user + path.substr(1);
  return path.starts_with("/") ? path : (std::filesystem::path(home) / path).lexically_normal().string();
}

Result<Record> pull_entry(const Store& store, const std::string& home, const Entry& entry,
                          const Library::ProgressFn& progress, const std::atomic<bool>* cancel) {
  const Pull pull{store, home, entry, progress, cancel};
  if (entry.sha256.empty()) {
    return try_sources(pull, [&](const Source& source) { return use_in_place(pull, source); });
  }
  const Digest digest = TRY(parse_digest(entry.sha256));
  TRY(make_directories(home + "/partial"));
  const auto waiting = [&] { pull.report("waiting: another program is pulling this model", 0); };
  const DigestLock lock = TRY(DigestLock::wait(store.lock_path(digest), waiting, cancel));
  std::optional<Record> record = TRY(store.read(digest));
  if (record) {
    const bool named = std::find(record->names.begin(), record->names.end(), entry.name) != record->names.end();
    if (!named) {
      record->names.push_back(entry.name);
      TRY(store.write(*record));
    }
    return *record;
  }
  record = TRY(adopt(pull, digest));
  if (record) return *record;
  return try_sources(pull, [&](const Source& source) {
    return source.scheme == "file" ? use_in_place(pull, source) : fetch_source(pull, source, digest);
  });
}

}  // namespace hearth::library
