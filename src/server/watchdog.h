// Notices what has been stuck in one piece of work for longer than a bound.
//
// Contract: looks regularly, on a thread of its own, at how long each part has been at its present piece of work. What is over
// the bound is logged when it begins and when it is over, and is problem() meanwhile. As long as nothing is, it says so to
// whoever restarts services that are silent. Not here: answers that make no progress (engine/serving/scheduler.h ends them).
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace hearth::server {

class Watchdog {
 public:
  struct Part {
    std::string name;        // "the model smollm2:135m"
    double busy_seconds = 0;  // 0: it waits for work
  };
  struct Surroundings {
    std::function<std::vector<Part>()> parts;
    std::function<void()> all_is_well;  // after every look that found nothing; may stay unset
  };

  Watchdog(double bound_seconds, Surroundings surroundings)
      : bound_seconds_(bound_seconds), surroundings_(std::move(surroundings)) {}
  ~Watchdog();
  // Looks every `interval` from now on.
  void start(std::chrono::milliseconds interval);
  void look();
  // "the model ... has been in one step for 612 s"; none: all is well.
  std::optional<std::string> problem() const;

 private:
  const double bound_seconds_;
  const Surroundings surroundings_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;
  std::string stuck_;    // the part
  std::string problem_;  // in words
  std::thread thread_;
};

}  // namespace hearth::server
