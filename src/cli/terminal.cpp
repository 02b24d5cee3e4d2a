// Terminal queries, plain formatting, the progress bar.
//
// Contract: see terminal.h. Numbers are formatted with a point in every locale.
#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace hearth::cli {
namespace {

constexpr std::chrono::milliseconds kRedrawInterval{100};
constexpr std::chrono::seconds kLineInterval{10};
constexpr double kRateSmoothing = 0.25;  // weight of the newest sample
constexpr int kBarWidth = 24;

// One UTF-8 character at `text[*at]`; advances past it. Invalid bytes come out one by one as -1.
int32_t next_character(std::string_view text, size_t* at) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char lead = byte((*at)++);
  if (lead < 0x80) return lead;
  const int extra = lead >= 0xF0 ? 3 : lead >= 0xE0 ? 2 : lead >= 0xC2 ? 1 : -1;
  if (extra < 0 || lead > 0xF4 || *at + extra > text.size()) return -1;
  int32_t code = lead & (0x3F >> extra);
  for (int i = 0; i < extra; ++i) {
    if ((byte(*at + i) & 0xC0) != 0x80) return -1;
    code = code << 6 | (byte(*at + i) & 0x3F);
  }
  *at += extra;
  return code;
}

std::string with_unit(double value, const char* unit) {
  std::array<char, 32> buffer;
  std::snprintf(buffer.data(), buffer.size(), value < 9.995 ? "%.2f%s" : value < 99.95 ? "%.1f%s" : "%.0f%s", value, unit);
  return buffer.data();
}

}  // namespace

bool stdout_is_terminal() { return isatty(STDOUT_FILENO) == 1; }
bool stderr_is_terminal() { return isatty(STDERR_FILENO) == 1; }
bool stdin_is_terminal() { return isatty(STDIN_FILENO) == 1; }

int terminal_columns(int file_descriptor) {
  winsize size{};
  if (ioctl(file_descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::string format_bytes(uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {" kB", " MB", " GB", " TB", " PB"};
  if (bytes < 1000) return std::to_string(bytes) + " B";
  double value = static_cast<double>(bytes) / 1000;
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return with_unit(value, kUnits[unit]);
}

std::string format_count(uint64_t count) {
  constexpr std::array<const char*, 4> kUnits = {"K", "M", "B", "T"};
  if (count < 1000) return std::to_string(count);
  double value = static_cast<double>(count) / 1000;
  size_t unit = 0;
  while (value >= 999.5 && unit + 1 < kUnits.size()) {
    value /= 1000;
    ++unit;
  }
  return with_unit(value, kUnits[unit]);
}

std::string format_duration(double seconds) {
  std::array<char, 48> buffer;
  const auto whole = static_cast<long long>(std::clamp(seconds, 0.0, 3.6e9) + 0.5);
  if (whole < 60) {
    std::snprintf(buffer.data(), buffer.size(), "%lld s", whole);
  } else if (whole < 3600) {
    std::snprintf(buffer.data(), buffer.size(), "%lld min %02lld s", whole / 60, whole % 60);
  } else {
    std::snprintf(buffer.data(), buffer.size(), "%lld h %02lld min", whole / 3600, whole / 60 % 60);
  }
  return buffer.data();
}

int display_width(std::string_view utf8) {
  int width = 0;
  for (size_t at = 0; at < utf8.size();) {
    const int32_t code = next_character(utf8, &at);
    // Without a UTF-8 locale wcwidth() knows ASCII only; one column is then the best guess.
    const int columns = code < 0 ? 1 : wcwidth(static_cast<wchar_t>(code));
    width += columns >= 0 ? columns : code >= 0xA0 ? 1 : 0;
  }
  return width;
}

std::string printable(std::string_view text, bool keep_newlines) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t start = at;
    const int32_t code = next_character(text, &at);
    const bool line = code == '\n' || code == '\t';
    const bool control = code < 0x20 || code == 0x7F || (code >= 0x80 && code < 0xA0);
    if (control && !(line && keep_newlines)) {
      out += "\xEF\xBF\xBD";
    } else {
      out += text.substr(start, at - start);
    }
  }
  return out;
}

std::string format_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<int> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()), 0);
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  std::string out;
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - display_width(row[i]) + 2, ' ');
    }
    out += '\n';
  }
  return out;
}

std::string format_fields(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, value] : fields) rows.push_back({name, value});
  return format_table(rows);
}

std::string format_progress(const ProgressState& state, int columns) {
  std::vector<std::string> parts = {state.label, state.phase};
  if (state.total_bytes > 0) {
    const double share = std::min(1.0, static_cast<double>(state.done_bytes) / static_cast<double>(state.total_bytes));
    const int filled = static_cast<int>(share * kBarWidth);
    std::array<char, 16> percent;
    std::snprintf(percent.data(), percent.size(), "%3d %%", static_cast<int>(share * 100));
    parts.emplace_back(percent.data());
    parts.push_back("[" + std::string(filled, '=') + std::string(kBarWidth - filled, ' ') + "]");
    parts.push_back(format_bytes(state.done_bytes) + " of " + format_bytes(state.total_bytes));
  } else if (state.done_bytes > 0) {
    parts.push_back(format_bytes(state.done_bytes));
  }
  if (state.bytes_per_second > 0) {
    parts.push_back(format_bytes(static_cast<uint64_t>(state.bytes_per_second)) + "/s");
    if (state.total_bytes > state.done_bytes) {
      parts.push_back(format_duration(static_cast<double>(state.total_bytes - state.done_bytes) / state.bytes_per_second) +
                      " left");
    }
  }
  std::string line;
  int width = 0;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    const int more = display_width(part) + (line.empty() ? 0 : 2);
    if (width + more > columns) break;
    line += (line.empty() ? "" : "  ") + part;
    width += more;
  }
  return line;
}

ProgressBar::ProgressBar(std::string label, Mode mode)
    : quiet_(mode == Mode::kQuiet), terminal_(stderr_is_terminal()), rate_start_(Clock::now()) {
  state_.label = std::move(label);
  last_draw_ = rate_start_;
}

ProgressBar::~ProgressBar() { finish(); }

void ProgressBar::update(std::string_view phase, uint64_t done_bytes, uint64_t total_bytes) {
  if (quiet_) return;
  const Clock::time_point now = Clock::now();
  const bool new_phase = phase != state_.phase;
  if (state_.phase.empty() || done_bytes < rate_bytes_) {
    // What is done at the start may come from an earlier run: it says nothing about the rate.
    state_.bytes_per_second = 0;
    rate_start_ = now;
    rate_bytes_ = done_bytes;
  }
  if (new_phase) state_.phase = phase;
  state_.done_bytes = done_bytes;
  state_.total_bytes = total_bytes;
  const double seconds = std::chrono::duration<double>(now - rate_start_).count();
  if (seconds >= 0.5 && done_bytes > rate_bytes_) {
    const double sample = static_cast<double>(done_bytes - rate_bytes_) / seconds;
    double& rate = state_.bytes_per_second;
    rate = rate == 0 ? sample : rate + kRateSmoothing * (sample - rate);
    rate_start_ = now;
    rate_bytes_ = done_bytes;
  }
  draw(now, new_phase);
}

void ProgressBar::draw(Clock::time_point now, bool new_phase) {
  if (terminal_) {
    if (drawn_ && !new_phase && now - last_draw_ < kRedrawInterval && state_.done_bytes < state_.total_bytes) return;
    const std::string line = format_progress(state_, terminal_columns(STDERR_FILENO) - 1);
    std::fprintf(stderr, "\r%s\x1b[K", line.c_str());
  } else {
    if (drawn_ && !new_phase && now - last_draw_ < kLineInterval) return;
    std::fprintf(stderr, "%s\n", format_progress(state_, 1000).c_str());
  }
  std::fflush(stderr);
  drawn_ = true;
  last_draw_ = now;
}

void ProgressBar::finish() {
  if (quiet_) return;
  if (drawn_ && terminal_) std::fputc('\n', stderr);
  std::fflush(stderr);
  quiet_ = true;
}

}  // namespace hearth::cli
