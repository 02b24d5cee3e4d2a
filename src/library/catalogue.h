// The catalogue: models by name, read from TOML.
//
// Contract: every entry that comes out is valid: name, digest, size and sources are checked and errors name file and entry.
// Schemes are not checked here, so that a catalogue written for a later version still reads; pulling such an entry fails.
// Not here: what is installed.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "hearth/error.h"
#include "library/library.h"

namespace hearth::library {

constexpr uint64_t kMaxCatalogueBytes = 4 << 20;
constexpr size_t kMaxCatalogueEntries = 10000;
constexpr size_t kMaxParts = 1000;              // per source
constexpr size_t kMaxNameLength = 100;
constexpr uint64_t kMaxModelBytes = 1ULL << 44;  // 16 TiB

struct Catalogue {
  std::vector<Entry> entries;
  std::string default_name;  // empty: not stated
};

// `path` is for messages.
Result<Catalogue> parse_catalogue(std::string_view toml, const std::string& path);
// The one inside the program.
Result<Catalogue> built_in_catalogue();
// `theirs` over `ours`: entries of the same name are replaced, others added, the default replaced if stated.
Result<std::vector<Entry>> merge_catalogues(Catalogue ours, Catalogue theirs, const std::string& path);

bool is_model_name(std::string_view name);

}  // namespace hearth::library
