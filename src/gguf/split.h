// Models that are split over several files, as llama-gguf-split writes them. Internal to gguf/.
//
// Contract: given any part, all parts come back in order, each consistent with the others; a single file comes back
// alone. Not here: joining the directories (view.cpp).
#pragma once

#include <string>
#include <vector>

#include "gguf/part.h"

namespace hearth::gguf {

// "dir/name-00002-of-00003.gguf" for part 2 of 3 with the prefix "dir/name".
std::string part_path(const std::string& prefix, uint64_t number, uint64_t count);

Result<std::vector<Part>> load_all_parts(const std::string& path);

// Error if the file is part of a split model: bytes alone do not say where the other parts are.
Result<void> check_not_split(const Part& part);

}  // namespace hearth::gguf
