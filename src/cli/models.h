// What verbs that take a MODEL share: opening the library, pulling with a progress bar, finding the file.
//
// Contract: progress goes to stderr. Ctrl-C during a pull gives kCancelled with a message that says how to go on.
// Not here: what a verb does with the model.
#pragma once

#include <string>

#include "hearth/error.h"
#include "library/library.h"

namespace hearth::cli {

// Pulls `name` (empty: the default model) and draws progress unless `quiet`.
Result<library::Installed> pull_with_progress(const library::Library& models, const std::string& name, bool quiet);
// The file of MODEL (empty: the default model); pulled first if it is a catalogue name that is not here.
Result<library::Installed> find_or_pull(const library::Library& models, const std::string& model, bool quiet);

}  // namespace hearth::cli
