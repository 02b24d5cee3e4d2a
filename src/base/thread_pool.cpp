// Futex waiting and the life of the worker threads; see thread_pool.h.
//
// A run is two hand-overs: the caller publishes a new generation on one word that all workers watch, and each worker
// publishes the same generation on a word of its own when it is done. No line is written by two threads in either direction.
#include "base/thread_pool.h"

#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <system_error>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/cpu_count.h"
#include "hearth/error.h"

namespace hearth {

namespace {

constexpr int kSpinNs = 20'000;      // longer than the gap between two steps of a model, shorter than a scheduling slice
constexpr int kPausesPerLook = 64;   // between two looks at the clock

thread_local const void* current_pool = nullptr;   // the pool whose function this thread is running
thread_local uint64_t prepared_for = 0;            // serial of the pool whose on_thread_start ran here last
std::atomic<uint64_t> next_serial{1};

void pause_cpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

void futex_wait(std::atomic<uint32_t>* word, uint32_t expected) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(word), FUTEX_WAIT_PRIVATE, expected, nullptr, nullptr, 0);
}

void futex_wake_all(std::atomic<uint32_t>* word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t*>(word), FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
}

}  // namespace

// Sequential consistency pairs the two sides: a sleeper announces itself before it looks at the word for the last time (in
// the kernel), a publisher changes the word before it looks for sleepers, so one of them sees the other.
void WaitWord::publish(uint32_t value) {
  value_.store(value, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) != 0) futex_wake_all(&value_);
}

void WaitWord::wait_while(uint32_t old, int spin_ns) {
  if (load() != old) return;
  if (spin_ns > 0) {
    const int64_t give_up = monotonic_ns() + spin_ns;
    do {
      for (int i = 0; i < kPausesPerLook; ++i) {
        if (load() != old) return;
        pause_cpu();
      }
    } while (monotonic_ns() < give_up);
  }
  sleepers_.fetch_add(1, std::memory_order_seq_cst);
  while (value_.load(std::memory_order_seq_cst) == old) futex_wait(&value_, old);
  sleepers_.fetch_sub(1, std::memory_order_relaxed);
}

void Barrier::arrive_and_wait() {
  const uint32_t generation = generation_.load();
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == threads_) {
    arrived_.store(0, std::memory_order_relaxed);
    generation_.publish(generation + 1);
    return;
  }
  generation_.wait_while(generation, spin_ns_);
}

struct ThreadPool::State {
  struct alignas(64) Done {
    WaitWord generation;
  };

  explicit State(int threads) : workers(threads), done(static_cast<size_t>(threads)) {}

  void worker_loop(int worker);
  void begin_run();
  void end_run() { busy.store(false, std::memory_order_release); }
  void call(Function fn, void* argument, int worker) {
    const void* outer = current_pool;
    current_pool = this;
    fn(argument, worker, workers);
    current_pool = outer;
  }

  // One line holds all that a worker needs to begin, so that it moves between cores once.
  alignas(64) WaitWord start;  // generation of the newest run
  Function function = nullptr;
  void* context = nullptr;
  bool stopping = false;
  alignas(64) uint32_t generation = 0;  // the caller's copy
  std::atomic<bool> busy{false};
  int workers;
  int spin_ns = 0;
  uint64_t serial = 0;
  void (*on_thread_start)(int) = nullptr;
  std::vector<Done> done;
  std::unique_ptr<Barrier> barrier;
  std::vector<std::thread> threads;
};

void ThreadPool::State::worker_loop(int worker) {
  if (on_thread_start != nullptr) on_thread_start(worker);
  uint32_t seen = 0;
  for (;;) {
    start.wait_while(seen, spin_ns);
    seen = start.load();
    if (stopping) return;
    call(function, context, worker);
    done[static_cast<size_t>(worker)].generation.publish(seen);
  }
}

namespace {

// Binds `thread` to the index-th CPU of the mask it inherits. Best effort: a refusal costs speed, never results.
void pin_thread(std::thread& thread, int index) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0 || CPU_COUNT(&allowed) == 0) return;
  int left = index % CPU_COUNT(&allowed);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed) || left-- > 0) continue;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    pthread_setaffinity_np(thread.native_handle(), sizeof(one), &one);
    return;
  }
}

}  // namespace

ThreadPool::ThreadPool(const Options& options) {
  const int cpus = usable_cpus();
  const int wanted = options.threads > 0 ? options.threads : cpus;
  const int threads = std::min(wanted, kMaxThreads);
  state_ = std::make_unique<State>(threads);
  state_->spin_ns = threads > cpus ? 0 : kSpinNs;
  state_->serial = next_serial.fetch_add(1);
  state_->on_thread_start = options.on_thread_start;
  for (int worker = 1; worker < threads; ++worker) {
    try {
      state_->threads.emplace_back([state = state_.get(), worker] { state->worker_loop(worker); });
    } catch (const std::system_error&) {  // a process limit: results do not depend on the number, so go on with fewer
      state_->workers = worker;
      break;
    }
    if (options.pin) pin_thread(state_->threads.back(), worker);
  }
  state_->barrier = std::make_unique<Barrier>(state_->workers, state_->spin_ns);
  shares_ = std::make_unique<WorkShares>(state_->workers);
}

ThreadPool::~ThreadPool() {
  CHECK(!state_->busy.exchange(true));
  state_->stopping = true;
  state_->start.publish(state_->generation + 1);
  for (std::thread& thread : state_->threads) thread.join();
}

int ThreadPool::workers() const { return state_->workers; }

void ThreadPool::State::begin_run() {
  CHECK(!busy.exchange(true, std::memory_order_acquire));
  if (prepared_for == serial) return;
  prepared_for = serial;
  if (on_thread_start != nullptr) on_thread_start(0);
}

void ThreadPool::run(Function fn, void* context) {
  State& state = *state_;
  state.begin_run();
  state.function = fn;
  state.context = context;
  const uint32_t before = state.generation++;
  state.start.publish(state.generation);
  state.call(fn, context, 0);
  for (int worker = 1; worker < state.workers; ++worker) {
    state.done[static_cast<size_t>(worker)].generation.wait_while(before, state.spin_ns);
  }
  state.end_run();
}

void ThreadPool::run_alone(Function fn, void* context) {
  state_->begin_run();
  state_->call(fn, context, 0);
  state_->end_run();
}

void ThreadPool::barrier() {
  CHECK(current_pool == state_.get());
  state_->barrier->arrive_and_wait();
}

}  // namespace hearth
