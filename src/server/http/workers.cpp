// The worker threads' loop.
//
// Contract: see workers.h. Light jobs come first everywhere: they are short.
// Not here: ending a job early; handlers look at their Responder.
#include "server/http/workers.h"

#include <pthread.h>

#include <utility>

namespace hearth::server {

Workers::Workers(int threads) {
  for (int i = 0; i <= threads; ++i) {
    threads_.emplace_back([this, only_light = i == threads] { work(only_light); });
    pthread_setname_np(threads_.back().native_handle(), "http worker");
  }
}

void Workers::add(bool light, std::function<void()> job) {
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) return;
    (light ? light_ : heavy_).push_back(std::move(job));
  }
  // All: the one that is woken could be the one that does not take this kind.
  changed_.notify_all();
}

void Workers::stop() {
  std::deque<std::function<void()>> dropped_light;
  std::deque<std::function<void()>> dropped_heavy;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped_light.swap(light_);
    dropped_heavy.swap(heavy_);
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void Workers::work(bool only_light) {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !light_.empty() || (!only_light && !heavy_.empty()); });
    if (stopping_) return;
    auto& queue = light_.empty() ? heavy_ : light_;
    std::function<void()> job = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    job();
    job = nullptr;  // what it holds dies outside of the lock
    lock.lock();
  }
}

}  // namespace hearth::server
