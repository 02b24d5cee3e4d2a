// Contract and exclusions: server/watchdog.h.
#include "server/watchdog.h"

#include "base/log.h"
#include "base/utf8.h"

namespace hearth::server {

Watchdog::~Watchdog() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void Watchdog::start(std::chrono::milliseconds interval) {
  thread_ = std::thread([this, interval] {
    std::unique_lock lock(mutex_);
    while (!stopping_) {
      lock.unlock();
      look();
      lock.lock();
      changed_.wait_for(lock, interval, [&] { return stopping_; });
    }
  });
}

void Watchdog::look() {
  Part worst;
  for (Part& part : surroundings_.parts()) {
    if (part.busy_seconds > bound_seconds_ && part.busy_seconds > worst.busy_seconds) worst = std::move(part);
  }
  std::string begun, over;
  {
    const std::lock_guard lock(mutex_);
    problem_.clear();
    if (!worst.name.empty()) {
      problem_ = printable(worst.name) + " has been at one piece of work for " + std::to_string(static_cast<int64_t>(worst.busy_seconds)) + " s";
    }
    if (worst.name != stuck_) over = stuck_, begun = problem_;
    stuck_ = worst.name;
  }
  if (!over.empty()) log(LogLevel::kWarning, "watchdog: " + printable(over) + " goes on");
  if (!begun.empty()) {
    log(LogLevel::kError, "watchdog: " + begun + "; /health is 503 until it goes on",
        {{"part", worst.name}, {"busy_seconds", worst.busy_seconds}});
  }
  if (worst.name.empty() && surroundings_.all_is_well) surroundings_.all_is_well();
}

std::optional<std::string> Watchdog::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_.empty() ? std::nullopt : std::optional<std::string>(problem_);
}

}  // namespace hearth::server
