// Text that comes in from outside: standard input, files, lists of token ids.
//
// Contract: every size has a limit that the error names. Reading standard input ends early, with kCancelled, on Ctrl-C.
// Not here: line editing (cli/chat/line_editor.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/error.h"

namespace hearth::cli {

inline constexpr uint64_t kMaxInputBytes = uint64_t{1} << 30;

// All of standard input. If nothing comes for a while (a pipe that stays open, a terminal), a line on stderr says what is
// being waited for.
Result<std::string> read_standard_input();
// A regular file, which may be empty.
Result<std::string> read_text_file(const std::string& path);
// Token ids separated by white space, each in [0, vocabulary). Errors name the offending word and its place.
Result<std::vector<int32_t>> parse_token_ids(std::string_view text, int64_t vocabulary);

}  // namespace hearth::cli
