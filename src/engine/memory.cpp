// Memory limits of this process and the plan for a model; see memory.h.
#include "engine/memory.h"

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>

namespace hearth {
namespace {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();
constexpr int64_t kMinimumContext = 256;       // below this a model is of no use
constexpr int64_t kReservePercent = 10;        // of what is available stays free for the rest of the machine

// Value in bytes of a "Name:   123 kB" line; -1 if absent.
int64_t kilobyte_field(const char* path, const std::string& field) {
  std::ifstream file(path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.rfind(field, 0) != 0) continue;
    int64_t value = 0;
    for (char c : line) {
      if (c >= '0' && c <= '9') value = value * 10 + (c - '0');
    }
    return value * 1024;
  }
  return -1;
}

int64_t number_in(const std::string& path) {
  std::ifstream file(path);
  int64_t value;
  return file >> value ? value : kUnlimited;  // "max" does not parse
}

// Cached file pages that a cgroup counts as used but gives up when memory is wanted, a model's own among them.
int64_t reclaimable_bytes(const std::string& folder, bool v2) {
  std::ifstream file(folder + "memory.stat");
  std::string name;
  int64_t value = 0, sum = 0;
  while (file >> name >> value) {
    const bool cached = v2 ? name == "active_file" || name == "inactive_file"
                           : name == "total_active_file" || name == "total_inactive_file";
    if (cached) sum += value;
  }
  return sum;
}

// Bytes left under the limit of this process's cgroup; kUnlimited without one.
int64_t cgroup_headroom() {
  std::ifstream groups("/proc/self/cgroup");
  std::string line;
  int64_t left = kUnlimited;
  while (std::getline(groups, line)) {
    const size_t last = line.rfind(':');
    if (last == std::string::npos) continue;
    const bool v2 = line.rfind("0::", 0) == 0, v1 = line.find(":memory:") != std::string::npos;
    if (!v1 && !v2) continue;
    const std::string root = v2 ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory";
    const std::string path = line.substr(last + 1);
    // A limit may stand at any level above; inside a container the path may not be visible and the root is the group.
    for (std::string group = path;; group = group.substr(0, group.rfind('/'))) {
      const std::string folder = root + (group == "/" ? "" : group) + "/";
      const int64_t limit = number_in(folder + (v2 ? "memory.max" : "memory.limit_in_bytes"));
      const int64_t used = number_in(folder + (v2 ? "memory.current" : "memory.usage_in_bytes"));
      if (limit != kUnlimited && used != kUnlimited) {
        left = std::min(left, std::clamp<int64_t>(limit - used + reclaimable_bytes(folder, v2), 0, limit));
      }
      if (group.empty() || group == "/") break;
    }
  }
  return left;
}

void add_parts(const PlanInputs& inputs, MemoryPlan& plan) {
  const int64_t layers = static_cast<int64_t>(inputs.spec.layers.size());
  int64_t attention = 0, feed_forward = 0;
  for (const model::LayerWeights& layer : inputs.weights.layers) {
    const model::AttentionWeights& a = layer.attention;
    attention += a.query.weight.bytes() + a.key.weight.bytes() + a.value.weight.bytes() + a.output.weight.bytes();
    const model::FeedForwardWeights& f = layer.feed_forward;
    feed_forward += f.gate.weight.bytes() + f.up.weight.bytes() + f.down.weight.bytes();
  }
  const std::string all = layers == 1 ? "0" : "0-" + std::to_string(layers - 1);
  plan.parts.push_back({"", "embedding", "cpu", inputs.weights.embedding.bytes()});
  plan.parts.push_back({all, "attention", "cpu", attention});
  plan.parts.push_back({all, "feed-forward", "cpu", feed_forward});
  const bool tied = inputs.weights.head.data == inputs.weights.embedding.data;
  plan.parts.push_back({"", tied ? "head (the embedding)" : "head", "cpu", tied ? 0 : inputs.weights.head.bytes()});
  for (const AdapterInfo& adapter : inputs.adapters) plan.parts.push_back({"", "adapter " + adapter.name, "cpu", adapter.bytes});
}

// What is neither mapped nor keys and values.
int64_t own_bytes(const MemoryPlan& plan) { return plan.scratch_bytes + plan.tables_bytes + plan.adapter_bytes; }

std::string mebibytes(int64_t bytes) { return std::to_string((bytes + (1 << 20) - 1) >> 20) + " MiB"; }

}  // namespace

int64_t available_memory_bytes() {
  const int64_t machine = kilobyte_field("/proc/meminfo", "MemAvailable:");
  const int64_t group = cgroup_headroom();
  if (machine < 0) return group == kUnlimited ? 0 : group;
  return std::min(machine, group);
}

bool weights_fit(const MemoryPlan& plan) {
  return plan.available_bytes == 0 ||
         plan.available_bytes - plan.weights_bytes - own_bytes(plan) >= 0;
}

int64_t anonymous_memory_bytes() { return std::max<int64_t>(0, kilobyte_field("/proc/self/status", "RssAnon:")); }

int64_t pool_pages(const model::PageLayout& layout, const LoadOptions& options, int64_t context) {
  if (options.kv_pool_bytes > 0) return options.kv_pool_bytes / layout.page_bytes;
  // Each session may hold one page beyond its context: its own copy of a page that a fork shares.
  return (model::pages_for(context) + 1) * options.max_sessions;
}

namespace {

Error context_too_large(int64_t context, int64_t anonymous, int64_t available) {
  return Error{ErrorCode::kResource, "a context of " + std::to_string(context) + " needs " + mebibytes(anonymous) +
                                         " beside the weights, " + mebibytes(available) +
                                         " are available: use a smaller context"};
}

// The pool is what was asked for; one session in full has to fit into it, with its own copy of a page that is shared.
Result<void> plan_pool(const PlanInputs& inputs, const LoadOptions& options, MemoryPlan& plan) {
  const int64_t pages = pool_pages(inputs.pages, options, 0);
  const int64_t positions = std::max<int64_t>(0, pages - 1) * kernels::kPagePositions;
  plan.kv_bytes = pages * inputs.pages.page_bytes;
  const int64_t smallest = options.context > 0 ? options.context : std::min(inputs.spec.context_trained, kMinimumContext);
  if (positions < smallest) {
    return Error{ErrorCode::kResource,
                 "a pool of " + mebibytes(options.kv_pool_bytes) + " for keys and values holds " + std::to_string(positions) +
                     " positions, a context of " + std::to_string(smallest) + " needs " +
                     mebibytes((model::pages_for(smallest) + 1) * inputs.pages.page_bytes) + ": use a larger pool"};
  }
  const int64_t anonymous = plan.kv_bytes + own_bytes(plan);
  if (plan.available_bytes > 0 && anonymous > plan.available_bytes) {
    return Error{ErrorCode::kResource, "a pool of " + mebibytes(plan.kv_bytes) + " for keys and values makes " +
                                           mebibytes(anonymous) + " beside the weights, " +
                                           mebibytes(plan.available_bytes) + " are available: use a smaller pool"};
  }
  plan.context = options.context > 0 ? options.context : std::min(inputs.spec.context_trained, positions);
  return {};
}

// Every session can fill its context.
Result<void> plan_full_sessions(const PlanInputs& inputs, const LoadOptions& options, MemoryPlan& plan) {
  const int64_t per_position = inputs.pages.bytes_per_position() * options.max_sessions;
  const int64_t usable = plan.available_bytes - plan.available_bytes / 100 * kReservePercent;
  // Weights are mapped and can be dropped and read again, but a model that does not stay in memory is too slow to use.
  const int64_t left = usable - plan.weights_bytes - own_bytes(plan);
  const int64_t fits = plan.available_bytes == 0 ? kUnlimited : left / per_position;
  const int64_t trained = inputs.spec.context_trained;
  if (options.context > 0) {
    plan.context = options.context;
    const int64_t anonymous = plan.context * per_position + own_bytes(plan);
    if (plan.available_bytes > 0 && anonymous > plan.available_bytes) {
      return context_too_large(plan.context, anonymous, plan.available_bytes);
    }
  } else {
    plan.context = std::min(trained, std::max(fits, std::min(trained, kMinimumContext)));
  }
  plan.kv_bytes = plan.context * per_position;
  return {};
}

}  // namespace

Result<MemoryPlan> make_plan(const PlanInputs& inputs, const LoadOptions& options) {
  MemoryPlan plan;
  plan.weights_bytes = inputs.file_bytes;
  plan.scratch_bytes = inputs.scratch_bytes;
  plan.tables_bytes = inputs.tables_bytes;
  for (const AdapterInfo& adapter : inputs.adapters) plan.adapter_bytes += adapter.bytes;
  plan.available_bytes = options.memory_limit_bytes > 0 ? options.memory_limit_bytes : available_memory_bytes();
  if (options.context > inputs.spec.context_trained) {
    return Error{ErrorCode::kInvalidArgument, "a context of " + std::to_string(options.context) +
                                                  " was asked for, but the model was made for " +
                                                  std::to_string(inputs.spec.context_trained)};
  }
  if (options.kv_pool_bytes > 0) {
    TRY(plan_pool(inputs, options, plan));
  } else {
    TRY(plan_full_sessions(inputs, options, plan));
  }
  add_parts(inputs, plan);
  return plan;
}

}  // namespace hearth
