// Models by name: loaded when a request needs one, kept alive for a while, unloaded when idle or when memory is needed.
//
// Contract: thread-safe. A name from a request is a name of the library, never a path; blank is the default model. A model in
// use (a Lease lives) is not unloaded. What a load needs is compared with what is free before anything is allocated; idle
// models make room, least recently used first. Loading blocks its caller only.
// Not here: pulling and removing files (library), what a loaded model does (engine/serving/service.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "engine/serving/service.h"
#include "library/library.h"
#include "server/api_error.h"
#include "server/json.h"

namespace hearth::server {

// How long an idle model stays; nullopt: forever.
using KeepAlive = std::optional<std::chrono::milliseconds>;

// A number of seconds, or text as Go writes durations ("5m", "1h30m", "300ms", "-1"). Negative: forever.
Checked<KeepAlive> parse_keep_alive(const Json& value);

struct ModelsOptions {
  LoadOptions load;                 // threads, isa, kv_type, context, max_sessions; `path` is set per model
  ServiceOptions service;
  KeepAlive keep_alive = std::chrono::minutes(5);
  int max_loaded = 0;               // 0: as many as memory holds
  int64_t memory_limit_bytes = 0;   // for all models together; 0: what the machine has available
  std::string default_model;        // name; empty: the catalogue's default, or the only one that is installed
  std::vector<AdapterFile> adapters;  // of the default model, which must be named then
  std::vector<library::Installed> files;  // served beside the library's, by their names
};

class Models {
 public:
  struct Loaded;  // a model in memory, one per name
  // Keeps a model in memory and in use while it lives.
  class Lease {
   public:
    Lease(Models& models, std::shared_ptr<Loaded> loaded, double waited_ms);
    ~Lease();
    Service& service() const;
    const Engine& engine() const;
    const std::string& name() const;            // as listed
    const library::Installed& file() const;
    double load_ms() const { return load_ms_; }  // what this request waited for loading; 0 if it was there

   private:
    Models& models_;
    std::shared_ptr<Loaded> loaded_;
    double load_ms_;
  };

  struct Status {
    std::string name;
    library::Installed file;
    ModelInfo info;
    int64_t memory_bytes = 0;       // planned: weights, keys and values, scratch, tables
    std::optional<int64_t> expires_at_ms;  // since the epoch; none: stays
    int in_use = 0;
    ServiceStats stats;
    std::vector<SessionStats> sessions;
  };

  Models(library::Library library, ModelsOptions options);
  ~Models();                        // waits for leases to end

  const library::Library& library() const { return library_; }
  const ModelsOptions& options() const { return options_; }
  // All that can be asked for, in the library's order.
  Result<std::vector<library::Installed>> installed() const;
  // The file of a name as requests give it; 404 names those that are installed.
  Checked<library::Installed> resolve(const std::string& name) const;

  // Loads the model if need be. `keep_alive`, if given, replaces the model's own from now on.
  Checked<std::shared_ptr<Lease>> acquire(const std::string& name, const std::optional<KeepAlive>& keep_alive = std::nullopt);
  // What is in effect on this model, also after it has left memory and come back, for requests that name no adapters.
  void set_default_adapters(const Lease& model, AdapterSet adapters);
  // Takes it out of memory once nobody uses it. False if it was not loaded.
  bool unload(const std::string& resolved_name);
  // False if somebody still uses it by then.
  bool wait_until_unloaded(const std::string& resolved_name, std::chrono::milliseconds limit) const;
  std::vector<Status> loaded() const;
  // By name, how long each model has been at its present step; 0: it waits.
  std::vector<std::pair<std::string, double>> busy() const;

 private:
  struct Impl;
  LoadOptions load_options(const library::Installed& file) const;
  Result<void> load(std::unique_lock<std::mutex>& lock, Loaded& model);
  Result<void> make_room(std::unique_lock<std::mutex>& lock, const Loaded& model, int64_t available_bytes);

  library::Library library_;
  ModelsOptions options_;
  std::unique_ptr<Impl> impl_;
};

// The part of a file that the engine would need, without loading it: header only. Thread-safe.
Result<MemoryPlan> plan_of(const ModelsOptions& options, const std::string& path);

}  // namespace hearth::server
