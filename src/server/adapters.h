// Adapters as requests name them: "lora": [{"id": 0, "scale": 0.5}], and llama-server's routes for them.
//
// Contract: as in llama-server an empty list asks for nothing, and adapters that a list does not name have scale 0. What is
// wrong with a list is a 400 that names the field.
// Not here: which adapters a model has (ModelsOptions::adapters), applying them (engine).
#pragma once

#include <optional>
#include <string>

#include "hearth/engine.h"
#include "server/api_error.h"
#include "server/json.h"

namespace hearth::server {

// What the body of a request asks for; none if that is nothing.
Checked<std::optional<AdapterSet>> read_adapters(const Json& body);
// A list of {id, scale}, found at `field`.
Checked<AdapterSet> read_adapter_list(const Json& list, const std::string& field);
// The same as a set of the engine's.
Checked<AdapterSet> adapters_of(const Engine& engine, const AdapterSet& asked);
// [{"id", "scale"}]
Json adapters_to_json(const AdapterSet& set);

}  // namespace hearth::server
