// The thread between clients and the scheduler; contract and exclusions: service.h.
#include "engine/serving/service.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "engine/decoding.h"
#include "engine/serving/engine_runner.h"
#include "engine/serving/prefix_cache.h"
#include "engine/serving/scheduler.h"

namespace hearth {
namespace {

constexpr int kMaxSessions = 256;         // a step has room for a token of each and a piece of a prompt
constexpr int kMaxQueue = 1 << 20;
constexpr double kTellSeconds = 1;        // between two reports to answers that wait
constexpr int kMaxRetrySeconds = 60;
constexpr int kTrimSeconds = 30;          // of idling, until the memory of free pages is given back
constexpr int64_t kKeptBytes = 64 << 20;  // but for so much
constexpr auto kPause = std::chrono::milliseconds(5);  // until readers that are behind are looked after again

struct Submitted {
  AnswerId id;
  AnswerRequest request;
  AnswerCallbacks callbacks;
  EmbeddingCallback on_embedding;  // instead of these, if it is one
};

Result<void> check_options(const ServiceOptions& options) {
  if (options.max_sessions < 1 || options.max_sessions > kMaxSessions) {
    return Error{ErrorCode::kInvalidArgument, "sessions must be 1 to " + std::to_string(kMaxSessions)};
  }
  if (options.queue_limit < 0 || options.queue_limit > kMaxQueue) {
    return Error{ErrorCode::kInvalidArgument, "the queue limit must be 0 to " + std::to_string(kMaxQueue)};
  }
  if (options.watchdog_seconds < 1) return Error{ErrorCode::kInvalidArgument, "the watchdog must have at least 1 second"};
  return {};
}

Scheduler::Options scheduler_options(const ServiceOptions& options) {
  Scheduler::Options result;
  result.max_running = options.max_sessions;
  result.queue_limit = options.queue_limit;
  result.watchdog_seconds = static_cast<double>(options.watchdog_seconds);
  return result;
}

}  // namespace

struct Service::Impl {
  Impl(std::unique_ptr<Engine> owned, const ServiceOptions& service_options)
      : engine(std::move(owned)), options(service_options), runner(*engine, {options.speculate, true, options.cache_per_owner}),
        scheduler(scheduler_options(options), scheduler_functions()), default_adapters(engine->default_adapters()) {}
  Result<void> begin();

  Scheduler::Runner scheduler_functions() {
    Scheduler::Runner functions = runner.functions();
    functions.now_ns = [] { return monotonic_ns(); };
    functions.step = [this](std::span<Scheduler::Item> items) { return step(items); };
    functions.end = [this](AnswerId id, const Result<void>& outcome) { end(id, outcome); };
    return functions;
  }

  void run();
  Result<AnswerId> accept(Submitted one);
  bool take_inbox();
  Result<void> step(std::span<Scheduler::Item> items);
  void end(AnswerId id, const Result<void>& outcome);
  void publish();
  void tell_waiting();

  const std::unique_ptr<Engine> engine;
  const ServiceOptions options;

  // Of the service's thread.
  EngineRunner runner;
  Scheduler scheduler;
  int64_t told_ns = 0;

  mutable std::mutex mutex;
  std::condition_variable changed;
  // Guarded by `mutex`.
  std::vector<Submitted> submitted;
  std::vector<AnswerId> cancelled;
  std::vector<AnswerId> stepping_prompts;  // of the step that runs, if no answer is in it
  bool stopping = false;
  bool draining = false;
  bool woken = false;                      // by the cache
  AnswerId last_id = 0;
  int64_t accepted = 0;                    // answers that have not ended
  int64_t unheard = 0;                     // answers whose end has not been heard
  ServiceStats stats;
  std::vector<SessionStats> sessions;
  AdapterSet default_adapters;
  double mean_answer_seconds = 0;

  std::atomic<bool> step_cancel{false};    // read between the layers of a step
  std::atomic<int64_t> busy_since_ns{0};   // 0: waits
  std::unique_ptr<PrefixCache> cache;      // calls back until it is gone
  std::thread thread;                      // last: it uses all of the above
};

Result<void> Service::Impl::begin() {
  PrefixCacheOptions wanted;
  wanted.limit_bytes = options.prefix_cache_bytes;
  wanted.disk_folder = options.prefix_disk_folder;
  wanted.disk_limit_bytes = options.prefix_disk_bytes;
  wanted.model_sha256 = options.model_sha256;
  wanted.wake = [this] {
    const std::lock_guard lock(mutex);
    woken = true;
    changed.notify_all();
  };
  cache = TRY(PrefixCache::create(*engine, std::move(wanted)));
  runner.use(cache.get());
  try {
    thread = std::thread([this] { run(); });
  } catch (const std::system_error& error) {
    return Error{ErrorCode::kResource, std::string("no thread for the model: ") + error.what()};
  }
  return {};
}

Result<AnswerId> Service::Impl::accept(Submitted one) {
  const std::lock_guard lock(mutex);
  if (stopping || draining) return Error{ErrorCode::kResource, "the model is being shut down"};
  if (accepted >= int64_t{options.max_sessions} + options.queue_limit) {
    return Error{ErrorCode::kResource, "the queue is full: " + std::to_string(options.queue_limit) +
                                           " answers are waiting. Try again later"};
  }
  ++accepted;
  ++unheard;
  one.id = ++last_id;
  if (!one.request.adapters) one.request.adapters = default_adapters;
  submitted.push_back(std::move(one));
  changed.notify_all();
  return last_id;
}

// Waits for something to do. False: the service ends.
bool Service::Impl::take_inbox() {
  std::vector<Submitted> arrived;
  std::vector<AnswerId> gone;
  bool stop;
  {
    std::unique_lock lock(mutex);
    const bool idle = scheduler.waiting() + scheduler.running() == 0;
    const auto called = [&] { return stopping || !submitted.empty() || !cancelled.empty() || woken; };
    if (idle && !changed.wait_for(lock, std::chrono::seconds(kTrimSeconds), called)) engine->trim_kv_pool(kKeptBytes);
    if (idle || (scheduler.running() == 0 && runner.fetches())) changed.wait(lock, called);
    if (!idle && scheduler.pauses()) changed.wait_for(lock, kPause, called);
    woken = false;
    arrived.swap(submitted);
    gone.swap(cancelled);
    stop = stopping;
  }
  busy_since_ns = monotonic_ns();
  for (Submitted& one : arrived) {
    const auto tokens = static_cast<int64_t>(one.request.prompt.size());
    const std::string owner = one.request.owner;
    if (one.on_embedding) {
      runner.add_embedding(one.id, std::move(one.request), std::move(one.on_embedding));
    } else {
      runner.add(one.id, std::move(one.request), std::move(one.callbacks));
    }
    if (const Result<void> queued = scheduler.submit(one.id, owner, tokens); !queued.ok()) end(one.id, queued);
  }
  for (const AnswerId id : gone) scheduler.cancel(id);
  if (stop) scheduler.cancel_all();
  return !stop || !arrived.empty() || scheduler.waiting() + scheduler.running() > 0;
}

void Service::Impl::run() {
  while (take_inbox()) {
    cache->poll();
    scheduler.step();
    publish();
    tell_waiting();
    busy_since_ns = 0;
  }
}

// A step that answers wait for is short; only one of prompts alone is worth breaking off.
Result<void> Service::Impl::step(std::span<Scheduler::Item> items) {
  {
    const std::lock_guard lock(mutex);
    const bool prompts_only = std::all_of(items.begin(), items.end(), [](const auto& item) { return item.prompt_tokens > 0; });
    for (const Scheduler::Item& item : items) {
      if (prompts_only) stepping_prompts.push_back(item.id);
      if (prompts_only && std::find(cancelled.begin(), cancelled.end(), item.id) != cancelled.end()) step_cancel = true;
    }
    if (stopping) step_cancel = true;
  }
  const Result<void> done = runner.step(items, &step_cancel);
  const std::lock_guard lock(mutex);
  stepping_prompts.clear();
  step_cancel = false;
  return done;
}

void Service::Impl::end(AnswerId id, const Result<void>& outcome) {
  {
    const std::lock_guard lock(mutex);
    --accepted;
  }
  if (!outcome.ok() && outcome.error().code != ErrorCode::kCancelled) {
    log(LogLevel::kError, "answer " + std::to_string(id) + ": " + outcome.error().message);
  }
  publish();  // who asks at its end finds it counted
  runner.end(id, outcome);
  const std::lock_guard lock(mutex);
  if (--unheard == 0) changed.notify_all();
}

void Service::Impl::publish() {
  const EngineRunner::Totals& totals = runner.totals();
  std::vector<SessionStats> views(static_cast<size_t>(options.max_sessions));
  for (size_t i = 0; i < views.size(); ++i) views[i].id = static_cast<int>(i);
  for (const Scheduler::View& view : scheduler.view()) {
    if (view.session < 0) continue;
    SessionStats& session = views[static_cast<size_t>(view.session)];
    const EngineRunner::Progress progress = runner.progress(view.id);
    session.answer = view.id;
    session.prompt_tokens = progress.prompt_tokens;
    session.prompt_reused = progress.reused_tokens;
    session.prompt_done = std::min(progress.prompt_tokens, view.held);
    session.answer_tokens = progress.answer_tokens;
    session.tokens_left = progress.tokens_left;
    session.line_ended = progress.line_ended;
    session.options = progress.options;
  }
  const KvPool pool = engine->kv_pool();
  const PrefixCacheStats cached = cache->stats();
  const std::lock_guard lock(mutex);
  for (SessionStats& session : views) {
    session.context = engine->info().context;
    session.speculates = options.speculate;
  }
  sessions = std::move(views);
  mean_answer_seconds = totals.mean_answer_seconds;
  stats.waiting = scheduler.waiting();
  stats.running = scheduler.running();
  stats.sessions = options.max_sessions;
  stats.prompt_tokens = totals.prompt_tokens;
  stats.reused_tokens = totals.reused_tokens;
  stats.answer_tokens = totals.answer_tokens;
  stats.embeddings = totals.embeddings;
  stats.steps = totals.steps;
  stats.step_tokens = totals.step_tokens;
  stats.drafted_tokens = totals.drafted_tokens;
  stats.accepted_tokens = totals.accepted_tokens;
  stats.prompt_seconds = totals.prompt_seconds;
  stats.answer_seconds = totals.answer_seconds;
  stats.pool_bytes = pool.bytes();
  stats.pool_used_bytes = pool.used_bytes();
  stats.cache_bytes = cached.bytes;
  stats.cache_disk_bytes = cached.disk_bytes;
  stats.cache_hits = cached.hits;
  stats.cache_misses = cached.lookups - cached.hits;
}

void Service::Impl::tell_waiting() {
  if (scheduler.waiting() == 0 || seconds_since(told_ns) < kTellSeconds) return;
  told_ns = monotonic_ns();
  for (const Scheduler::View& view : scheduler.view()) {
    if (view.before >= 0) runner.tell_waiting(view.id, view.before);
  }
}

Result<std::unique_ptr<Service>> Service::start(std::unique_ptr<Engine> engine, const ServiceOptions& options) {
  TRY(check_options(options));
  const int sessions = engine->info().max_sessions;
  if (options.max_sessions > sessions) {
    return Error{ErrorCode::kInvalidArgument, std::to_string(options.max_sessions) + " sessions were asked for, but the model " +
                                                  "was loaded for " + std::to_string(sessions)};
  }
  auto impl = std::make_unique<Impl>(std::move(engine), options);
  TRY(impl->begin());
  return std::unique_ptr<Service>(new Service(std::move(impl)));
}

Service::Service(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Service::~Service() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    impl_->step_cancel = true;
  }
  impl_->changed.notify_all();
  impl_->thread.join();
}

const Engine& Service::engine() const { return *impl_->engine; }

Result<AnswerId> Service::submit(AnswerRequest request, AnswerCallbacks callbacks) {
  request.options.chunk = 0;
  request.options.speculator = nullptr;
  TRY(check_request(*impl_->engine, request.prompt, request.options));
  if (request.adapters) request.adapters = TRY(impl_->engine->adapter_set(*request.adapters));
  return impl_->accept({0, std::move(request), std::move(callbacks), {}});
}

Result<AnswerId> Service::embed(std::vector<int32_t> tokens, const std::string& owner, EmbeddingCallback on_end,
                                std::optional<AdapterSet> adapters) {
  TRY(check_request(*impl_->engine, tokens, {}));
  TRY(pooling_of(impl_->engine->info()));
  AnswerRequest request;
  request.prompt = std::move(tokens);
  request.owner = owner;
  if (adapters) request.adapters = TRY(impl_->engine->adapter_set(*adapters));
  return impl_->accept({0, std::move(request), {}, std::move(on_end)});
}

void Service::cancel(AnswerId id) {
  const std::lock_guard lock(impl_->mutex);
  impl_->cancelled.push_back(id);
  const std::vector<AnswerId>& prompts = impl_->stepping_prompts;
  if (std::find(prompts.begin(), prompts.end(), id) != prompts.end()) impl_->step_cancel = true;
  impl_->changed.notify_all();
}

Result<void> Service::set_default_adapters(std::span<const AdapterScale> adapters) {
  AdapterSet set = TRY(impl_->engine->adapter_set(adapters));
  const std::lock_guard lock(impl_->mutex);
  impl_->default_adapters = std::move(set);
  return {};
}

AdapterSet Service::default_adapters() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->default_adapters;
}

bool Service::drain(int64_t milliseconds) {
  std::unique_lock lock(impl_->mutex);
  impl_->draining = true;
  return impl_->changed.wait_for(lock, std::chrono::milliseconds(milliseconds), [&] { return impl_->unheard == 0; });
}

int Service::retry_after_seconds() const {
  const std::lock_guard lock(impl_->mutex);
  const double rounds = static_cast<double>(impl_->accepted) / impl_->options.max_sessions;
  return std::clamp(static_cast<int>(std::ceil(rounds * impl_->mean_answer_seconds / 2)), 1, kMaxRetrySeconds);
}

double Service::busy_seconds() const {
  const int64_t since = impl_->busy_since_ns;
  return since == 0 ? 0 : seconds_since(since);
}

ServiceStats Service::stats() const {
  const std::lock_guard lock(impl_->mutex);
  ServiceStats stats = impl_->stats;
  stats.sessions = impl_->options.max_sessions;
  stats.waiting = impl_->accepted - stats.running;
  return stats;
}

std::vector<SessionStats> Service::sessions() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->sessions;
}

}  // namespace hearth
