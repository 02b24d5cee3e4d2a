// How a verb guesses ahead while it answers (--draft, --draft-depth), and what it needs for that.
//
// Contract: whatever is chosen, answers are the same; only their speed differs. A draft model must have the vocabulary of
// the model that it guesses for.
// Not here: when guesses are tried (engine/speculation/).
#pragma once

#include <memory>
#include <string>

#include "cli/engine_options.h"
#include "engine/speculation/speculator.h"
#include "hearth/error.h"

namespace CLI {
class App;
}  // namespace CLI

namespace hearth::cli {

struct DraftOptions {
  std::string draft = "auto";  // "auto": what the text repeats; "off"; else a model that guesses, too
  int depth = 0;               // most guesses per step; 0: the speculator's choice
};

void add_draft_options(CLI::App* verb, DraftOptions* options);

struct Drafting {
  LoadedModel model;                       // the draft model, if there is one; dies last
  std::unique_ptr<Speculator> speculator;  // null: off
};

// For sessions of `target`, which was loaded with `engine`.
Result<Drafting> make_drafting(const DraftOptions& options, const EngineOptions& engine, const Engine& target, bool quiet);

}  // namespace hearth::cli
