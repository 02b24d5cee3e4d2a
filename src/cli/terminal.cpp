// Terminal queries, plain formatting, the progress bar.
//
// Contract: see terminal.h.
#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/units.h"
#include "base/utf8.h"

namespace hearth::cli {
namespace {

constexpr std::chrono::milliseconds kRedrawInterval{100};
constexpr std::chrono::seconds kLineInterval{10};
constexpr std::array<int, 3> kBarWidths = {24, 10, 0};  // the widest that lets the whole line fit

// The parts of a progress line, most important first.
std::vector<std::string> progress_parts(const ProgressState& state, int bar_width) {
  std::vector<std::string> parts;
  if (!state.label.empty()) parts.push_back(state.label);
  if (!state.phase.empty()) parts.push_back(state.phase);
  if (state.total_bytes > 0) {
    const double share = std::min(1.0, static_cast<double>(state.done_bytes) / static_cast<double>(state.total_bytes));
    const int filled = static_cast<int>(share * bar_width);
    std::array<char, 16> percent;
    std::snprintf(percent.data(), percent.size(), "%3d %%", static_cast<int>(share * 100));
    parts.emplace_back(percent.data());
    if (bar_width > 0) parts.push_back("[" + std::string(filled, '=') + std::string(bar_width - filled, ' ') + "]");
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
  return parts;
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

int display_width(std::string_view utf8) {
  int width = 0;
  for (size_t at = 0; at < utf8.size();) {
    const Utf8Step step = utf8_step(utf8, at);
    at += step.length;
    // Without a UTF-8 locale wcwidth() knows ASCII only; one column is then the best guess.
    const int columns = wcwidth(static_cast<wchar_t>(step.code));
    width += columns >= 0 ? columns : step.code >= 0xA0 ? 1 : 0;
  }
  return width;
}

std::string printable_lines(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const Utf8Step step = utf8_step(text, at);
    const bool line = step.code == '\n' || step.code == '\t';
    const bool control = step.code < 0x20 || (step.code >= 0x7F && step.code < 0xA0);
    append_utf8(&out, control && !line ? kReplacementCharacter : step.code);
    at += step.length;
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

int widest_line(std::string_view text) {
  int widest = 0;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    widest = std::max(widest, display_width(line));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
  }
  return widest;
}

std::string format_fields(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [name, value] : fields) rows.push_back({name, value});
  return format_table(rows);
}

std::string format_progress(const ProgressState& state, int columns) {
  std::vector<std::string> parts;
  int width = 0;
  for (const int bar_width : kBarWidths) {
    parts = progress_parts(state, bar_width);
    width = -2;
    for (const std::string& part : parts) width += display_width(part) + 2;
    if (width <= columns) break;
  }
  std::string line;
  width = 0;
  for (const std::string& part : parts) {
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
  if (seconds >= 0.5) state_.bytes_per_second = static_cast<double>(done_bytes - rate_bytes_) / seconds;
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
