// Adapters of an Engine: opened with the plan, read with the model, and the sets of them that sessions have.
#pragma once

#include <span>

#include "engine/engine_impl.h"

namespace hearth {

// Checks the files against the model, which must be described and bound; reads headers only.
Result<void> open_adapters(std::span<const AdapterFile> files, Engine::Impl& impl);
// Copies the matrices and computes the digests of the files.
Result<void> read_adapters(Engine::Impl& impl);
// Ranks that one token may meet in one group of weights.
int64_t adapter_ranks(const Engine::Impl& impl);
Result<AdapterSet> make_adapter_set(std::span<const AdapterScale> wanted, size_t adapters);

}  // namespace hearth
