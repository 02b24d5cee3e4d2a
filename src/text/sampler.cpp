// The sampler chain over a CandidateSet. Every step is stated so that it has one result: weights are
// exp((value - maximum) / temperature), Z is their 16-lane sum in id order, running sums are double in sorted order.
// Contract and exclusions: text/sampler.h.
#include "text/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/ref/math.h"
#include "text/candidates.h"
#include "text/philox.h"

namespace hearth::text {

namespace {

enum class Stage { kPenalties, kTopK, kTopP, kMinP, kTemperature };

constexpr struct {
  const char* name;
  Stage stage;
} kStages[] = {{"penalties", Stage::kPenalties},
               {"top_k", Stage::kTopK},
               {"top_p", Stage::kTopP},
               {"min_p", Stage::kMinP},
               {"temperature", Stage::kTemperature}};

constexpr float kMaxTemperature = 100.0f;
constexpr float kGreedyBelow = 1e-20f;  // its inverse still leaves room in a float; below this the best token wins anyway
constexpr float kMaxRepetitionPenalty = 100.0f;
constexpr float kMaxAdditivePenalty = 100.0f;
constexpr float kMaxBias = 1000.0f;
constexpr int32_t kMaxLogprobs = 20;
constexpr int64_t kFirstHead = 64;  // sorted prefixes grow from this, eightfold

const Stage* find_stage(const std::string& name) {
  for (const auto& entry : kStages) {
    if (name == entry.name) return &entry.stage;
  }
  return nullptr;
}

Error out_of_range(const std::string& field, const std::string& value, const std::string& range) {
  return {ErrorCode::kInvalidArgument, field + " is " + value + "; it must be " + range};
}

std::string text_of(float value) {
  char buffer[32];
  std::snprintf(buffer, sizeof buffer, "%g", static_cast<double>(value));
  return buffer;
}

Result<void> check_range(const char* field, float value, float low, float high, const char* meaning) {
  // Written so that NaN fails.
  if (value >= low && value <= high) return {};
  return out_of_range(field, text_of(value), "between " + text_of(low) + " and " + text_of(high) + meaning);
}

Result<void> check_bias(const SamplerOptions& options, int32_t vocabulary) {
  std::vector<int32_t> banned;
  for (const auto& [id, bias] : options.logit_bias) {
    if (id < 0 || id >= vocabulary) {
      return out_of_range("logit_bias token id", std::to_string(id), "between 0 and " + std::to_string(vocabulary - 1));
    }
    if (bias == -std::numeric_limits<float>::infinity()) {
      banned.push_back(id);
    } else {
      TRY(check_range("logit_bias value", bias, -kMaxBias, kMaxBias, ", or -inf to ban the token"));
    }
  }
  std::sort(banned.begin(), banned.end());
  banned.erase(std::unique(banned.begin(), banned.end()), banned.end());
  if (static_cast<int64_t>(banned.size()) == vocabulary) {
    return Error{ErrorCode::kInvalidArgument, "logit_bias bans every token; leave at least one"};
  }
  return {};
}

Result<void> check_order(const SamplerOptions& options) {
  std::string known;
  for (const auto& entry : kStages) known += std::string(known.empty() ? "" : ", ") + entry.name;
  for (size_t i = 0; i < options.order.size(); ++i) {
    const std::string& name = options.order[i];
    if (find_stage(name) == nullptr) {
      return Error{ErrorCode::kInvalidArgument, "order names the unknown stage '" + name + "'; there are " + known};
    }
    if (std::find(options.order.begin(), options.order.begin() + static_cast<int64_t>(i), name) !=
        options.order.begin() + static_cast<int64_t>(i)) {
      return Error{ErrorCode::kInvalidArgument, "order names '" + name + "' twice; each stage may run once"};
    }
  }
  return {};
}

}  // namespace

Result<void> validate(const SamplerOptions& options, int32_t vocabulary) {
  if (vocabulary <= 0) return out_of_range("vocabulary", std::to_string(vocabulary), "at least 1");
  TRY(check_range("temperature", options.temperature, 0.0f, kMaxTemperature, " (0: always the best token)"));
  if (options.top_k < 0) return out_of_range("top_k", std::to_string(options.top_k), "0 (off) or more");
  TRY(check_range("top_p", options.top_p, 0.0f, 1.0f, " (1: off)"));
  TRY(check_range("min_p", options.min_p, 0.0f, 1.0f, " (0: off)"));
  TRY(check_range("repetition_penalty", options.repetition_penalty, 0.01f, kMaxRepetitionPenalty, " (1: off)"));
  TRY(check_range("presence_penalty", options.presence_penalty, -kMaxAdditivePenalty, kMaxAdditivePenalty, " (0: off)"));
  TRY(check_range("frequency_penalty", options.frequency_penalty, -kMaxAdditivePenalty, kMaxAdditivePenalty,
                  " (0: off)"));
  if (options.penalty_window < -1) {
    return out_of_range("penalty_window", std::to_string(options.penalty_window), "0 or more, or -1 for all tokens");
  }
  if (options.logprobs < -1 || options.logprobs > kMaxLogprobs) {
    return out_of_range("logprobs", std::to_string(options.logprobs),
                        "between 0 and " + std::to_string(kMaxLogprobs) + ", or -1 for none");
  }
  TRY(check_bias(options, vocabulary));
  return check_order(options);
}

struct Sampler::Impl {
  Impl(const SamplerOptions& given, int32_t vocabulary, const kernels::KernelTable& kernel_table)
      : options(given), table(kernel_table), candidates(vocabulary, kernel_table) {
    for (const std::string& name : options.order) stages.push_back(*find_stage(name));
    const auto penalties = std::find(stages.begin(), stages.end(), Stage::kPenalties);
    const auto temperature = std::find(stages.begin(), stages.end(), Stage::kTemperature);
    penalise_scaled = penalties != stages.end() && temperature < penalties;
    has_penalties = penalties != stages.end() && options.penalty_window != 0 &&
                    (options.repetition_penalty != 1.0f || options.presence_penalty != 0.0f ||
                     options.frequency_penalty != 0.0f);
    if (has_penalties) {
      counts.resize(static_cast<size_t>(vocabulary));
      seen.reserve(static_cast<size_t>(vocabulary));
    }
    alternatives.reserve(static_cast<size_t>(std::max(options.logprobs, 0)));
  }

  void measure_logprobs(std::span<const float> logits);
  float logprob(float logit) const {
    return static_cast<float>(static_cast<double>(logit - raw_maximum) - raw_log_sum);
  }
  void filter(std::span<const float> logits, std::span<const int32_t> history);
  void run(Stage stage, std::span<const int32_t> history);
  void penalise(std::span<const int32_t> history);
  void filter_top_p();
  void filter_min_p();
  int32_t draw(uint64_t position);
  // First entry in sorted order at which the running sum of weights satisfies `reached`; size() if none does.
  template <class Reached>
  int64_t walk(const Reached& reached);

  SamplerOptions options;
  const kernels::KernelTable& table;
  CandidateSet candidates;
  std::vector<Stage> stages;
  bool penalise_scaled = false, has_penalties = false;
  float inverse_temperature = 1.0f;  // of the weights; 1 until the temperature stage has run
  std::vector<int32_t> counts, seen;
  float raw_maximum = 0;
  double raw_log_sum = 0;
  std::vector<TokenLogprob> alternatives;
};

void Sampler::Impl::measure_logprobs(std::span<const float> logits) {
  candidates.reset(logits);
  raw_maximum = candidates.maximum();
  raw_log_sum = kernels::ref::log64(static_cast<double>(candidates.weigh(1.0f)));
  alternatives.clear();
  if (options.logprobs == 0) return;
  for (const CandidateSet::Ranked& entry : candidates.head(options.logprobs)) {
    alternatives.push_back({candidates.id(entry.index), logprob(entry.value)});
  }
}

void Sampler::Impl::penalise(std::span<const int32_t> history) {
  if (!has_penalties) return;
  const auto window = static_cast<size_t>(options.penalty_window);
  if (options.penalty_window > 0 && history.size() > window) history = history.last(window);
  for (const int32_t id : history) {
    if (id < 0 || static_cast<size_t>(id) >= counts.size()) continue;
    if (counts[static_cast<size_t>(id)]++ == 0) seen.push_back(id);
  }
  const std::span<float> values = candidates.writable();
  for (const int32_t id : seen) {
    const int32_t index = candidates.find(id);
    const auto count = static_cast<float>(counts[static_cast<size_t>(id)]);
    counts[static_cast<size_t>(id)] = 0;
    if (index < 0) continue;
    float& value = values[static_cast<size_t>(index)];
    value = value > 0 ? value / options.repetition_penalty : value * options.repetition_penalty;
    value -= count * options.frequency_penalty;
    value -= options.presence_penalty;
  }
  seen.clear();
}

template <class Reached>
int64_t Sampler::Impl::walk(const Reached& reached) {
  double sum = 0;
  int64_t done = 0;
  for (int64_t count = kFirstHead; done < candidates.size(); count *= 8) {
    const auto head = candidates.head(count);
    for (; done < static_cast<int64_t>(head.size()); ++done) {
      sum += static_cast<double>(candidates.weight(head[static_cast<size_t>(done)].index));
      if (reached(sum)) return done;
    }
  }
  return done;
}

void Sampler::Impl::filter_top_p() {
  if (options.top_p >= 1.0f) return;
  const double enough = static_cast<double>(options.top_p) * static_cast<double>(candidates.weigh(inverse_temperature));
  const int64_t last = walk([&](double sum) { return sum >= enough; });
  if (last + 1 < candidates.size()) candidates.keep(candidates.head(last + 1));
}

void Sampler::Impl::filter_min_p() {
  if (options.min_p <= 0.0f) return;
  // A bound in logits that is surely too low spares the exponentials of nearly all tokens; the weights then decide.
  const double maximum = candidates.maximum();
  const double log_bound = kernels::ref::log64(static_cast<double>(options.min_p)) - 0.01;
  const double slack = 1e-6 * (maximum < 0 ? -maximum : maximum);
  const double bound = maximum + log_bound / static_cast<double>(inverse_temperature) - slack;
  if (bound > static_cast<double>(std::numeric_limits<float>::lowest())) {
    candidates.keep(candidates.at_least(static_cast<float>(bound)));
  }
  candidates.weigh(inverse_temperature);
  const auto all = candidates.everything();
  size_t kept = 0;
  for (const CandidateSet::Ranked& entry : all) {
    if (candidates.weight(entry.index) >= options.min_p) all[kept++] = entry;
  }
  candidates.keep(all.first(kept));
}

void Sampler::Impl::run(Stage stage, std::span<const int32_t> history) {
  switch (stage) {
    case Stage::kPenalties:
      penalise(history);
      break;
    case Stage::kTopK:
      if (options.top_k > 0 && options.top_k < candidates.size()) candidates.keep(candidates.head(options.top_k));
      break;
    case Stage::kTopP:
      filter_top_p();
      break;
    case Stage::kMinP:
      filter_min_p();
      break;
    case Stage::kTemperature:
      inverse_temperature = 1.0f / options.temperature;
      // Scaling keeps the order, so it waits for the exponentials, unless penalties are to act on scaled values.
      if (penalise_scaled) {
        const std::span<float> values = candidates.writable();
        table.multiply_scalar(values.data(), inverse_temperature, static_cast<int64_t>(values.size()));
        inverse_temperature = 1.0f;
      }
      break;
  }
}

void Sampler::Impl::filter(std::span<const float> logits, std::span<const int32_t> history) {
  candidates.reset(logits);
  if (!options.logit_bias.empty()) {
    const std::span<float> values = candidates.writable();
    for (const auto& [id, bias] : options.logit_bias) values[static_cast<size_t>(id)] += bias;
  }
  inverse_temperature = 1.0f;
  if (options.temperature < kGreedyBelow) {
    penalise(history);
    candidates.keep(candidates.head(1));
  } else {
    for (const Stage stage : stages) run(stage, history);
  }
}

int32_t Sampler::Impl::draw(uint64_t position) {
  if (candidates.size() == 1) return 0;
  const double sum = candidates.weigh(inverse_temperature);
  const double target = uniform(options.seed, options.choice, position, 0) * sum;
  int64_t place = walk([&](double running) { return running > target; });
  if (place == candidates.size()) {
    // Rounding left the running sum at or below the target: the last entry that can be drawn at all.
    const auto all = candidates.head(candidates.size());
    do --place;
    while (place > 0 && candidates.weight(all[static_cast<size_t>(place)].index) == 0.0f);
  }
  return candidates.head(place + 1)[static_cast<size_t>(place)].index;
}

Sampler::Sampler(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Sampler::~Sampler() = default;

Result<std::unique_ptr<Sampler>> Sampler::create(const SamplerOptions& options, int32_t vocabulary,
                                                 const kernels::KernelTable& table) {
  TRY(validate(options, vocabulary));
  return std::unique_ptr<Sampler>(new Sampler(std::make_unique<Impl>(options, vocabulary, table)));
}

Sampled Sampler::sample(std::span<const float> logits, std::span<const int32_t> history) {
  Impl& impl = *impl_;
  CHECK(static_cast<int64_t>(logits.size()) == impl.candidates.vocabulary());
  if (impl.options.logprobs >= 0) impl.measure_logprobs(logits);
  impl.filter(logits, history);
  Sampled sampled{};
  sampled.id = impl.candidates.id(impl.draw(history.size()));
  if (impl.options.logprobs >= 0) {
    sampled.logprob = impl.logprob(logits[static_cast<size_t>(sampled.id)]);
    sampled.alternatives = impl.alternatives;
  }
  return sampled;
}

std::vector<TokenProbability> Sampler::distribution(std::span<const float> logits, std::span<const int32_t> history) {
  Impl& impl = *impl_;
  CHECK(static_cast<int64_t>(logits.size()) == impl.candidates.vocabulary());
  impl.filter(logits, history);
  const double sum = impl.candidates.weigh(impl.inverse_temperature);
  std::vector<TokenProbability> result;
  for (int32_t i = 0; i < impl.candidates.size(); ++i) {
    result.push_back({impl.candidates.id(i), static_cast<double>(impl.candidates.weight(i)) / sum});
  }
  return result;
}

}  // namespace hearth::text
