// Writing and checking the files of remembered pages; see prefix_file.h.
#include "engine/serving/prefix_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "base/atomic_file.h"
#include "base/os_error.h"
#include "kernels/table.h"

namespace hearth {
namespace {

constexpr char kMagic[8] = {'H', 'E', 'A', 'R', 'T', 'H', 'K', 'V'};
constexpr uint32_t kVersion = 1;
constexpr int kFileTokens = kernels::kPagePositions;
// Offsets in the header; numbers are little-endian.
constexpr size_t kVersionAt = 8, kCountAt = 12, kIdentityAt = 16, kParentAt = 48, kOwnAt = 80, kBytesAt = 112,
                 kTokensAt = 120, kDigestAt = kPrefixHeaderBytes - 32;
static_assert(kTokensAt + kFileTokens * sizeof(int32_t) <= kDigestAt);

using Header = std::array<char, kPrefixHeaderBytes>;

template <class T>
void put(Header& header, size_t at, T value) {
  static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);
  std::memcpy(header.data() + at, &value, sizeof value);
}

template <class T>
T get(const Header& header, size_t at) {
  T value;
  std::memcpy(&value, header.data() + at, sizeof value);
  return value;
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::string_view text_of(const Digest& digest) { return {reinterpret_cast<const char*>(digest.data()), digest.size()}; }

// Everything but the digest of the whole file.
Header header_of(const Digest& identity, const PrefixPage& page, std::span<const int32_t> tokens, uint64_t page_bytes) {
  Header header{};
  std::memcpy(header.data(), kMagic, sizeof kMagic);
  put(header, kVersionAt, kVersion);
  put(header, kCountAt, static_cast<uint32_t>(tokens.size()));
  put(header, kIdentityAt, identity);
  put(header, kParentAt, page.parent);
  put(header, kOwnAt, page.own);
  put(header, kBytesAt, page_bytes);
  std::memcpy(header.data() + kTokensAt, tokens.data(), tokens.size_bytes());
  return header;
}

Digest digest_of(const Header& header, std::span<const std::byte> bytes) {
  Sha256 hash;
  hash.update({header.data(), kDigestAt});
  hash.update(text_of(bytes));
  return hash.digest();
}

Result<void> read_all(int file, void* out, size_t count, const std::string& path) {
  auto* to = static_cast<char*>(out);
  while (count > 0) {
    const ssize_t got = read(file, to, count);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error(errno, "cannot read " + path);
    if (got == 0) return Error{ErrorCode::kCorrupt, path + " is cut short"};
    to += got;
    count -= static_cast<size_t>(got);
  }
  return {};
}

Error damaged(const std::string& path, const char* what) { return {ErrorCode::kCorrupt, path + ": " + what}; }

// A regular file of this user, and only that: a link or a pipe under the name is nothing that we wrote.
Result<FileDescriptor> open_own(const std::string& path, uint64_t* size) {
  FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!file.valid() && errno == ELOOP) return damaged(path, "is a link");
  if (!file.valid()) return os_error(errno, "cannot open " + path);
  struct stat status;
  if (fstat(file.get(), &status) != 0) return os_error(errno, "cannot look at " + path);
  if (!S_ISREG(status.st_mode)) return damaged(path, "is no regular file");
  if (status.st_uid != geteuid()) return damaged(path, "belongs to another user");
  *size = static_cast<uint64_t>(status.st_size);
  return file;
}

// The header, which has to be the very one that would be written for its tokens.
Result<std::vector<int32_t>> read_header(int file, const std::string& path, uint64_t size, const Digest& identity,
                                         const PrefixPage& page, Header* header) {
  if (size < kPrefixHeaderBytes) return damaged(path, "is too short");
  TRY(read_all(file, header->data(), header->size(), path));
  const uint32_t count = get<uint32_t>(*header, kCountAt);
  if (count < 1 || count > kFileTokens || static_cast<int>(count) != page.tokens) return damaged(path, "wrong number of tokens");
  std::vector<int32_t> tokens(count);
  std::memcpy(tokens.data(), header->data() + kTokensAt, count * sizeof(int32_t));
  const Header expected = header_of(identity, page, tokens, size - kPrefixHeaderBytes);
  if (!std::equal(expected.begin(), expected.begin() + kDigestAt, header->begin())) {
    return damaged(path, "the header is not that of this page");
  }
  if (page_digest(page.parent, tokens) != page.own) return damaged(path, "other tokens than the name says");
  return tokens;
}

}  // namespace

Digest scope_digest(std::string_view scope) {
  Sha256 hash;
  hash.update("scope\n");
  hash.update(scope);
  return hash.digest();
}

Digest page_digest(const Digest& parent, std::span<const int32_t> tokens) {
  Sha256 hash;
  hash.update("page\n");
  hash.update(text_of(parent));
  hash.update(text_of(std::as_bytes(tokens)));
  return hash.digest();
}

std::string prefix_file_name(const PrefixPage& page) {
  const std::string count = std::to_string(page.tokens);
  return to_hex(page.parent) + (page.tokens < 10 ? "-0" : "-") + count + "-" + to_hex(page.own);
}

std::optional<PrefixPage> parse_prefix_file_name(std::string_view name) {
  constexpr size_t kHex = 64;
  if (name.size() != 2 * kHex + 4 || name[kHex] != '-' || name[kHex + 3] != '-') return std::nullopt;
  const Result<Digest> parent = parse_digest(name.substr(0, kHex)), own = parse_digest(name.substr(kHex + 4));
  const char tens = name[kHex + 1], ones = name[kHex + 2];
  if (!parent.ok() || !own.ok() || tens < '0' || tens > '9' || ones < '0' || ones > '9') return std::nullopt;
  const PrefixPage page{*parent, *own, (tens - '0') * 10 + (ones - '0')};
  if (page.tokens < 1 || page.tokens > kFileTokens) return std::nullopt;
  return page;
}

Result<void> write_prefix_file(const std::string& temporary, const std::string& path, const Digest& identity,
                               const PrefixPage& page, std::span<const int32_t> tokens,
                               std::span<const std::byte> bytes) {
  Header header = header_of(identity, page, tokens, bytes.size());
  put(header, kDigestAt, digest_of(header, bytes));
  const FileDescriptor file(open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) return os_error(errno, "cannot create " + temporary);
  Result<void> outcome = write_all(file.get(), {header.data(), header.size()}, temporary);
  if (outcome.ok()) outcome = write_all(file.get(), text_of(bytes), temporary);
  if (outcome.ok()) outcome = commit_file(file.get(), temporary, path);
  if (!outcome.ok()) unlink(temporary.c_str());
  return outcome;
}

Result<std::vector<int32_t>> read_prefix_tokens(const std::string& path, const Digest& identity, const PrefixPage& page) {
  uint64_t size;
  const FileDescriptor file = TRY(open_own(path, &size));
  Header header;
  return read_header(file.get(), path, size, identity, page, &header);
}

Result<std::vector<int32_t>> read_prefix_file(const std::string& path, const Digest& identity, const PrefixPage& page,
                                              std::span<std::byte> bytes) {
  uint64_t size;
  const FileDescriptor file = TRY(open_own(path, &size));
  if (size != kPrefixHeaderBytes + bytes.size()) return damaged(path, "has another size than a page");
  Header header;
  std::vector<int32_t> tokens = TRY(read_header(file.get(), path, size, identity, page, &header));
  TRY(read_all(file.get(), bytes.data(), bytes.size(), path));
  if (get<Digest>(header, kDigestAt) != digest_of(header, bytes)) return damaged(path, "the digest does not match");
  return tokens;
}

}  // namespace hearth
