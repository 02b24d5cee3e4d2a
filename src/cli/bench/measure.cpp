// Contract and exclusions: cli/bench/measure.h.
#include "cli/bench/measure.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include "base/clock.h"
#include "cli/exit.h"
#include "cli/terminal.h"
#include "kernels/select.h"
#include "text/sampler.h"

namespace hearth::cli {
namespace {

constexpr int kMaxRuns = 20;
constexpr double kEnoughSeconds = 1.5;
constexpr int64_t kFillTokens = 512;  // between two looks at Ctrl-C and the progress line

int64_t largest(const std::vector<int64_t>& values) {
  return values.empty() ? 0 : *std::max_element(values.begin(), values.end());
}

// One line on a terminal that is redrawn and gone when done; nothing elsewhere.
class ProgressLine {
 public:
  void show(const std::string& text) {
    if (!terminal_) return;
    std::fprintf(stderr, "\r\033[K%s", text.c_str());
    std::fflush(stderr);
    shown_ = true;
  }
  ~ProgressLine() {
    if (shown_) std::fprintf(stderr, "\r\033[K");
  }

 private:
  const bool terminal_ = stderr_is_terminal();
  bool shown_ = false;
};

Result<double> prefill_rate(Session& session, std::span<const int32_t> tokens, int runs) {
  const double seconds = TRY(repeated_seconds(runs, [&]() -> Result<double> {
    TRY(session.rewind(0));
    const int64_t start = monotonic_ns();
    TRY(session.append(tokens, 0, interrupt_flag()));
    return seconds_since(start);
  }));
  return static_cast<double>(tokens.size()) / seconds;
}

// One token at a time for each of `sessions`, all in one step.
Result<double> decode_seconds(const Engine& engine, std::span<const std::unique_ptr<Session>> sessions,
                              std::span<const int32_t> tokens) {
  std::vector<Engine::StepItem> items;
  const int64_t start = monotonic_ns();
  for (const int32_t& token : tokens) {
    items.clear();
    for (const auto& session : sessions) items.push_back({session.get(), std::span(&token, 1)});
    TRY(engine.step(items));
  }
  return seconds_since(start);
}

Result<double> streams_rate(const Engine& engine, std::span<const std::unique_ptr<Session>> sessions,
                            std::span<const int32_t> prompt, std::span<const int32_t> tokens, int runs) {
  const double seconds = TRY(repeated_seconds(runs, [&]() -> Result<double> {
    for (const auto& session : sessions) {
      TRY(session->rewind(0));
      TRY(session->append(prompt));
    }
    return decode_seconds(engine, sessions, tokens);
  }));
  return static_cast<double>(tokens.size() * sessions.size()) / seconds;
}

Result<void> fill(Session& session, std::span<const int32_t> tokens) {
  ProgressLine progress;
  while (session.size() < static_cast<int64_t>(tokens.size())) {
    const auto rest = tokens.subspan(static_cast<size_t>(session.size()));
    TRY(session.append(rest.first(std::min<size_t>(rest.size(), kFillTokens)), 0, interrupt_flag()));
    progress.show("filling the context: " + std::to_string(session.size()) + " of " + std::to_string(tokens.size()) +
                  " positions");
  }
  return {};
}

// The depths in ascending order, so that each only adds to the context of the one before.
Result<BenchResult::Rates> depth_rates(const Engine& engine, std::span<const std::unique_ptr<Session>> sessions,
                                       const BenchPlan& plan) {
  std::vector<int64_t> depths = plan.depth;
  std::sort(depths.begin(), depths.end());
  const std::vector<int32_t> context = bench_tokens(largest(depths), engine.info().vocabulary);
  const std::vector<int32_t> decoded = bench_tokens(plan.decode, engine.info().vocabulary);
  Session& session = *sessions[0];
  TRY(session.rewind(0));
  BenchResult::Rates rates;
  for (const int64_t depth : depths) {
    TRY(fill(session, std::span(context).first(static_cast<size_t>(depth))));
    const double seconds = TRY(repeated_seconds(plan.runs, [&]() -> Result<double> {
      TRY(session.rewind(depth));
      return decode_seconds(engine, sessions.first(1), decoded);
    }));
    TRY(session.rewind(depth));
    rates.emplace_back(depth, static_cast<double>(plan.decode) / seconds);
  }
  return rates;
}

}  // namespace

int64_t BenchPlan::most_streams() const { return std::max<int64_t>(1, decode > 0 ? largest(streams) : 1); }

int64_t BenchPlan::context() const {
  const int64_t decoding = decode > 0 ? std::max(kBenchPromptTokens, largest(depth)) + decode : 0;
  return std::max({largest(prefill), decoding, kBenchPromptTokens + 1});
}

std::vector<int32_t> bench_tokens(int64_t count, int64_t vocabulary) {
  std::vector<int32_t> tokens(static_cast<size_t>(count));
  uint64_t state = 1;
  for (int32_t& token : tokens) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    token = static_cast<int32_t>((state >> 33) % static_cast<uint64_t>(vocabulary));
  }
  return tokens;
}

Result<double> repeated_seconds(int runs, const std::function<Result<double>()>& run) {
  std::vector<double> seconds;
  double together = 0;
  while (static_cast<int>(seconds.size()) < runs || (together < kEnoughSeconds && seconds.size() < kMaxRuns)) {
    if (interrupt_flag()->load()) return Error{ErrorCode::kCancelled, "interrupted"};
    seconds.push_back(TRY(run()));
    together += seconds.back();
  }
  std::nth_element(seconds.begin(), seconds.begin() + static_cast<int64_t>(seconds.size() / 2), seconds.end());
  return seconds[seconds.size() / 2];
}

Result<void> bench_first_token(const Engine& engine) {
  const int64_t vocabulary = engine.info().vocabulary;
  const auto session = TRY(engine.new_session());
  TRY(session->append(bench_tokens(kBenchPromptTokens, vocabulary)));
  const auto sampler = TRY(text::Sampler::create({}, static_cast<int32_t>(vocabulary),
                                                 *TRY(kernels::table_by_name(engine.info().isa))));
  sampler->sample(session->logits(), session->tokens());
  return {};
}

Result<void> bench_rates(const Engine& engine, const BenchPlan& plan, BenchResult* result) {
  const int64_t vocabulary = engine.info().vocabulary;
  std::vector<std::unique_ptr<Session>> sessions;
  while (static_cast<int64_t>(sessions.size()) < plan.most_streams()) sessions.push_back(TRY(engine.new_session()));
  ProgressLine progress;
  for (const int64_t count : plan.prefill) {
    progress.show("prefill, " + std::to_string(count) + " tokens");
    result->prefill.emplace_back(count, TRY(prefill_rate(*sessions[0], bench_tokens(count, vocabulary), plan.runs)));
  }
  if (plan.decode == 0) return {};
  const std::vector<int32_t> prompt = bench_tokens(kBenchPromptTokens, vocabulary);
  const std::vector<int32_t> decoded = bench_tokens(plan.decode, vocabulary);
  for (const int64_t streams : plan.streams) {
    progress.show("decode, " + std::to_string(streams) + " streams");
    const auto together = std::span(sessions).first(static_cast<size_t>(streams));
    result->decode.emplace_back(streams, TRY(streams_rate(engine, together, prompt, decoded, plan.runs)));
  }
  result->decode_depth = TRY(depth_rates(engine, sessions, plan));
  return {};
}

}  // namespace hearth::cli
