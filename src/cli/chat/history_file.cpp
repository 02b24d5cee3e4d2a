// Contract and exclusions: cli/chat/history_file.h.
#include "cli/chat/history_file.h"

#include <fcntl.h>

#include <algorithm>

#include "base/atomic_file.h"
#include "base/os_error.h"
#include "nlohmann/json.hpp"

namespace hearth::cli {

namespace {

constexpr size_t kKept = 1000;         // entries
constexpr size_t kTooMany = 2 * kKept; // then the file is cut
constexpr uint64_t kMaxHistoryBytes = uint64_t{1} << 26;
constexpr size_t kMaxEntryBytes = 1 << 16;

std::string encode(const std::string& entry) {
  return nlohmann::json(entry).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace

std::vector<std::string> HistoryFile::load() const {
  const Result<std::string> bytes = read_small_file(path_, kMaxHistoryBytes);
  std::vector<std::string> entries;
  if (!bytes.ok()) return entries;
  for (size_t begin = 0; begin < bytes->size();) {
    const size_t end = std::min(bytes->find('\n', begin), bytes->size());
    const nlohmann::json entry = nlohmann::json::parse(bytes->begin() + static_cast<int64_t>(begin),
                                                       bytes->begin() + static_cast<int64_t>(end), nullptr, false);
    if (entry.is_string()) entries.push_back(entry.get<std::string>());
    begin = end + 1;
  }
  const bool too_many = entries.size() > kTooMany;
  if (entries.size() > kKept) entries.erase(entries.begin(), entries.end() - kKept);
  if (too_many) {
    std::string text;
    for (const std::string& entry : entries) text += encode(entry);
    static_cast<void>(write_file_atomically(path_, text, 0600).ok());  // the old file is as good, only longer
  }
  return entries;
}

void HistoryFile::append(const std::string& entry) const {
  if (entry.size() > kMaxEntryBytes) return;
  const FileDescriptor file(open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return;
  // The history is a convenience; a full disk must not disturb the chat.
  static_cast<void>(write_all(file.get(), encode(entry), path_).ok());
}

}  // namespace hearth::cli
