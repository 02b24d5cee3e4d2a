// Contract and exclusions: cli/engine_options.h.
#include "cli/engine_options.h"

#include <cmath>
#include <cstdlib>

#include "CLI/CLI.hpp"
#include "base/clock.h"
#include "base/utf8.h"
#include "cli/models.h"

namespace hearth::cli {

namespace {

constexpr int64_t kMaxContext = int64_t{1} << 31;
constexpr int kMaxThreads = 4096;

// "a.gguf", "a.gguf=0.5"; a name may have signs like that itself.
AdapterFile adapter_named(const std::string& text) {
  const size_t sign = text.rfind('=');
  if (sign == std::string::npos || sign + 1 == text.size()) return {text, 1.0f};
  const std::string number = text.substr(sign + 1);
  char* end = nullptr;
  const float scale = std::strtof(number.c_str(), &end);
  const bool is_number = *end == '\0' && number.find_first_not_of("0123456789.+-eE") == std::string::npos;
  if (!is_number) return {text, 1.0f};
  if (!std::isfinite(scale)) throw CLI::ValidationError("--lora", "the scale " + number + " is too large");
  return {text.substr(0, sign), scale};
}

}  // namespace

void add_adapter_option(CLI::App* verb, EngineOptions* options) {
  verb->add_option_function<std::vector<std::string>>(
          "--lora",
          [options](const std::vector<std::string>& values) {
            options->adapters.clear();
            for (const std::string& value : values) options->adapters.push_back(adapter_named(value));
          },
          "An adapter (LoRA, .gguf) and how strong it is (default 1); may be given several times")
      ->expected(1)
      ->take_all()
      ->type_name("FILE[=SCALE]");
}

void add_engine_options(CLI::App* verb, EngineOptions* options, bool with_context) {
  if (with_context) {
    verb->add_option("--ctx", options->context, "Context in tokens; 0: the model's own, as far as memory reaches")
        ->check(CLI::Range(int64_t{0}, kMaxContext))
        ->type_name("N");
  }
  verb->add_option_function<std::string>(
          "--kv", [options](const std::string& type) { options->kv_type = type == "q8" || type == "q8_0" ? "int8" : type; },
          "Number format of the context memory: f16, f32, or int8 (also q8, q8_0), which takes about half of f16's")
      ->check(CLI::IsMember({"f16", "f32", "int8", "q8", "q8_0"}))
      ->type_name("TYPE");
  verb->add_option("--threads", options->threads, "Threads; 0: as many as this process may use")
      ->check(CLI::Range(0, kMaxThreads))
      ->type_name("N");
  verb->add_option("--isa", options->isa, "Kernels: ref, avx2, avxvnni or avx512 (same bits); default: the fastest that runs here")
      ->type_name("NAME");
}

LoadOptions load_options(const EngineOptions& options, const std::string& path) {
  LoadOptions load;
  load.path = path;
  load.threads = options.threads;
  load.context = options.context;
  load.isa = options.isa;
  load.kv_type = options.kv_type;
  load.max_sessions = options.max_sessions;
  load.adapters = options.adapters;
  return load;
}

Result<LoadedModel> load_model(const EngineOptions& options, bool quiet) {
  const library::Library models = TRY(library::Library::open());
  LoadedModel loaded;
  loaded.file = TRY(find_or_pull(models, options.model, quiet));
  loaded.name = !loaded.file.name.empty() ? loaded.file.name : options.model;
  const int64_t start = monotonic_ns();
  loaded.engine = TRY(Engine::load(load_options(options, loaded.file.path)));
  loaded.load_ms = seconds_since(start) * 1e3;
  loaded.reading = std::make_unique<ReadingLine>(*loaded.engine, printable(loaded.name), quiet);
  return loaded;
}

}  // namespace hearth::cli
