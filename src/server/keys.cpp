// Contract and exclusions: server/keys.h.
#include "server/keys.h"

#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <sstream>

#include "base/atomic_file.h"
#include "library/digest.h"
#include "toml++/toml.h"

namespace hearth::server {

namespace {

constexpr uint64_t kMaxFileBytes = 1 << 20;
constexpr size_t kMaxNameLength = 64;
constexpr const char* kPrefix = "hearth_";

bool valid_name(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameLength &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@") == std::string::npos;
}

const char* scope_name(Scope scope) { return scope == Scope::kManage ? "manage" : "infer"; }

Error malformed(const std::string& path, const std::string& reason) { return {ErrorCode::kCorrupt, path + ": " + reason}; }

Result<ApiKey> read_key(const toml::table& table, const std::string& path) {
  ApiKey key;
  key.name = table["name"].value_or(std::string());
  if (!valid_name(key.name)) return malformed(path, "a key's 'name' is missing or malformed");
  key.sha256 = table["sha256"].value_or(std::string());
  if (!library::parse_digest(key.sha256).ok()) return malformed(path, "the key '" + key.name + "' has no valid 'sha256'");
  const std::string scope = table["scope"].value_or(std::string());
  if (scope != "infer" && scope != "manage") return malformed(path, "the key '" + key.name + "' has a scope that is neither infer nor manage");
  key.scope = scope == "manage" ? Scope::kManage : Scope::kInfer;
  return key;
}

Result<void> write_keys(const std::string& path, const std::vector<ApiKey>& keys) {
  toml::array list;
  for (const ApiKey& key : keys) {
    list.push_back(toml::table{{"name", key.name}, {"sha256", key.sha256}, {"scope", scope_name(key.scope)}});
  }
  std::ostringstream text;
  text << toml::table{{"format", 1}, {"key", std::move(list)}} << '\n';
  TRY(make_directories(path.substr(0, path.rfind('/'))));
  return write_file_atomically(path, text.str(), 0600);
}

Result<std::string> new_key() {
  std::array<unsigned char, 32> bytes;
  if (getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
    return Error{ErrorCode::kIo, std::string("no random bytes from the system: ") + std::strerror(errno)};
  }
  library::Digest digest;
  std::copy(bytes.begin(), bytes.end(), digest.begin());
  return kPrefix + library::to_hex(digest);
}

}  // namespace

std::string hash_of_key(std::string_view key) { return library::to_hex(library::sha256_of(key)); }

Result<std::vector<ApiKey>> read_keys(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    if (errno == ENOENT) return std::vector<ApiKey>();
    return Error{ErrorCode::kIo, path + ": " + std::strerror(errno)};
  }
  if ((info.st_mode & 077) != 0) {
    return Error{ErrorCode::kPermission, path + " can be read or written by others: chmod 600 it, and make new keys if others may have written it"};
  }
  const std::string text = TRY(read_small_file(path, kMaxFileBytes));
  std::vector<ApiKey> keys;
  try {
    const toml::table table = toml::parse(text);
    const toml::array* list = table["key"].as_array();
    if (list == nullptr) return keys;
    if (list->size() > kMaxKeys) return malformed(path, "more than " + std::to_string(kMaxKeys) + " keys");
    for (const toml::node& node : *list) {
      const toml::table* entry = node.as_table();
      if (entry == nullptr) return malformed(path, "'key' must be a list of tables");
      keys.push_back(TRY(read_key(*entry, path)));
    }
  } catch (const toml::parse_error& problem) {
    return malformed(path, std::string("no valid TOML: ") + std::string(problem.description()));
  }
  return keys;
}

Result<std::string> add_key(const std::string& path, const std::string& name, Scope scope) {
  if (!valid_name(name)) {
    return Error{ErrorCode::kInvalidArgument, "a key's name has 1 to " + std::to_string(kMaxNameLength) + " letters, digits or -_.@"};
  }
  std::vector<ApiKey> keys = TRY(read_keys(path));
  if (keys.size() >= kMaxKeys) return Error{ErrorCode::kResource, path + " holds " + std::to_string(kMaxKeys) + " keys, the most there may be"};
  for (const ApiKey& key : keys) {
    if (key.name == name) return Error{ErrorCode::kInvalidArgument, "there is a key '" + name + "' already: remove it first, or take another name"};
  }
  std::string text = TRY(new_key());
  keys.push_back({name, hash_of_key(text), scope});
  TRY(write_keys(path, keys));
  return text;
}

Result<bool> remove_key(const std::string& path, const std::string& name) {
  std::vector<ApiKey> keys = TRY(read_keys(path));
  const auto gone = std::remove_if(keys.begin(), keys.end(), [&](const ApiKey& key) { return key.name == name; });
  if (gone == keys.end()) return false;
  keys.erase(gone, keys.end());
  TRY(write_keys(path, keys));
  return true;
}

}  // namespace hearth::server
