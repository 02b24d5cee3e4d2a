// Contract and exclusions: cli/draft_options.h.
#include "cli/draft_options.h"

#include "CLI/CLI.hpp"
#include "engine/speculation/suffix_drafter.h"

namespace hearth::cli {

void add_draft_options(CLI::App* verb, DraftOptions* options) {
  verb->add_option("--draft", options->draft,
                   "Guess ahead from what the text repeats (auto) or not (off). Changes the speed, never the answer")
      ->type_name("auto|off");
  verb->add_option("--draft-depth", options->depth, "Most tokens guessed in one step; 0: as many as pay (default)")
      ->check(CLI::Range(0, Speculator::kMaxDepth))
      ->type_name("N");
}

Result<Drafting> make_drafting(const DraftOptions& options, const EngineOptions&, const Engine&, bool) {
  Drafting drafting;
  if (options.draft == "off") return drafting;
  if (options.draft != "auto") return Error{ErrorCode::kInvalidArgument, "--draft is auto or off"};
  std::vector<std::unique_ptr<Drafter>> drafters;
  drafters.push_back(std::make_unique<SuffixDrafter>());
  Speculator::Options speculation;
  if (options.depth > 0) speculation.max_depth = options.depth;
  drafting.speculator = std::make_unique<Speculator>(std::move(drafters), speculation);
  return drafting;
}

}  // namespace hearth::cli
