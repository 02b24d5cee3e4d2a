// One write per line, so that lines of several threads or processes do not mix.
//
// Contract: see log.h. Text has the message only: its fields say the same for programs.
#include "base/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "base/utf8.h"

namespace hearth {
namespace {

constexpr const char* kNames[] = {"error", "warning", "info", "debug"};
constexpr int kPriorities[] = {3, 4, 6, 7};  // syslog's

LogOptions from_environment() {
  LogOptions options;
  const char* wanted = std::getenv("HEARTH_LOG");
  if (wanted != nullptr) options.level = log_level_named(wanted).value_or(options.level);
  return options;
}

LogOptions& current() {
  static LogOptions options = from_environment();
  return options;
}

// systemd names the journal's socket by device and inode, so that a program whose stderr went elsewhere knows.
bool stderr_is_journal() {
  const char* named = std::getenv("JOURNAL_STREAM");
  struct stat status {};
  if (named == nullptr || fstat(STDERR_FILENO, &status) != 0) return false;
  uintmax_t device = 0, inode = 0;
  if (std::sscanf(named, "%ju:%ju", &device, &inode) != 2) return false;
  return device == status.st_dev && inode == status.st_ino;
}

void append_json_text(std::string* line, std::string_view text) {
  *line += '"';
  for (const char byte : replace_invalid_utf8(text)) {
    if (byte == '"' || byte == '\\') {
      *line += '\\';
      *line += byte;
    } else if (static_cast<unsigned char>(byte) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(byte));
      *line += escaped;
    } else {
      *line += byte;
    }
  }
  *line += '"';
}

void append_json_number(std::string* line, double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.9g", number);
  *line += std::isfinite(number) ? text : "null";
}

struct AppendValue {
  std::string* line;
  void operator()(const std::string& text) const { append_json_text(line, text); }
  void operator()(int64_t number) const { *line += std::to_string(number); }
  void operator()(double number) const { append_json_number(line, number); }
  void operator()(bool truth) const { *line += truth ? "true" : "false"; }
};

std::string time_text(int64_t nanoseconds, bool utc) {
  const std::time_t seconds = nanoseconds / 1'000'000'000;
  std::tm parts{};
  if (utc) {
    gmtime_r(&seconds, &parts);
  } else {
    localtime_r(&seconds, &parts);
  }
  char text[40];
  std::strftime(text, sizeof text, utc ? "%Y-%m-%dT%H:%M:%S" : "%Y-%m-%d %H:%M:%S", &parts);
  if (!utc) return text;
  char fraction[16];
  std::snprintf(fraction, sizeof fraction, ".%03dZ", static_cast<int>(nanoseconds / 1'000'000 % 1000));
  return text + std::string(fraction);
}

}  // namespace

void set_log(const LogOptions& options) { current() = options; }

std::optional<LogLevel> log_level_named(std::string_view name) {
  for (int i = 0; i < 4; ++i) {
    if (name == kNames[i]) return static_cast<LogLevel>(i);
  }
  return std::nullopt;
}

bool log_enabled(LogLevel level) { return level <= current().level; }

std::string format_log_line(const LogOptions& options, bool journal, int64_t nanoseconds, LogLevel level,
                            std::string_view message, const LogFields& fields) {
  const auto index = static_cast<size_t>(level);
  std::string line = journal ? "<" + std::to_string(kPriorities[index]) + ">" : "";
  if (options.format == LogFormat::kJson) {
    line += "{\"time\":\"" + time_text(nanoseconds, /*utc=*/true) + "\",\"level\":\"" + kNames[index] + "\",\"message\":";
    append_json_text(&line, message);
    for (const LogField& field : fields) {
      line += std::string(",\"") + field.name + "\":";
      std::visit(AppendValue{&line}, field.value);
    }
    return line + "}";
  }
  if (!journal) line += "hearth: ";
  if (options.times && !journal) line += time_text(nanoseconds, /*utc=*/false) + " ";
  if (level != LogLevel::kInfo) line += std::string(kNames[index]) + ": ";
  for (const char byte : message) line += byte == '\n' ? ' ' : byte;
  return line;
}

void log(LogLevel level, std::string_view message, const LogFields& fields) {
  if (!log_enabled(level)) return;
  static const bool journal = stderr_is_journal();
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const int64_t nanoseconds = static_cast<int64_t>(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
  const std::string line = format_log_line(current(), journal, nanoseconds, level, message, fields) + "\n";
  std::fwrite(line.data(), 1, line.size(), stderr);
}

}  // namespace hearth
