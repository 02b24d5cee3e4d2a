// What the verbs share for talking to a person: tables, safe printing, the progress bar.
//
// Contract: formatting functions are pure. ProgressBar writes to stderr only: a bar that redraws itself on a terminal,
// occasional whole lines elsewhere, nothing when quiet. Not thread-safe; use from one thread.
// Not here: errors and exit codes (cli/exit.h), sizes and durations (base/units.h), line editing (the verb that needs it).
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::cli {

bool stdout_is_terminal();
bool stderr_is_terminal();
bool stdin_is_terminal();
int terminal_columns(int file_descriptor);  // 80 where unknown

int display_width(std::string_view utf8);        // columns on a terminal; control characters count as 0
// Text of several lines from a file: control characters other than newline and tab become U+FFFD, so that it cannot steer
// the terminal. For one line use printable() of base/utf8.h.
std::string printable_lines(std::string_view text);

// Columns padded to their widest cell, two spaces between; the first row is the heading.
std::string format_table(const std::vector<std::vector<std::string>>& rows);
int widest_line(std::string_view text);  // columns
// "name   value" lines with the values aligned.
std::string format_fields(const std::vector<std::pair<std::string, std::string>>& fields);

struct ProgressState {
  std::string label;      // "smollm2:135m"
  std::string phase;      // "fetching part 3 of 22"
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;        // 0: unknown
  double bytes_per_second = 0;     // 0: not known yet
};
// One line of at most `columns`: the bar gets shorter first, then parts are dropped from the right.
std::string format_progress(const ProgressState& state, int columns);

class ProgressBar {
 public:
  enum class Mode { kAutomatic, kQuiet };
  ProgressBar(std::string label, Mode mode);
  ~ProgressBar();  // as finish()
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;
  void update(std::string_view phase, uint64_t done_bytes, uint64_t total_bytes);
  // Leaves the line as it is and goes to the next one (terminal), so that what follows starts at column 0.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;
  void draw(Clock::time_point now, bool new_phase);

  ProgressState state_;
  bool quiet_;
  bool terminal_;
  bool drawn_ = false;
  Clock::time_point last_draw_;
  Clock::time_point rate_start_;   // the rate is that since here: bursts of a source say nothing about the time left
  uint64_t rate_bytes_ = 0;        // done then
};

}  // namespace hearth::cli
