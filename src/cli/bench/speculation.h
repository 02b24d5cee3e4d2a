// hearth bench --speculation: how much faster answers are with guessing ahead, on a text that repeats code and on prose.
//
// Contract: greedy answers with and without, in turn, so that other work on the machine hits both; they must be the same.
// Prints a table or, with `json`, {"copy": {...}, "prose": {...}}.
// Not here: other figures (cli/bench/measure.h).
#pragma once

#include "cli/draft_options.h"
#include "cli/engine_options.h"

namespace hearth::cli {

// Returns the exit code.
int bench_speculation(const EngineOptions& engine, const DraftOptions& draft, int runs, bool json);

}  // namespace hearth::cli
