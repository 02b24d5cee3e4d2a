// The names nearest to what a person typed: for "did you mean".
//
// Contract: pure; cost is bounded by kMaxNameLength per candidate. Not here: which names there are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace hearth {

// At most three candidates, best first: those that start with or contain `typed`, then those within a third of its length
// in single edits (insert, remove, replace, swap of neighbours).
std::vector<std::string> nearest(std::string_view typed, const std::vector<std::string>& candidates);

// "a", "a or b", "a, b or c".
std::string join_or(const std::vector<std::string>& words);

}  // namespace hearth
