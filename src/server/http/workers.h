// Threads that call request handlers.
//
// Contract: light jobs (requests without a body: health, lists) have a thread more than the others, so that they do not
// wait behind prompts that are being tokenized or models that are being loaded. Jobs that have not begun when stop() is
// called are dropped. How many jobs there may be is bounded by whoever adds them (HttpLimits::requests_at_once).
// Not here: what a job is.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace hearth::server {

class Workers {
 public:
  explicit Workers(int threads);
  ~Workers() { stop(); }
  void add(bool light, std::function<void()> job);
  void stop();

 private:
  void work(bool only_light);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> light_;
  std::deque<std::function<void()>> heavy_;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace hearth::server
