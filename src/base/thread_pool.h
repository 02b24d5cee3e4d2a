// Persistent worker threads that run one function together, with barriers cheap enough for every step of a model.
//
// Contract: run() calls fn(context, worker, workers) once on each of `workers` threads; the caller is worker 0. It returns
// when all have returned, and what they wrote is visible to the caller. No allocation per run. One run at a time: a second
// one, nested or from another thread, is a bug of ours and CHECKed. Waiting spins briefly, then sleeps on a futex; where
// more threads exist than CPUs may be used it sleeps at once.
// Not here: what to run, floating-point state (give on_thread_start), how many threads are wise (base/cpu_count.h).
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <vector>

namespace hearth {

// One step of waiting until another thread changes a word: spin, then futex.
class WaitWord {
 public:
  uint32_t load() const { return value_.load(std::memory_order_acquire); }
  // Publishes `value` and wakes every thread that sleeps on the word.
  void publish(uint32_t value);
  // Returns once the word differs from `old`.
  void wait_while(uint32_t old, int spin_ns);

 private:
  std::atomic<uint32_t> value_{0};
  std::atomic<uint32_t> sleepers_{0};
};

// All `threads` threads must arrive before any leaves. Reusable at once (the generation is the sense).
class Barrier {
 public:
  Barrier(int threads, int spin_ns) : threads_(static_cast<uint32_t>(threads)), spin_ns_(spin_ns) {}
  void arrive_and_wait();

 private:
  alignas(64) std::atomic<uint32_t> arrived_{0};
  alignas(64) WaitWord generation_;
  const uint32_t threads_;
  const int spin_ns_;
};

// Hands out pieces 0..pieces-1: each worker takes its own share in order, then what is left of the others' shares. So a worker
// walks memory in one direction, and nobody waits for a worker that the system took off its processor.
class WorkShares {
 public:
  explicit WorkShares(int workers) : workers_(workers), shares_(static_cast<size_t>(workers)) {}
  // Only while no thread claims. Every worker must claim until it is refused before the next begin().
  void begin(int64_t pieces) {
    pieces_ = pieces;
    round_ += uint64_t{1} << kTakenBits;
  }
  bool claim(int worker, int64_t* piece) {
    for (int i = 0; i < workers_; ++i) {
      const int owner = worker + i < workers_ ? worker + i : worker + i - workers_;
      if (claim_from(owner, piece)) return true;
    }
    return false;
  }

 private:
  static constexpr int kTakenBits = 48;
  // The round in the top bits, how many of the share are taken below: a word of an older round counts as none, so that no
  // thread has to reset what lies in the caches of the others.
  struct alignas(64) Share {
    std::atomic<uint64_t> taken{0};
  };

  bool claim_from(int owner, int64_t* piece) {
    const int64_t first = pieces_ * owner / workers_, last = pieces_ * (owner + 1) / workers_;
    std::atomic<uint64_t>& word = shares_[static_cast<size_t>(owner)].taken;
    uint64_t seen = word.load(std::memory_order_relaxed);
    for (;;) {
      const uint64_t current = seen >> kTakenBits == round_ >> kTakenBits ? seen : round_;
      *piece = first + static_cast<int64_t>(current - round_);
      if (*piece >= last) {
        if (current != seen) word.compare_exchange_strong(seen, current, std::memory_order_relaxed);
        return false;
      }
      if (word.compare_exchange_weak(seen, current + 1, std::memory_order_relaxed)) return true;
    }
  }

  const int workers_;
  int64_t pieces_ = 0;
  uint64_t round_ = 0;
  std::vector<Share> shares_;
};

class ThreadPool {
 public:
  using Function = void (*)(void* context, int worker, int workers);
  struct Options {
    int threads = 0;                            // 0: usable_cpus(); never more than kMaxThreads
    bool pin = false;                           // bind worker i to the i-th allowed CPU (the caller, worker 0, stays free)
    void (*on_thread_start)(int worker) = nullptr;  // on each worker thread, and on a caller's first run
  };
  static constexpr int kMaxThreads = 512;

  explicit ThreadPool(const Options& options);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int workers() const;
  void run(Function fn, void* context);
  // Inside a run only, and then by all workers: everything before it happens before everything after it.
  void barrier();

  // run() of anything callable as f(worker, workers), by reference.
  template <class F>
  void run(F&& f) {
    using Callable = std::remove_reference_t<F>;
    run([](void* context, int worker, int workers) { (*static_cast<Callable*>(context))(worker, workers); },
        const_cast<std::remove_const_t<Callable>*>(std::addressof(f)));
  }

  // Calls f(worker, begin, end) for pieces of `grain` that cover [0, items), claimed as WorkShares says. A single piece runs on
  // the caller and wakes nobody.
  template <class F>
  void parallel_for(int64_t items, int64_t grain, F&& f) {
    if (items <= grain) {
      auto alone = [&](int worker, int) {
        if (items > 0) f(worker, int64_t{0}, items);
      };
      run_alone([](void* context, int worker, int workers) { (*static_cast<decltype(alone)*>(context))(worker, workers); },
                &alone);
      return;
    }
    shares_->begin((items + grain - 1) / grain);
    run([&](int worker, int) {
      int64_t piece = 0;
      while (shares_->claim(worker, &piece)) {
        const int64_t begin = piece * grain;
        f(worker, begin, items - begin < grain ? items : begin + grain);
      }
    });
  }

 private:
  struct State;
  // run() of the caller only.
  void run_alone(Function fn, void* context);

  std::unique_ptr<State> state_;
  std::unique_ptr<WorkShares> shares_;
};

}  // namespace hearth
