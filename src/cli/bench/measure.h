// What `hearth bench` measures, and the runs that measure it on a loaded model.
//
// Contract: rates are tokens per second, each the median of at least `runs` runs on tokens that depend on nothing but the
// vocabulary's size. What takes long says on stderr how far it is, if that is a terminal. Ctrl-C ends with kCancelled.
// A further kind of run is a file of its own that takes what it needs from here (repeated_seconds, bench_tokens).
// Not here: loading the model, printing (cli/bench.cpp).
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "cli/bench/process_memory.h"
#include "hearth/engine.h"

namespace hearth::cli {

constexpr int64_t kBenchPromptTokens = 16;  // before the first token and before each decode run of several streams

struct BenchPlan {
  std::vector<int64_t> prefill = {512};  // tokens
  int64_t decode = 64;                   // tokens per stream
  std::vector<int64_t> streams = {1};
  std::vector<int64_t> depth;            // positions already in the context when decoding starts
  int runs = 3;

  int64_t most_streams() const;
  int64_t context() const;  // positions that a session needs for all of it
};

struct BenchResult {
  using Rates = std::vector<std::pair<int64_t, double>>;
  Rates prefill;       // prompt tokens -> tokens per second
  Rates decode;        // streams -> tokens per second of all together
  Rates decode_depth;  // positions -> tokens per second of one stream
  double load_ms = 0, first_token_ms = 0;
  ProcessMemory memory;
};

// Token ids as good as random ones, the same for every model of that vocabulary.
std::vector<int32_t> bench_tokens(int64_t count, int64_t vocabulary);

// The median time of repeated runs of `run`, which returns the seconds it took: at least `runs`, more if they are short.
Result<double> repeated_seconds(int runs, const std::function<Result<double>()>& run);

// A prompt of kBenchPromptTokens in a fresh session and a greedy choice after it: what has to happen for a first token.
Result<void> bench_first_token(const Engine& engine);
// Fills in the three rates.
Result<void> bench_rates(const Engine& engine, const BenchPlan& plan, BenchResult* result);

}  // namespace hearth::cli
