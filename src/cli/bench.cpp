// hearth bench: how fast a model runs on this machine.
//
// Contract: options in, a table or JSON out. --json has the keys prefill, decode, load_ms, first_token_ms, anonymous_mb,
// file_mb and peak_mb, and decode_depth if --depth was given.
// Not here: the runs (cli/bench/measure.h), comparing with other programs.
#include <time.h>

#include <cstdio>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "base/clock.h"
#include "base/utf8.h"
#include "cli/bench/measure.h"
#include "cli/bench/speculation.h"
#include "cli/engine_options.h"
#include "cli/exit.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "nlohmann/json.hpp"

namespace hearth::cli {
namespace {

constexpr int64_t kMaxPlannedTokens = int64_t{1} << 20, kMaxStreams = 256;
constexpr int kMaxRequestedRuns = 1000;

// When this process began: now, less the processor time it took to get here (exec and dynamic linking).
int64_t process_start_ns() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return monotonic_ns() - (static_cast<int64_t>(used.tv_sec) * 1'000'000'000 + used.tv_nsec);
}
const int64_t kProcessStart = process_start_ns();

struct BenchOptions {
  EngineOptions engine;
  BenchPlan plan;
  DraftOptions draft;
  bool start_only = false;
  bool speculation = false;
  bool json = false;
};

Result<BenchResult> bench(BenchOptions options, std::string* description) {
  options.engine.context = options.plan.context();
  options.engine.max_sessions = static_cast<int>(options.plan.most_streams());
  const LoadedModel model = TRY(load_model(options.engine, options.json));
  const ModelInfo& info = model.engine->info();
  *description = model.name + ", " + info.quantisation + ", " + std::to_string(info.threads) + " threads, " + info.isa;

  BenchResult result;
  result.load_ms = model.load_ms;
  TRY(bench_first_token(*model.engine));
  result.first_token_ms = seconds_since(kProcessStart) * 1e3;
  model.reading->finish();
  TRY(bench_rates(*model.engine, options.plan, &result));
  result.memory = process_memory();
  return result;
}

nlohmann::ordered_json rates_object(const BenchResult::Rates& rates) {
  nlohmann::ordered_json object = nlohmann::ordered_json::object();
  for (const auto& [count, rate] : rates) object[std::to_string(count)] = rate;
  return object;
}

void print_json(const BenchResult& result) {
  nlohmann::ordered_json object = {{"prefill", rates_object(result.prefill)}, {"decode", rates_object(result.decode)}};
  if (!result.decode_depth.empty()) object["decode_depth"] = rates_object(result.decode_depth);
  object["load_ms"] = result.load_ms;
  object["first_token_ms"] = result.first_token_ms;
  object["anonymous_mb"] = result.memory.anonymous_mb;
  object["file_mb"] = result.memory.file_mb;
  object["peak_mb"] = result.memory.peak_mb;
  std::printf("%s\n", object.dump().c_str());
}

std::string number(double value, const char* unit) {
  char text[64];
  std::snprintf(text, sizeof text, "%.1f %s", value, unit);
  return text;
}

void print_table(const BenchResult& result, const std::string& description) {
  std::vector<std::pair<std::string, std::string>> fields;
  for (const auto& [tokens, rate] : result.prefill) {
    fields.emplace_back("prefill, " + std::to_string(tokens) + " tokens", number(rate, "tokens/s"));
  }
  for (const auto& [streams, rate] : result.decode) {
    fields.emplace_back("decode, " + std::to_string(streams) + (streams == 1 ? " stream" : " streams together"),
                        number(rate, "tokens/s"));
  }
  for (const auto& [depth, rate] : result.decode_depth) {
    fields.emplace_back("decode, after " + std::to_string(depth) + " tokens", number(rate, "tokens/s"));
  }
  fields.emplace_back("load", number(result.load_ms, "ms"));
  fields.emplace_back("start to first token", number(result.first_token_ms, "ms"));
  fields.emplace_back("anonymous memory", number(result.memory.anonymous_mb, "MB"));
  fields.emplace_back("file pages in memory", number(result.memory.file_mb, "MB"));
  fields.emplace_back("peak memory, both", number(result.memory.peak_mb, "MB"));
  std::printf("%s\n%s", printable(description).c_str(), format_fields(fields).c_str());
}

int run_bench(BenchOptions options) {
  catch_interrupts();
  if (options.speculation) return bench_speculation(options.engine, options.draft, options.plan.runs, options.json);
  if (options.start_only) {
    options.plan.prefill.clear();
    options.plan.depth.clear();
    options.plan.decode = 0;
  }
  std::string description;
  const Result<BenchResult> result = bench(options, &description);
  if (!result.ok()) return report(result.error());
  if (options.json) {
    print_json(*result);
  } else {
    print_table(*result, description);
  }
  return kExitDone;
}

void add_counts(CLI::App* verb, const char* name, std::vector<int64_t>* counts, int64_t least, int64_t most, const char* help) {
  verb->add_option(name, *counts, help)->delimiter(',')->check(CLI::Range(least, most))->type_name("N,N...");
}

}  // namespace

void add_bench(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<BenchOptions>();
  BenchPlan* plan = &options->plan;
  CLI::App* verb = app.add_subcommand("bench", "Measure a model's speed on this machine");
  verb->add_option("MODEL", options->engine.model, "A name from 'hearth list' or a .gguf file")->required()->type_name("");
  add_counts(verb, "--prefill", &plan->prefill, 1, kMaxPlannedTokens, "Prompt lengths in tokens (default 512)");
  verb->add_option("--decode", plan->decode, "Tokens decoded per stream (default 64)")
      ->check(CLI::Range(int64_t{1}, kMaxPlannedTokens))
      ->type_name("N");
  add_counts(verb, "--streams", &plan->streams, 1, kMaxStreams, "Answers decoded at once (default 1)");
  add_counts(verb, "--depth", &plan->depth, 0, kMaxPlannedTokens, "Also decode one stream after so many tokens (default: none)");
  verb->add_option("--runs", plan->runs, "Runs of each figure at least; short ones are repeated more often (default 3)")
      ->check(CLI::Range(1, kMaxRequestedRuns))
      ->type_name("N");
  verb->add_flag("--start-only", options->start_only, "Only load the model and produce a first token");
  verb->add_flag("--speculation", options->speculation, "Only answers with and without guessing ahead, on repeated code and on prose");
  add_draft_options(verb, &options->draft);
  add_engine_options(verb, &options->engine, /*with_context=*/false);
  verb->add_flag("--json", options->json, "Print a JSON object");
  verb->footer(
      "Decode rates are the total over the streams. Each figure is the median of its runs.\n\n"
      "Examples:\n"
      "  hearth bench smollm2:135m\n"
      "  hearth bench smollm2:135m --prefill 1,16,512 --depth 0,4096\n"
      "  hearth bench qwen2.5-coder:1.5b --prefill 32,512 --decode 64 --streams 1,4 --threads 2 --json\n"
      "  hearth bench qwen2.5-coder:1.5b --speculation --draft qwen2.5-coder:0.5b");
  verb->callback([options, exit_code] { *exit_code = run_bench(*options); });
}

}  // namespace hearth::cli
