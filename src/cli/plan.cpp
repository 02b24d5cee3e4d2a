// hearth plan: where a model's memory would go, before anything is loaded.
//
// Contract: reads the file's header only. A table for people, one JSON object with --json.
// Not here: the arithmetic (engine/memory, model/placement).
#include <cstdio>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "base/units.h"
#include "base/utf8.h"
#include "cli/engine_options.h"
#include "cli/exit.h"
#include "cli/models.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "nlohmann/json.hpp"

namespace hearth::cli {
namespace {

struct PlanOptions {
  EngineOptions engine;
  bool json = false;
};

int64_t total_bytes(const MemoryPlan& plan) {
  return plan.weights_bytes + plan.kv_bytes + plan.scratch_bytes + plan.tables_bytes + plan.adapter_bytes;
}

void print_json(const std::string& name, const MemoryPlan& plan) {
  nlohmann::ordered_json parts = nlohmann::ordered_json::array();
  for (const MemoryPlan::Part& part : plan.parts) {
    parts.push_back({{"layers", part.layers}, {"part", part.part}, {"device", part.device}, {"bytes", part.bytes}});
  }
  const nlohmann::ordered_json object = {{"model", name},
                                         {"context", plan.context},
                                         {"weights_bytes", plan.weights_bytes},
                                         {"kv_bytes", plan.kv_bytes},
                                         {"scratch_bytes", plan.scratch_bytes},
                                         {"tables_bytes", plan.tables_bytes},
                                         {"adapter_bytes", plan.adapter_bytes},
                                         {"total_bytes", total_bytes(plan)},
                                         {"available_bytes", plan.available_bytes},
                                         {"parts", parts}};
  std::printf("%s\n", object.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

std::string bytes(int64_t count) { return format_bytes(static_cast<uint64_t>(count < 0 ? 0 : count)); }

void print_table(const std::string& name, const MemoryPlan& plan) {
  std::printf("%s with a context of %lld tokens\n\n", printable(name).c_str(), static_cast<long long>(plan.context));
  std::fputs(format_fields({{"weights", bytes(plan.weights_bytes) + "  (mapped from the file; the system may take it back)"},
                            {"context", bytes(plan.kv_bytes) + "  (keys and values)"},
                            {"scratch", bytes(plan.scratch_bytes)},
                            {"tables", bytes(plan.tables_bytes)},
                            {"adapters", bytes(plan.adapter_bytes)},
                            {"together", bytes(total_bytes(plan))},
                            {"available", bytes(plan.available_bytes)}})
                 .c_str(),
             stdout);
  if (!plan.parts.empty()) {
    std::vector<std::vector<std::string>> rows = {{"LAYERS", "PART", "WHERE", "SIZE"}};
    for (const MemoryPlan::Part& part : plan.parts) {
      rows.push_back({part.layers, part.part, part.device, bytes(part.bytes)});
    }
    std::printf("\n%s", format_table(rows).c_str());
  }
}

Result<void> plan(const PlanOptions& options) {
  const library::Library models = TRY(library::Library::open());
  const library::Installed file = TRY(find_or_pull(models, options.engine.model, options.json));
  const MemoryPlan memory = TRY(Engine::plan(load_options(options.engine, file.path)));
  const std::string name = file.name.empty() ? file.path : file.name;
  if (options.json) {
    print_json(name, memory);
  } else {
    print_table(name, memory);
  }
  return {};
}

}  // namespace

void add_plan(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<PlanOptions>();
  CLI::App* verb = app.add_subcommand("plan", "Show what memory a model would take, without loading it");
  verb->add_option("MODEL", options->engine.model, "A name from 'hearth list' or a .gguf file")->type_name("");
  add_engine_options(verb, &options->engine, /*with_context=*/true);
  add_adapter_option(verb, &options->engine);
  verb->add_flag("--json", options->json, "Print a JSON object");
  verb->footer(
      "Examples:\n"
      "  hearth plan qwen2.5-coder:1.5b\n"
      "  hearth plan qwen2.5-coder:1.5b --lora adapter.gguf\n"
      "  hearth plan qwen2.5-coder:1.5b --ctx 32768 --json");
  verb->callback([options, exit_code] {
    const Result<void> done = plan(*options);
    *exit_code = done.ok() ? kExitDone : report(done.error());
  });
}

}  // namespace hearth::cli
