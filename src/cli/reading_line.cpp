// Contract and exclusions: cli/reading_line.h.
#include "cli/reading_line.h"

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <system_error>
#include <utility>

#include "cli/terminal.h"

namespace hearth::cli {

namespace {

constexpr std::chrono::milliseconds kPatience{500};  // shorter waits need no explanation
constexpr std::chrono::milliseconds kRedraw{100};

}  // namespace

ReadingLine::ReadingLine(const Engine& engine, std::string label, bool quiet) : engine_(engine), label_(std::move(label)) {
  const ReadProgress progress = engine.read_progress();
  if (quiet || !stderr_is_terminal() || progress.done_bytes >= progress.total_bytes) return;
  try {
    thread_ = std::thread([this] { show(); });
  } catch (const std::system_error&) {  // no thread to be had: then without a line
  }
}

void ReadingLine::finish() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    finished_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

void ReadingLine::show() {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const int64_t start_bytes = engine_.read_progress().done_bytes;
  bool drawn = false;
  std::unique_lock lock(mutex_);
  for (auto pause = kPatience; !wake_.wait_for(lock, pause, [this] { return finished_; }); pause = kRedraw) {
    const ReadProgress progress = engine_.read_progress();
    if (progress.done_bytes >= progress.total_bytes) break;
    ProgressState state;
    state.label = label_;
    state.phase = "reading";
    state.done_bytes = static_cast<uint64_t>(progress.done_bytes);
    state.total_bytes = static_cast<uint64_t>(progress.total_bytes);
    state.bytes_per_second = static_cast<double>(progress.done_bytes - start_bytes) /
                             std::chrono::duration<double>(Clock::now() - start).count();
    std::fprintf(stderr, "\r%s\x1b[K", format_progress(state, terminal_columns(STDERR_FILENO) - 1).c_str());
    std::fflush(stderr);
    drawn = true;
  }
  if (drawn) std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

}  // namespace hearth::cli
