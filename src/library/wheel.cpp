// libarchive's ZIP reader, one entry, streamed.
//
// Contract: see wheel.h.
#include "library/wheel.h"

#include <archive.h>
#include <archive_entry.h>

#include <memory>
#include <vector>

namespace hearth::library {
namespace {

constexpr size_t kBlockBytes = 1 << 20;
constexpr int kMaxEntries = 100000;

struct ArchiveCloser {
  void operator()(archive* reader) const { archive_read_free(reader); }
};

Error corrupt(archive* reader, const std::string& path) {
  const char* reason = archive_error_string(reader);
  return {ErrorCode::kCorrupt, path + " is not a readable package: " + (reason != nullptr ? reason : "unknown error")};
}

Result<void> copy_entry(archive* reader, const std::string& path, ByteSink& sink, const std::atomic<bool>* cancel) {
  std::vector<char> block(kBlockBytes);
  while (true) {
    if (cancel != nullptr && cancel->load()) return Error{ErrorCode::kCancelled, "interrupted"};
    const la_ssize_t got = archive_read_data(reader, block.data(), block.size());
    if (got == ARCHIVE_RETRY) continue;
    if (got < 0) return corrupt(reader, path);
    if (got == 0) return {};
    TRY(sink.write({block.data(), static_cast<size_t>(got)}));
  }
}

}  // namespace

Result<void> extract_from_wheel(const std::string& wheel_path, const std::string& entry_name, ByteSink& sink,
                                const std::atomic<bool>* cancel) {
  const std::unique_ptr<archive, ArchiveCloser> reader(archive_read_new());
  if (reader == nullptr) return Error{ErrorCode::kResource, "out of memory"};
  archive_read_support_format_zip_seekable(reader.get());
  if (archive_read_open_filename(reader.get(), wheel_path.c_str(), kBlockBytes) != ARCHIVE_OK) {
    return corrupt(reader.get(), wheel_path);
  }
  for (int entries = 0; entries < kMaxEntries; ++entries) {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(reader.get(), &entry);
    if (status == ARCHIVE_EOF) {
      return Error{ErrorCode::kNotFound, "the package " + wheel_path + " has no file " + entry_name};
    }
    if (status < ARCHIVE_WARN) return corrupt(reader.get(), wheel_path);
    const char* name = archive_entry_pathname_utf8(entry);
    if (name == nullptr || entry_name != name) continue;
    if (archive_entry_filetype(entry) != AE_IFREG) {
      return Error{ErrorCode::kCorrupt, entry_name + " in " + wheel_path + " is not a plain file"};
    }
    return copy_entry(reader.get(), wheel_path, sink, cancel);
  }
  return Error{ErrorCode::kCorrupt, wheel_path + " has more than " + std::to_string(kMaxEntries) + " entries"};
}

}  // namespace hearth::library
