// Contract and exclusions: server/background.h.
#include "server/background.h"

#include <utility>

namespace hearth::server {

Background::~Background() {
  cancel_all();
  for (Job& job : jobs_) job.thread.join();
}

bool Background::start(const Flag& cancel, std::function<void()> work) {
  const std::lock_guard lock(mutex_);
  for (auto job = jobs_.begin(); job != jobs_.end();) {
    if (job->done) {
      job->thread.join();
      job = jobs_.erase(job);
    } else {
      ++job;
    }
  }
  if (ending_ || jobs_.size() >= kMaxJobs) return false;
  Job& job = jobs_.emplace_back();
  job.cancel = cancel;
  job.thread = std::thread([&job, work = std::move(work)]() mutable {
    work();
    work = nullptr;  // what it holds dies here, not with the list
    job.done = true;
  });
  return true;
}

void Background::cancel_all() {
  const std::lock_guard lock(mutex_);
  ending_ = true;
  for (Job& job : jobs_) *job.cancel = true;
}

}  // namespace hearth::server
