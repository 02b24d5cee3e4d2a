// What verbs that run a model share: the options that decide how it is loaded, and loading it.
//
// Contract: a catalogue model that is not here is pulled first, with its progress on stderr. Errors come back as they are.
// Not here: sampling options (cli/generation_options.h), what a verb does with the model.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/reading_line.h"
#include "hearth/engine.h"
#include "library/library.h"

namespace CLI {
class App;
}  // namespace CLI

namespace hearth::cli {

struct EngineOptions {
  std::string model;             // as typed; empty: the default model
  int64_t context = 0;           // 0: the model's own, reduced to what memory holds
  int threads = 0;               // 0: as many as the process may use
  std::string isa;               // empty: the best this processor has
  std::string kv_type = "f16";   // f16, f32, int8
  int max_sessions = 1;
  std::vector<AdapterFile> adapters;
};

// --threads, --isa and --kv; with_context adds --ctx.
void add_engine_options(CLI::App* verb, EngineOptions* options, bool with_context);
// --lora FILE[=SCALE], which may be given several times.
void add_adapter_option(CLI::App* verb, EngineOptions* options);

struct LoadedModel {
  std::string name;              // as the user knows it
  library::Installed file;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<ReadingLine> reading;  // shown until finish(), at the latest before anything else goes to the terminal
  double load_ms = 0;
};

LoadOptions load_options(const EngineOptions& options, const std::string& path);
Result<LoadedModel> load_model(const EngineOptions& options, bool quiet);

}  // namespace hearth::cli
