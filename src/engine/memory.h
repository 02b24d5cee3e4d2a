// How much memory this process may use, and the plan for a model before anything is allocated.
//
// Contract: reads /proc/meminfo and the cgroup (v2, v1); no other state. Not here: allocation itself.
#pragma once

#include <cstdint>
#include <span>

#include "hearth/engine.h"
#include "model/kv_cache.h"
#include "model/spec.h"
#include "model/weights.h"

namespace hearth {

// Bytes that can still be used without swapping: MemAvailable, or less if a cgroup limit is nearer. 0 if unknown.
int64_t available_memory_bytes();
// Resident anonymous bytes of this process (RssAnon).
int64_t anonymous_memory_bytes();

struct PlanInputs {
  const model::ModelSpec& spec;
  const model::Weights& weights;
  const model::PageLayout& pages;
  int64_t file_bytes;
  int64_t scratch_bytes;
  int64_t tables_bytes;
  std::span<const AdapterInfo> adapters = {};
};

// Pages of the pool: what `options` gives it, else enough for `context` positions of every session.
int64_t pool_pages(const model::PageLayout& layout, const LoadOptions& options, int64_t context);

// Decides the context: what `options` asks, else the model's own reduced to what fits. kResource if even a minimal
// context does not fit, or if the context or the pool asked for does not.
Result<MemoryPlan> make_plan(const PlanInputs& inputs, const LoadOptions& options);

// Whether all weights can be in memory at once, so that reading them in advance throws nothing out.
bool weights_fit(const MemoryPlan& plan);

}  // namespace hearth
