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

// Hands out [begin, end) pieces of [0, limit) to whoever asks first.
class WorkCounter {
 public:
  // Only while no thread claims.
  void reset() { next_.store(0, std::memory_order_relaxed); }
  bool claim(int64_t limit, int64_t grain, int64_t* begin, int64_t* end) {
    const int64_t start = next_.fetch_add(grain, std::memory_order_relaxed);
    if (start >= limit) return false;
    *begin = start;
    *end = limit - start < grain ? limit : start + grain;
    return true;
  }

 private:
  alignas(64) std::atomic<int64_t> next_{0};
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

  // Calls f(worker, begin, end) for pieces of `grain` that cover [0, items), claimed dynamically. A single piece runs on the
  // caller and wakes nobody.
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
    counter_.reset();
    run([&](int worker, int) {
      int64_t begin = 0;
      int64_t end = 0;
      while (counter_.claim(items, grain, &begin, &end)) f(worker, begin, end);
    });
  }

 private:
  struct State;
  // run() of the caller only.
  void run_alone(Function fn, void* context);

  std::unique_ptr<State> state_;
  WorkCounter counter_;
};

}  // namespace hearth
