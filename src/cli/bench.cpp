// hearth bench: how fast a model runs on this machine.
//
// Contract: medians over repeated runs on tokens that do not depend on anything but the vocabulary's size. --json has the
// keys prefill, decode, load_ms, first_token_ms and anonymous_mb, and nothing else.
// Not here: comparing with other programs.
#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "base/clock.h"
#include "base/units.h"
#include "base/utf8.h"
#include "cli/engine_options.h"
#include "cli/exit.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "kernels/select.h"
#include "nlohmann/json.hpp"
#include "text/sampler.h"

namespace hearth::cli {
namespace {

constexpr int64_t kPromptTokens = 16;  // before the first token and before each decode run
constexpr int kMinRuns = 3, kMaxRuns = 20;
constexpr double kEnoughSeconds = 1.5;
constexpr int64_t kMaxTokens = int64_t{1} << 20, kMaxStreams = 256;

// When this process began: now, less the processor time it took to get here (exec and dynamic linking).
int64_t process_start_ns() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return monotonic_ns() - (static_cast<int64_t>(used.tv_sec) * 1'000'000'000 + used.tv_nsec);
}
const int64_t kProcessStart = process_start_ns();

struct BenchOptions {
  EngineOptions engine;
  std::vector<int64_t> prefill = {512};
  int64_t decode = 64;
  std::vector<int64_t> streams = {1};
  bool json = false;
};

struct BenchResult {
  std::vector<std::pair<int64_t, double>> prefill, decode;  // tokens or streams -> tokens per second
  double load_ms = 0, first_token_ms = 0, anonymous_mb = 0;
};

std::vector<int32_t> bench_tokens(int64_t count, int64_t vocabulary) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  uint64_t state = 1;
  for (int32_t& token : tokens) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    token = static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(vocabulary));
  }
  return tokens;
}

double anonymous_megabytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("RssAnon:")) continue;
    const size_t digits = line.find_first_of("0123456789");
    int64_t kibibytes = 0;
    if (digits != std::string::npos) std::from_chars(line.data() + digits, line.data() + line.size(), kibibytes);
    return static_cast<double>(kibibytes) * 1024 / 1e6;
  }
  return 0;
}

// The median rate of runs of `run`, which returns the seconds of one run over `tokens` tokens.
template <class Run>
Result<double> median_rate(int64_t tokens, const Run& run) {
  std::vector<double> seconds;
  double together = 0;
  while (seconds.size() < kMinRuns || (together < kEnoughSeconds && seconds.size() < kMaxRuns)) {
    if (interrupt_flag()->load()) return Error{ErrorCode::kCancelled, "interrupted"};
    seconds.push_back(TRY(run()));
    together += seconds.back();
  }
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<int64_t>(seconds.size() / 2), seconds.end());
  return static_cast<double>(tokens) / seconds[seconds.size() / 2];
}

Result<double> bench_prefill(Session& session, std::span<const int32_t> tokens) {
  return median_rate(static_cast<int64_t>(tokens.size()), [&]() -> Result<double> {
    TRY(session.rewind(0));
    const int64_t start = monotonic_ns();
    TRY(session.append(tokens, 0, interrupt_flag()));
    return seconds_since(start);
  });
}

Result<double> bench_decode(const Engine& engine, std::vector<std::unique_ptr<Session>>& sessions, int64_t streams,
                            std::span<const int32_t> prompt, std::span<const int32_t> tokens) {
  return median_rate(streams * static_cast<int64_t>(tokens.size()), [&]() -> Result<double> {
    for (int64_t i = 0; i < streams; ++i) {
      Session& session = *sessions[static_cast<size_t>(i)];
      TRY(session.rewind(0));
      TRY(session.append(prompt));
    }
    std::vector<Engine::StepItem> items;
    const int64_t start = monotonic_ns();
    for (const int32_t& token : tokens) {
      items.clear();
      for (int64_t i = 0; i < streams; ++i) items.push_back({sessions[static_cast<size_t>(i)].get(), std::span(&token, 1)});
      TRY(engine.step(items));
    }
    return seconds_since(start);
  });
}

Result<BenchResult> bench(BenchOptions options, std::string* description) {
  const int64_t most_streams = *std::max_element(options.streams.begin(), options.streams.end());
  const int64_t longest = *std::max_element(options.prefill.begin(), options.prefill.end());
  options.engine.context = std::max({longest, kPromptTokens + options.decode, kPromptTokens + 1});
  options.engine.max_sessions = static_cast<int>(most_streams);
  const LoadedModel model = TRY(load_model(options.engine, options.json));
  const Engine& engine = *model.engine;
  const int64_t vocabulary = engine.info().vocabulary;
  const std::vector<int32_t> prompt = bench_tokens(kPromptTokens, vocabulary);

  BenchResult result;
  result.load_ms = model.load_ms;
  std::vector<std::unique_ptr<Session>> sessions;
  sessions.push_back(TRY(engine.new_session()));
  TRY(sessions[0]->append(prompt));
  const auto sampler = TRY(text::Sampler::create({}, static_cast<int32_t>(vocabulary),
                                                 *TRY(kernels::table_by_name(engine.info().isa))));
  sampler->sample(sessions[0]->logits(), sessions[0]->tokens());
  result.first_token_ms = seconds_since(kProcessStart) * 1e3;

  *description = model.name + ", " + engine.info().quantisation + ", " + std::to_string(engine.info().threads) +
                 " threads, " + engine.info().isa;
  for (const int64_t count : options.prefill) {
    result.prefill.emplace_back(count, TRY(bench_prefill(*sessions[0], bench_tokens(count, vocabulary))));
  }
  const std::vector<int32_t> decoded = bench_tokens(options.decode, vocabulary);
  while (static_cast<int64_t>(sessions.size()) < most_streams) sessions.push_back(TRY(engine.new_session()));
  for (const int64_t streams : options.streams) {
    result.decode.emplace_back(streams, TRY(bench_decode(engine, sessions, streams, prompt, decoded)));
  }
  result.anonymous_mb = anonymous_megabytes();
  return result;
}

void print_json(const BenchResult& result) {
  nlohmann::ordered_json prefill = nlohmann::ordered_json::object(), decode = nlohmann::ordered_json::object();
  for (const auto& [tokens, rate] : result.prefill) prefill[std::to_string(tokens)] = rate;
  for (const auto& [streams, rate] : result.decode) decode[std::to_string(streams)] = rate;
  const nlohmann::ordered_json object = {{"prefill", prefill},
                                         {"decode", decode},
                                         {"load_ms", result.load_ms},
                                         {"first_token_ms", result.first_token_ms},
                                         {"anonymous_mb", result.anonymous_mb}};
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
  fields.emplace_back("load", number(result.load_ms, "ms"));
  fields.emplace_back("start to first token", number(result.first_token_ms, "ms"));
  fields.emplace_back("anonymous memory", number(result.anonymous_mb, "MB"));
  std::printf("%s\n%s", printable(description).c_str(), format_fields(fields).c_str());
}

int run_bench(const BenchOptions& options) {
  catch_interrupts();
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

}  // namespace

void add_bench(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App* verb = app.add_subcommand("bench", "Measure a model's speed on this machine");
  verb->add_option("MODEL", options->engine.model, "A name from 'hearth list' or a .gguf file")->required()->type_name("");
  verb->add_option("--prefill", options->prefill, "Prompt lengths in tokens (default 512)")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, kMaxTokens))
      ->type_name("N,N...");
  verb->add_option("--decode", options->decode, "Tokens decoded per stream (default 64)")
      ->check(CLI::Range(int64_t{1}, kMaxTokens))
      ->type_name("N");
  verb->add_option("--streams", options->streams, "Answers decoded at once (default 1)")
      ->delimiter(',')
      ->check(CLI::Range(int64_t{1}, kMaxStreams))
      ->type_name("N,N...");
  add_engine_options(verb, &options->engine, /*with_context=*/false);
  verb->add_flag("--json", options->json, "Print a JSON object");
  verb->footer(
      "Decode rates are the total over the streams. Each figure is the median of at least three runs.\n\n"
      "Examples:\n"
      "  hearth bench smollm2:135m\n"
      "  hearth bench qwen2.5-coder:1.5b --prefill 32,512 --decode 64 --streams 1,4 --threads 2 --json");
  verb->callback([options, exit_code] { *exit_code = run_bench(*options); });
}

}  // namespace hearth::cli
