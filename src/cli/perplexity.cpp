// hearth perplexity: how well a model foretells a text.
//
// Contract: windows of --ctx tokens that do not overlap, each with the model's start token in the place of its first token
// if the model wants one; the second half of each window is scored. That is the convention of llama.cpp, so figures compare.
// Not here: agreement with a float32 reference.
#include <cstdio>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "base/clock.h"
#include "base/units.h"
#include "base/utf8.h"
#include "cli/engine_options.h"
#include "cli/exit.h"
#include "cli/input.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "engine/prompt.h"
#include "kernels/ref/math.h"
#include "kernels/select.h"
#include "nlohmann/json.hpp"
#include "text/tokenizer.h"

namespace hearth::cli {
namespace {

constexpr int64_t kDefaultWindow = 512;
constexpr int64_t kMinWindow = 4;

struct PerplexityOptions {
  EngineOptions engine;
  std::string file;
  bool json = false, quiet = false;
};

struct Score {
  int64_t windows = 0, tokens = 0;
  double sum = 0, sum_of_squares = 0;  // of the negative log-likelihoods

  double mean() const { return sum / static_cast<double>(tokens); }
  double perplexity() const { return kernels::ref::exp64(mean()); }
  double standard_error() const {  // of the perplexity, by the delta method
    if (tokens < 2) return 0;
    const auto count = static_cast<double>(tokens);
    const double variance = (sum_of_squares / count - mean() * mean()) / (count - 1);
    return perplexity() * (variance > 0 ? __builtin_sqrt(variance) : 0);
  }
};

class Scorer {
 public:
  Scorer(const kernels::KernelTable& table, int64_t vocabulary)
      : table_(table), weights_(static_cast<size_t>(vocabulary)) {}

  void add(std::span<const float> logits, int32_t next, Score* score) {
    const auto count = static_cast<int64_t>(logits.size());
    const float maximum = table_.maximum(logits.data(), count);
    const float total = table_.exp_sum(logits.data(), maximum, 1.0f, count, weights_.data());
    const double loss = kernels::ref::log64(static_cast<double>(total)) -
                        static_cast<double>(logits[static_cast<size_t>(next)] - maximum);
    score->sum += loss;
    score->sum_of_squares += loss * loss;
    ++score->tokens;
  }

 private:
  const kernels::KernelTable& table_;
  std::vector<float> weights_;
};

Result<Score> score_text(const LoadedModel& model, Session& session, std::span<const int32_t> tokens, int64_t window,
                         bool quiet) {
  const Engine& engine = *model.engine;
  const text::Tokenizer& tokenizer = engine.tokenizer();
  Scorer scorer(*TRY(kernels::table_by_name(engine.info().isa)), engine.info().vocabulary);
  Score score;
  std::vector<int32_t> part(static_cast<size_t>(window));
  const int64_t windows = static_cast<int64_t>(tokens.size()) / window;
  const int64_t start = monotonic_ns();
  for (int64_t number = 0; number < windows; ++number) {
    if (interrupt_flag()->load()) return Error{ErrorCode::kCancelled, "interrupted"};
    const auto source = tokens.subspan(static_cast<size_t>(number * window), part.size());
    std::copy(source.begin(), source.end(), part.begin());
    if (tokenizer.adds_start() && tokenizer.start_id() >= 0) part[0] = tokenizer.start_id();
    if (session.size() > 0) TRY(session.rewind(0));
    // The first half is context only: no logits are needed there.
    const auto first_half = static_cast<size_t>(window / 2);
    TRY(session.append(std::span(part).first(first_half), 0, interrupt_flag()));
    TRY(session.append_all_logits(std::span(part).subspan(first_half),
                                  [&](int64_t index, std::span<const float> logits) {
                                    const size_t next = first_half + static_cast<size_t>(index) + 1;
                                    if (next < part.size()) scorer.add(logits, part[next], &score);
                                  }));
    ++score.windows;
    model.reading->finish();
    if (!quiet) {
      const double left = seconds_since(start) / static_cast<double>(number + 1) * static_cast<double>(windows - number - 1);
      std::fprintf(stderr, "%swindow %lld of %lld: perplexity %.4f, %s left%s", stderr_is_terminal() ? "\r" : "",
                   static_cast<long long>(number + 1), static_cast<long long>(windows), score.perplexity(),
                   format_duration(left).c_str(), stderr_is_terminal() ? "   " : "\n");
    }
  }
  if (!quiet && stderr_is_terminal()) std::fputs("\n", stderr);
  return score;
}

Result<void> perplexity(PerplexityOptions options) {
  catch_interrupts();
  if (options.engine.context == 0) options.engine.context = kDefaultWindow;
  const int64_t window = options.engine.context;
  if (window < kMinWindow) {
    return Error{ErrorCode::kInvalidArgument, "--ctx is " + std::to_string(window) + "; a window needs " +
                                                  std::to_string(kMinWindow) + " tokens or more"};
  }
  const LoadedModel model = TRY(load_model(options.engine, options.quiet));
  const std::string text = TRY(read_text_file(options.file));
  const std::vector<int32_t> tokens = text_prompt(*model.engine, text, /*parse_special=*/false);
  if (static_cast<int64_t>(tokens.size()) < window) {
    return Error{ErrorCode::kInvalidArgument,
                 printable(options.file) + " has " + std::to_string(tokens.size()) + " tokens, less than one window of " +
                     std::to_string(window) + ": give a longer text or a smaller window (--ctx)"};
  }
  const std::unique_ptr<Session> session = TRY(model.engine->new_session());
  const Score score = TRY(score_text(model, *session, tokens, window, options.quiet || options.json));
  if (options.json) {
    const nlohmann::ordered_json object = {{"model", model.name},
                                           {"perplexity", score.perplexity()},
                                           {"standard_error", score.standard_error()},
                                           {"mean_negative_log_likelihood", score.mean()},
                                           {"tokens_scored", score.tokens},
                                           {"windows", score.windows},
                                           {"context", window}};
    std::printf("%s\n", object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
  } else {
    std::printf("perplexity %.4f +- %.4f (%lld tokens scored in %lld windows of %lld)\n", score.perplexity(),
                score.standard_error(), static_cast<long long>(score.tokens), static_cast<long long>(score.windows),
                static_cast<long long>(window));
  }
  return {};
}

}  // namespace

void add_perplexity(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<PerplexityOptions>();
  CLI::App* verb = app.add_subcommand("perplexity", "Measure how well a model foretells a text");
  verb->add_option("MODEL", options->engine.model, "A name from 'hearth list' or a .gguf file")->required()->type_name("");
  verb->add_option("FILE", options->file, "A text file")->required()->type_name("");
  add_engine_options(verb, &options->engine, /*with_context=*/true);
  add_adapter_option(verb, &options->engine);
  verb->add_flag("--json", options->json, "Print a JSON object");
  verb->add_flag("-q,--quiet", options->quiet, "No progress");
  verb->footer(
      "The text is cut into windows of --ctx tokens (default 512); the second half of each window is scored and what is\n"
      "left over at the end is not used. Lower is better; compare only figures of the same text, window and vocabulary.\n\n"
      "Examples:\n"
      "  hearth perplexity smollm2:135m wiki.test.txt\n"
      "  hearth perplexity qwen2.5-coder:0.5b main.py --ctx 1024 --json");
  verb->callback([options, exit_code] {
    const Result<void> done = perplexity(*options);
    *exit_code = done.ok() ? kExitDone : report(done.error());
  });
}

}  // namespace hearth::cli
