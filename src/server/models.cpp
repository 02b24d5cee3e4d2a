// Contract and exclusions: server/models.h.
//
// One mutex guards the list; a load runs outside it, with a mark in the list for others who want the same model. A thread of
// its own unloads, since the end of a Service waits for its answers and must not happen on a service's own thread.
#include "server/models.h"

#include <malloc.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <list>
#include <map>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "base/utf8.h"
#include "engine/memory.h"

namespace hearth::server {

using Milliseconds = std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

namespace {

// A model's tables are many small pieces, which the allocator keeps for itself unless it is told.
void has_left(const std::string& name, const char* why) {
  ::malloc_trim(0);
  log(LogLevel::kInfo, printable(name) + " left memory: " + why, {{"model", name}, {"reason", std::string(why)}});
}

}  // namespace

struct Models::Loaded {
  library::Installed file;
  std::unique_ptr<Service> service;  // null while it is being loaded
  int64_t memory_bytes = 0;
  KeepAlive keep_alive;
  int in_use = 0;
  bool unload_when_idle = false;
  Steady::time_point last_used;

  bool ready() const { return service != nullptr; }
  bool expired(Steady::time_point now) const {
    return in_use == 0 && ready() && (unload_when_idle || (keep_alive && now - last_used >= *keep_alive));
  }
};

struct Models::Impl {
  std::mutex mutex;
  std::condition_variable changed;
  std::list<std::shared_ptr<Loaded>> models;
  std::map<std::string, AdapterSet> adapters;  // by model, where they were set
  bool stopping = false;
  std::thread janitor;

  std::shared_ptr<Loaded> find(const std::string& name) {
    for (const auto& model : models) {
      if (model->file.name == name) return model;
    }
    return nullptr;
  }

  // Takes out one that may go; the least recently used first. Null if there is none.
  std::shared_ptr<Loaded> take(const std::function<bool(const Loaded&)>& may_go) {
    auto oldest = models.end();
    for (auto it = models.begin(); it != models.end(); ++it) {
      if (may_go(**it) && (oldest == models.end() || (*it)->last_used < (*oldest)->last_used)) oldest = it;
    }
    if (oldest == models.end()) return nullptr;
    std::shared_ptr<Loaded> taken = std::move(*oldest);
    models.erase(oldest);
    return taken;
  }

  void run_janitor() {
    std::unique_lock lock(mutex);
    while (!stopping) {
      const auto now = Steady::now();
      if (std::shared_ptr<Loaded> gone = take([&](const Loaded& model) { return model.expired(now); })) {
        lock.unlock();
        const std::string name = gone->file.name;
        const bool asked = gone->unload_when_idle;
        gone.reset();  // unloads
        has_left(name, asked ? "it was told to go" : "nobody asked it for a while");
        lock.lock();
        changed.notify_all();
        continue;
      }
      auto wake = now + std::chrono::hours(1);
      for (const auto& model : models) {
        if (model->ready() && model->in_use == 0 && model->keep_alive) wake = std::min(wake, model->last_used + *model->keep_alive);
      }
      changed.wait_until(lock, wake);
    }
  }
};

namespace {

constexpr Milliseconds kPatience{500};  // until a model that is in use counts as busy

int64_t bytes_of(const MemoryPlan& plan) {
  return plan.weights_bytes + plan.kv_bytes + plan.scratch_bytes + plan.tables_bytes + plan.adapter_bytes;
}

void log_plan(const std::string& name, const MemoryPlan& plan) {
  const auto bytes = [](int64_t count) { return format_bytes(static_cast<uint64_t>(count)); };
  log(LogLevel::kInfo,
      "loading " + printable(name) + ": " + bytes(bytes_of(plan)) + " of memory: weights " + bytes(plan.weights_bytes) + ", context of " +
          std::to_string(plan.context) + " tokens " + bytes(plan.kv_bytes) + ", the rest " + bytes(plan.scratch_bytes + plan.tables_bytes + plan.adapter_bytes) +
          "; " + bytes(plan.available_bytes) + (plan.available_bytes > 0 ? " may be used" : ""),
      {{"model", name}, {"memory_bytes", bytes_of(plan)}, {"weights_bytes", plan.weights_bytes}, {"kv_bytes", plan.kv_bytes},
       {"context", plan.context}, {"available_bytes", plan.available_bytes}});
}

std::string without_latest(std::string name) {
  constexpr std::string_view kLatest = ":latest";
  if (name.size() > kLatest.size() && name.ends_with(kLatest)) name.resize(name.size() - kLatest.size());
  return name;
}

// Where Ollama's clients write names in full: "registry.ollama.ai/library/smollm2:135m".
std::string without_registry(std::string name) {
  for (const std::string_view prefix : {"registry.ollama.ai/", "library/"}) {
    if (name.starts_with(prefix)) name.erase(0, prefix.size());
  }
  return name;
}

// The one of that name, or of that name and the only tag of it.
const library::Installed* find_named(const std::vector<library::Installed>& all, const std::string& name) {
  const library::Installed* only_tag = nullptr;
  int tags = 0;
  for (const library::Installed& model : all) {
    if (model.name == name) return &model;
    if (model.name.starts_with(name + ":")) only_tag = &model, ++tags;
  }
  return tags == 1 ? only_tag : nullptr;
}

Error no_memory(const std::string& name, int64_t wanted, int64_t free) {
  const auto mebibytes = [](int64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; };
  return {ErrorCode::kResource, "the model '" + name + "' needs " + mebibytes(wanted) + " and " + mebibytes(std::max<int64_t>(free, 0)) +
                                    " are free for models: unload another one, or serve with a smaller --ctx"};
}

}  // namespace

Models::Lease::Lease(Models& models, std::shared_ptr<Loaded> loaded, double waited_ms)
    : models_(models), loaded_(std::move(loaded)), load_ms_(waited_ms) {}

Models::Lease::~Lease() {
  const std::lock_guard lock(models_.impl_->mutex);
  --loaded_->in_use;
  loaded_->last_used = Steady::now();
  loaded_.reset();  // the list still holds it
  models_.impl_->changed.notify_all();
}

Service& Models::Lease::service() const { return *loaded_->service; }
const Engine& Models::Lease::engine() const { return loaded_->service->engine(); }
const std::string& Models::Lease::name() const { return loaded_->file.name; }
const library::Installed& Models::Lease::file() const { return loaded_->file; }

Models::Models(library::Library library, ModelsOptions options)
    : library_(std::move(library)), options_(std::move(options)), impl_(std::make_unique<Impl>()) {
  impl_->janitor = std::thread([this] { impl_->run_janitor(); });
}

Models::~Models() {
  std::list<std::shared_ptr<Loaded>> left;
  {
    std::unique_lock lock(impl_->mutex);
    impl_->changed.wait(lock, [&] {
      return std::none_of(impl_->models.begin(), impl_->models.end(), [](const auto& model) { return model->in_use > 0; });
    });
    impl_->stopping = true;
    left.swap(impl_->models);
    impl_->changed.notify_all();
  }
  impl_->janitor.join();
}

Result<std::vector<library::Installed>> Models::installed() const {
  std::vector<library::Installed> list = options_.files;
  for (library::Installed& model : TRY(library_.installed())) {
    const bool known = std::any_of(list.begin(), list.end(), [&](const auto& other) { return other.name == model.name; });
    if (!known) list.push_back(std::move(model));
  }
  return list;
}

Checked<library::Installed> Models::resolve(const std::string& asked) const {
  Result<std::vector<library::Installed>> all = installed();
  if (!all.ok()) return api_error(all.error());
  const size_t first = asked.find_first_not_of(" \t\r\n");
  std::string name = first == std::string::npos ? "" : asked.substr(first, asked.find_last_not_of(" \t\r\n") - first + 1);
  name = without_latest(name);
  if (name.empty()) name = options_.default_model.empty() ? library_.default_entry().name : options_.default_model;
  if (const library::Installed* model = find_named(*all, name)) return *model;
  if (const library::Installed* model = find_named(*all, without_registry(name))) return *model;
  if (first == std::string::npos && options_.default_model.empty() && all->size() == 1) return all->front();
  std::string known;
  for (const library::Installed& model : *all) known += (known.empty() ? "" : ", ") + model.name;
  ApiError error{404, "model '" + name.substr(0, 200) + "' not found", "model", "model_not_found", 0, 0, 0};
  if (known.empty()) {
    error.message += "; no model is installed: hearth pull " + library_.default_entry().name;
  } else {
    error.message += "; installed: " + known;
  }
  return error;
}

// Unloads idle models, least recently used first, until `model` fits; the lock is let go meanwhile.
Result<void> Models::make_room(std::unique_lock<std::mutex>& lock, const Loaded& model, int64_t available_bytes) {
  // A client has its answer a moment before its model counts as idle, and may ask for another one at once.
  const auto patient_until = Steady::now() + kPatience;
  for (;;) {
    int64_t held = 0, loaded = 0;
    for (const auto& other : impl_->models) {
      if (other.get() != &model) held += other->memory_bytes, ++loaded;
    }
    const int64_t limit = options_.memory_limit_bytes > 0 ? options_.memory_limit_bytes - held : available_bytes;
    const bool fits = limit <= 0 || model.memory_bytes <= limit;
    if ((fits || loaded == 0) && (options_.max_loaded == 0 || loaded < options_.max_loaded)) return {};
    std::shared_ptr<Loaded> gone = impl_->take([](const Loaded& other) { return other.ready() && other.in_use == 0; });
    if (!gone && Steady::now() < patient_until) {
      impl_->changed.wait_until(lock, patient_until);
      continue;
    }
    if (!gone) return no_memory(model.file.name, model.memory_bytes, limit);
    lock.unlock();
    const std::string name = gone->file.name;
    gone.reset();
    has_left(name, "another model needs the room");
    available_bytes = available_memory_bytes();
    lock.lock();
  }
}

LoadOptions Models::load_options(const library::Installed& file) const {
  LoadOptions options = options_.load;
  options.path = file.path;
  if (!options_.default_model.empty() && file.name == options_.default_model) options.adapters = options_.adapters;
  return options;
}

// `model` is in the list, marked as being loaded.
Result<void> Models::load(std::unique_lock<std::mutex>& lock, Loaded& model) {
  lock.unlock();
  const int64_t begun = monotonic_ns();
  const LoadOptions options = load_options(model.file);
  const Result<MemoryPlan> plan = Engine::plan(options);
  lock.lock();
  if (!plan.ok()) return plan.error();
  model.memory_bytes = bytes_of(*plan);
  TRY(make_room(lock, model, plan->available_bytes));
  lock.unlock();
  log_plan(model.file.name, *plan);
  Result<std::unique_ptr<Engine>> engine = Engine::load(options);
  ServiceOptions service_options = options_.service;
  service_options.model_sha256 = model.file.sha256;
  Result<std::unique_ptr<Service>> service = engine.ok() ? Service::start(std::move(engine).value(), service_options)
                                                         : Result<std::unique_ptr<Service>>(engine.error());
  lock.lock();
  if (!service.ok()) return service.error();
  if (const auto set = impl_->adapters.find(model.file.name); set != impl_->adapters.end()) {
    TRY((*service)->set_default_adapters(set->second));
  }
  model.service = std::move(service).value();
  model.service->engine().grammars().prepare_in_background();
  const ModelInfo& info = model.service->engine().info();
  const double seconds = seconds_since(begun);
  char time[32];
  std::snprintf(time, sizeof time, "%.2f s", seconds);
  log(LogLevel::kInfo,
      printable(model.file.name) + " is loaded in " + time + ", context " + std::to_string(info.context) + " of " +
          std::to_string(info.context_trained) + " tokens, " + std::to_string(options_.service.max_sessions) + " sessions",
      {{"model", model.file.name}, {"seconds", seconds}, {"context", info.context}});
  return {};
}

Checked<std::shared_ptr<Models::Lease>> Models::acquire(const std::string& asked, const std::optional<KeepAlive>& keep_alive) {
  Checked<library::Installed> file = resolve(asked);
  if (!file.ok()) return file.error();
  const int64_t begun = monotonic_ns();
  bool waited = false;
  std::unique_lock lock(impl_->mutex);
  std::shared_ptr<Loaded> model = impl_->find(file->name);
  while (model && !model->ready()) {  // somebody else loads it
    waited = true;
    impl_->changed.wait(lock);
    model = impl_->find(file->name);
  }
  if (!model) {
    waited = true;
    model = std::make_shared<Loaded>();
    model->file = *file;
    model->keep_alive = options_.keep_alive;
    impl_->models.push_back(model);
    if (const Result<void> done = load(lock, *model); !done.ok()) {
      impl_->models.remove(model);
      impl_->changed.notify_all();
      return api_error(done.error());
    }
  }
  ++model->in_use;
  model->unload_when_idle = false;
  if (keep_alive) model->keep_alive = *keep_alive;
  model->last_used = Steady::now();
  impl_->changed.notify_all();
  const double load_ms = waited ? static_cast<double>(monotonic_ns() - begun) * 1e-6 : 0;
  return std::make_shared<Lease>(*this, std::move(model), load_ms);
}

void Models::set_default_adapters(const Lease& model, AdapterSet adapters) {
  const std::lock_guard lock(impl_->mutex);
  if (model.service().set_default_adapters(adapters).ok()) impl_->adapters[model.name()] = std::move(adapters);
}

bool Models::unload(const std::string& resolved_name) {
  const std::lock_guard lock(impl_->mutex);
  const std::shared_ptr<Loaded> model = impl_->find(resolved_name);
  if (!model) return false;
  model->unload_when_idle = true;
  impl_->changed.notify_all();
  return true;
}

bool Models::wait_until_unloaded(const std::string& resolved_name, Milliseconds limit) const {
  std::unique_lock lock(impl_->mutex);
  return impl_->changed.wait_for(lock, limit, [&] { return impl_->find(resolved_name) == nullptr; });
}

std::vector<Models::Status> Models::loaded() const {
  const std::lock_guard lock(impl_->mutex);
  const auto now = Steady::now();
  const int64_t epoch_ms =
      std::chrono::duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count();
  std::vector<Status> list;
  for (const auto& model : impl_->models) {
    if (!model->ready()) continue;
    Status status;
    status.name = model->file.name;
    status.file = model->file;
    status.info = model->service->engine().info();
    status.memory_bytes = bytes_of(model->service->engine().memory_plan());
    status.in_use = model->in_use;
    status.stats = model->service->stats();
    status.sessions = model->service->sessions();
    if (model->keep_alive) {
      const auto until = (model->in_use > 0 ? now : model->last_used) + *model->keep_alive - now;
      status.expires_at_ms = epoch_ms + std::chrono::duration_cast<Milliseconds>(until).count();
    }
    list.push_back(std::move(status));
  }
  return list;
}

std::vector<std::pair<std::string, double>> Models::busy() const {
  const std::lock_guard lock(impl_->mutex);
  std::vector<std::pair<std::string, double>> list;
  for (const auto& model : impl_->models) {
    if (model->ready()) list.emplace_back(model->file.name, model->service->busy_seconds());
  }
  return list;
}

Result<MemoryPlan> plan_of(const ModelsOptions& options, const std::string& path) {
  LoadOptions load = options.load;
  load.path = path;
  return Engine::plan(load);
}

}  // namespace hearth::server
