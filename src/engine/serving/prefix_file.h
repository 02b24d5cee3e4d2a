// One remembered page of keys and values as a file: what it is of, its tokens, its bytes, a digest over all of it.
//
// Contract: docs/formats/prefix_cache.md. read_prefix_file() gives a page only if every byte is as it was written and it is
// the page that was asked for; whatever else lies under the name is kCorrupt (or the error of the system). Pure functions of
// files; any thread.
// Not here: which files there are and when they go (serving/prefix_disk.h).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/sha256.h"
#include "hearth/error.h"

namespace hearth {

// A page by what it holds. `own` follows from `parent` and the tokens, so it stands for everything from the first token on.
struct PrefixPage {
  Digest parent{};
  Digest own{};
  int tokens = 0;  // 1 to kPagePositions
};

// Before the first page of a scope.
Digest scope_digest(std::string_view scope);
// Of a page with these tokens that follows `parent`.
Digest page_digest(const Digest& parent, std::span<const int32_t> tokens);

std::string prefix_file_name(const PrefixPage& page);
std::optional<PrefixPage> parse_prefix_file_name(std::string_view name);

inline constexpr int64_t kPrefixHeaderBytes = 512;

// Writes `path` by way of `temporary`, durably, readable by its owner only.
Result<void> write_prefix_file(const std::string& temporary, const std::string& path, const Digest& identity,
                               const PrefixPage& page, std::span<const int32_t> tokens,
                               std::span<const std::byte> bytes);
// The tokens of a file; only its header has been looked at.
Result<std::vector<int32_t>> read_prefix_tokens(const std::string& path, const Digest& identity, const PrefixPage& page);
// Fills `bytes` [page bytes]; on error they mean nothing. Returns the tokens.
Result<std::vector<int32_t>> read_prefix_file(const std::string& path, const Digest& identity, const PrefixPage& page,
                                              std::span<std::byte> bytes);

}  // namespace hearth
