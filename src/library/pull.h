// Brings one catalogue entry onto the disk and verifies it.
//
// Contract: see Library::pull. Afterwards there is either an installed model with its record, or (after an interruption or a
// passing failure) a partial folder to resume from, or nothing.
// Not here: names; the store's layout (store.h).
#pragma once

#include <atomic>

#include "hearth/error.h"
#include "library/library.h"
#include "library/store.h"

namespace hearth::library {

// The path of a file: source. Relative ones are relative to `home`, "~/" is the user's home.
std::string path_of_file_source(const Source& source, const std::string& home);

Result<Record> pull_entry(const Store& store, const std::string& home, const Entry& entry,
                          const Library::ProgressFn& progress, const std::atomic<bool>* cancel);

}  // namespace hearth::library
