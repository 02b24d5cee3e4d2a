// API keys of this machine's server: made once, shown once, kept as hashes.
//
// Contract: the file (keys.toml, docs/formats/keys.md) is 0600 and replaced atomically; one that others may read or write is
// refused. A key has 256 bits from the system's generator, so a plain SHA-256 of it needs no salt and no stretching.
// Not here: comparing keys of requests (http/gate.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/error.h"
#include "server/http/server.h"

namespace hearth::server {

inline constexpr size_t kMaxKeys = 1000;

// No file: no keys. Errors name the file and what is wrong with it.
Result<std::vector<ApiKey>> read_keys(const std::string& path);
// The new key's text; it is not stored anywhere. kInvalidArgument if the name is taken or malformed.
Result<std::string> add_key(const std::string& path, const std::string& name, Scope scope);
// False if there is none of this name.
Result<bool> remove_key(const std::string& path, const std::string& name);
// 64 lower-case hex digits.
std::string hash_of_key(std::string_view key);

}  // namespace hearth::server
