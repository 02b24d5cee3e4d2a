// Work that takes longer than a handler may: each piece on a thread of its own, ended when the server is.
//
// Contract: thread-safe. A piece sees its flag become true when it is to end soon; cancel_all() sets all of them, and the
// destructor waits for all. At most kMaxJobs at once.
// Not here: answers, which the engine's service makes.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <thread>

namespace hearth::server {

class Background {
 public:
  static constexpr size_t kMaxJobs = 16;
  using Flag = std::shared_ptr<std::atomic<bool>>;

  Background() = default;
  ~Background();
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;

  // False if there are too many, or the server is ending; then `work` is not called.
  bool start(const Flag& cancel, std::function<void()> work);
  void cancel_all();

 private:
  struct Job {
    Flag cancel;
    std::atomic<bool> done{false};
    std::thread thread;
  };
  std::mutex mutex_;
  std::list<Job> jobs_;
  bool ending_ = false;
};

}  // namespace hearth::server
