// Contract and exclusions: cli/draft_options.h.
#include "cli/draft_options.h"

#include "CLI/CLI.hpp"
#include "engine/speculation/model_drafter.h"
#include "engine/speculation/suffix_drafter.h"

namespace hearth::cli {

void add_draft_options(CLI::App* verb, DraftOptions* options) {
  verb->add_option("--draft", options->draft,
                   "Guess ahead: auto (from what the text repeats), off, or a smaller model of the same vocabulary that guesses, "
                   "too. Changes the speed, never the answer")
      ->type_name("auto|off|MODEL");
  verb->add_option("--draft-depth", options->depth, "Most tokens guessed in one step; 0: as many as pay (default)")
      ->check(CLI::Range(0, Speculator::kMaxDepth))
      ->type_name("N");
}

Result<Drafting> make_drafting(const DraftOptions& options, const EngineOptions& engine, const Engine& target, bool quiet) {
  Drafting drafting;
  if (options.draft == "off") return drafting;
  std::vector<std::unique_ptr<Drafter>> drafters;
  drafters.push_back(std::make_unique<SuffixDrafter>());
  if (options.draft != "auto") {
    EngineOptions smaller = engine;
    smaller.model = options.draft;
    smaller.context = 0;
    smaller.max_sessions = 1;
    smaller.adapters.clear();
    drafting.model = TRY(load_model(smaller, quiet));
    drafting.model.reading->finish();
    drafters.push_back(TRY(ModelDrafter::create(*drafting.model.engine, target)));
  }
  Speculator::Options speculation;
  if (options.depth > 0) speculation.max_depth = options.depth;
  drafting.speculator = std::make_unique<Speculator>(std::move(drafters), speculation);
  return drafting;
}

}  // namespace hearth::cli
