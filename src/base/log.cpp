// One write per line, so that lines of several threads or processes do not mix.
//
// Contract: see log.h.
#include "base/log.h"

#include <cstdio>
#include <cstdlib>
#include <string>

namespace hearth {
namespace {

constexpr const char* kNames[] = {"error", "warning", "info", "debug"};

LogLevel level_from_environment() {
  const char* wanted = std::getenv("HEARTH_LOG");
  for (int i = 0; wanted != nullptr && i < 4; ++i) {
    if (std::string_view(wanted) == kNames[i]) return static_cast<LogLevel>(i);
  }
  return LogLevel::kWarning;
}

}  // namespace

bool log_enabled(LogLevel level) {
  static const LogLevel wanted = level_from_environment();
  return level <= wanted;
}

void log(LogLevel level, std::string_view message) {
  if (!log_enabled(level)) return;
  const std::string line = std::string("hearth: ") + kNames[static_cast<int>(level)] + ": " + std::string(message) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace hearth
