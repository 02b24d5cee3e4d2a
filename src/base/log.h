// Messages for whoever looks into what the program does: one line each on stderr.
//
// Contract: silent below the level of the environment variable HEARTH_LOG (error, warning, info, debug; default warning).
// Thread-safe. Not here: errors that a verb reports to its user (cli/exit.h).
#pragma once

#include <string_view>

namespace hearth {

enum class LogLevel { kError, kWarning, kInfo, kDebug };

bool log_enabled(LogLevel level);
void log(LogLevel level, std::string_view message);

}  // namespace hearth
