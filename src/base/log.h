// Messages for whoever looks into what the program does: one line each on stderr.
//
// Contract: silent below the level that set_log() or the environment variable HEARTH_LOG (error, warning, info, debug; default
// warning) names. Text for people, or one JSON object per line with the fields beside the message. Where stderr is the
// journal of systemd, lines carry their priority and no time. Thread-safe; set_log() comes before other threads log.
// Not here: errors that a verb reports to its user (cli/exit.h).
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace hearth {

enum class LogLevel { kError, kWarning, kInfo, kDebug };
enum class LogFormat { kText, kJson };

struct LogOptions {
  LogLevel level = LogLevel::kWarning;
  LogFormat format = LogFormat::kText;
  bool times = false;  // text begins with the time of day; JSON always has it
};

struct LogField {
  const char* name;
  std::variant<std::string, int64_t, double, bool> value;
};
using LogFields = std::vector<LogField>;

void set_log(const LogOptions& options);
// "error", "warning", "info", "debug".
std::optional<LogLevel> log_level_named(std::string_view name);

bool log_enabled(LogLevel level);
void log(LogLevel level, std::string_view message, const LogFields& fields = {});

// The line without its end, for set options. `nanoseconds`: since the epoch. `journal`: stderr is systemd's.
std::string format_log_line(const LogOptions& options, bool journal, int64_t nanoseconds, LogLevel level,
                            std::string_view message, const LogFields& fields);

}  // namespace hearth
