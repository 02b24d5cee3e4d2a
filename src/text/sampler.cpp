// The sampler chain over a CandidateSet. Every step is stated so that it has one result: weights are
// exp((value - maximum) / temperature), Z is their 16-lane sum in id order, running sums are double in sorted order.
// Contract and exclusions: text/sampler.h.
#include "text/sampler.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "kernels/ref/math.h"
#include "text/candidates.h"
#include "text/dry.h"
#include "text/mirostat.h"
#include "text/philox.h"
#include "text/sampler_stages.h"

namespace hearth::text {

namespace {

constexpr float kGreedyBelow = 1e-20f;  // its inverse still leaves room in a float; below this the best token wins anyway
constexpr int64_t kFirstHead = 64;  // sorted prefixes grow from this, eightfold
constexpr size_t kLanes = 8;        // of sums in double over all entries in id order: entry i belongs to lane i mod 8

enum Draw : uint64_t { kToken, kExclude };  // the random numbers of a position

double fold(const double (&lanes)[kLanes]) {
  double sum = 0;
  for (const double lane : lanes) sum += lane;
  return sum;
}

}  // namespace

struct Sampler::Impl {
  Impl(const SamplerOptions& given, int32_t vocabulary, const kernels::KernelTable& kernel_table)
      : options(given), table(kernel_table), candidates(vocabulary, kernel_table), dry(given, vocabulary),
        mirostat(given, vocabulary) {
    for (const std::string& name : options.order) stages.push_back(*find_stage(name));
    const bool penalises = options.repetition_penalty != 1.0f || options.presence_penalty != 0.0f ||
                           options.frequency_penalty != 0.0f;
    has_penalties = has(Stage::kPenalties) && options.penalty_window != 0 && penalises;
    const auto temperature = std::find(stages.begin(), stages.end(), Stage::kTemperature);
    scale_values = std::any_of(temperature, stages.end(), [&](Stage stage) {
      return (stage == Stage::kPenalties && has_penalties) || (stage == Stage::kDry && dry.active());
    });
    greedy = options.temperature < kGreedyBelow && !(options.dynamic_range > 0 && has(Stage::kTemperature));
    if (has_penalties) {
      counts.resize(static_cast<size_t>(vocabulary));
      seen.reserve(static_cast<size_t>(vocabulary));
    }
    alternatives.reserve(static_cast<size_t>(std::max(options.logprobs, 0)));
  }

  bool has(Stage stage) const { return std::find(stages.begin(), stages.end(), stage) != stages.end(); }
  void measure_logprobs(std::span<const float> logits);
  float logprob(float logit) const {
    return static_cast<float>(static_cast<double>(logit - raw_maximum) - raw_log_sum);
  }
  void filter(std::span<const float> logits, std::span<const int32_t> history, std::span<const int32_t> banned,
              std::span<const uint64_t> allowed);
  void run(Stage stage, std::span<const int32_t> history);
  void penalise(std::span<const int32_t> history);
  void filter_top_n_sigma();
  void filter_typical();
  void filter_top_p();
  void filter_min_p();
  void exclude_top(uint64_t position);
  void apply_temperature();
  float dynamic_temperature();
  int32_t draw(uint64_t position);
  double probability(int32_t index) { return weighed_sum > 0 ? static_cast<double>(candidates.weight(index)) / weighed_sum : 1; }
  void weigh();
  // Minus the logarithm of an entry's probability, and its mean over all; after weigh().
  double surprise(float value) const;
  double entropy() const;
  // First entry in sorted order that satisfies `reached`; size() if none does.
  template <class Reached>
  int64_t walk(const Reached& reached);
  // The same for the running sum of weights.
  template <class Reached>
  int64_t walk_sum(const Reached& reached);

  SamplerOptions options;
  const kernels::KernelTable& table;
  CandidateSet candidates;
  DryPenalty dry;
  Mirostat mirostat;
  std::vector<Stage> stages;
  bool scale_values = false;         // penalties are to act on values that the temperature has divided
  bool has_penalties = false, greedy = false;
  float inverse_temperature = 1.0f;  // of the weights; 1 until the temperature stage has run
  double weighed_sum = 0, weighed_log = 0, weighed_maximum = 0;
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
  int64_t done = 0;
  for (int64_t count = kFirstHead; done < candidates.size(); count *= 8) {
    const auto head = candidates.head(count);
    for (; done < static_cast<int64_t>(head.size()); ++done) {
      if (reached(head[static_cast<size_t>(done)])) return done;
    }
  }
  return done;
}

template <class Reached>
int64_t Sampler::Impl::walk_sum(const Reached& reached) {
  double sum = 0;
  return walk([&](const CandidateSet::Ranked& entry) {
    sum += static_cast<double>(candidates.weight(entry.index));
    return reached(sum);
  });
}

void Sampler::Impl::weigh() {
  weighed_sum = static_cast<double>(candidates.weigh(inverse_temperature));
  weighed_log = kernels::ref::log64(weighed_sum);
  weighed_maximum = static_cast<double>(candidates.maximum());
}

double Sampler::Impl::surprise(float value) const {
  return weighed_log - (static_cast<double>(value) - weighed_maximum) * static_cast<double>(inverse_temperature);
}

double Sampler::Impl::entropy() const {
  const std::span<const float> values = candidates.values();
  double lanes[kLanes] = {};
  for (size_t i = 0; i < values.size(); ++i) {
    const auto weight = static_cast<double>(candidates.weight(static_cast<int32_t>(i)));
    if (weight > 0) lanes[i % kLanes] += weight * surprise(values[i]);
  }
  return fold(lanes) / weighed_sum;
}

// Bans take no part in the mean and the deviation.
void Sampler::Impl::filter_top_n_sigma() {
  if (options.top_n_sigma <= 0.0f || candidates.size() <= 1) return;
  constexpr float kBanned = -std::numeric_limits<float>::infinity();
  const std::span<const float> values = candidates.values();
  double sums[kLanes] = {}, squares[kLanes] = {};
  int64_t count = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] == kBanned) continue;
    sums[i % kLanes] += static_cast<double>(values[i]);
    ++count;
  }
  if (count == 0) return;
  const double mean = fold(sums) / static_cast<double>(count);
  for (size_t i = 0; i < values.size(); ++i) {
    if (values[i] == kBanned) continue;
    const double difference = static_cast<double>(values[i]) - mean;
    squares[i % kLanes] += difference * difference;
  }
  const double deviation = std::sqrt(fold(squares) / static_cast<double>(count));
  const double bound = static_cast<double>(candidates.maximum()) - static_cast<double>(options.top_n_sigma) * deviation;
  if (bound < static_cast<double>(std::numeric_limits<float>::lowest())) return;
  auto least = static_cast<float>(bound);
  if (static_cast<double>(least) < bound) least = std::nextafter(least, std::numeric_limits<float>::infinity());
  candidates.keep(candidates.at_least(least));
}

// Nearest to the mean surprise first. In sorted order that is a window, which grows to the side that is nearer.
void Sampler::Impl::filter_typical() {
  if (options.typical_p >= 1.0f) return;
  weigh();
  const double mean = entropy();
  const double enough = static_cast<double>(options.typical_p) * weighed_sum;
  int64_t end = walk([&](const CandidateSet::Ranked& entry) { return surprise(entry.value) >= mean; });
  int64_t begin = end;
  auto head = candidates.head(end + kFirstHead);
  for (double sum = 0; end - begin < candidates.size();) {
    if (end == static_cast<int64_t>(head.size()) && end < candidates.size()) head = candidates.head(end * 8);
    const bool left = begin > 0, right = end < candidates.size();
    const double above = left ? mean - surprise(head[static_cast<size_t>(begin - 1)].value) : 0;
    const double below = right ? surprise(head[static_cast<size_t>(end)].value) - mean : 0;
    const bool take_left = left && (!right || above <= below);
    const CandidateSet::Ranked& taken = head[static_cast<size_t>(take_left ? --begin : end++)];
    sum += static_cast<double>(candidates.weight(taken.index));
    if (sum > enough && end - begin >= options.min_keep) break;
  }
  candidates.keep(head.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)));
}

void Sampler::Impl::filter_top_p() {
  if (options.top_p >= 1.0f) return;
  const double enough = static_cast<double>(options.top_p) * static_cast<double>(candidates.weigh(inverse_temperature));
  const int64_t last = walk_sum([&](double sum) { return sum >= enough; });
  const int64_t count = std::max<int64_t>(last + 1, options.min_keep);
  if (count < candidates.size()) candidates.keep(candidates.head(count));
}

void Sampler::Impl::filter_min_p() {
  if (options.min_p <= 0.0f) return;
  // A bound in logits that is surely too low spares the exponentials of nearly all tokens; the weights then decide.
  const double maximum = candidates.maximum();
  const double log_bound = kernels::ref::log64(static_cast<double>(options.min_p)) - 0.01;
  const double slack = 1e-6 * (maximum < 0 ? -maximum : maximum);
  const double bound = maximum + log_bound / static_cast<double>(inverse_temperature) - slack;
  if (options.min_keep <= 1 && bound > static_cast<double>(std::numeric_limits<float>::lowest())) {
    candidates.keep(candidates.at_least(static_cast<float>(bound)));
  }
  candidates.weigh(inverse_temperature);
  const auto all = candidates.everything();
  size_t kept = 0;
  for (const CandidateSet::Ranked& entry : all) {
    if (candidates.weight(entry.index) >= options.min_p) all[kept++] = entry;
  }
  if (static_cast<int64_t>(kept) >= options.min_keep) return candidates.keep(all.first(kept));
  candidates.keep(candidates.head(options.min_keep));
}

// Now and then, of the tokens that are likely enough all but the least likely go.
void Sampler::Impl::exclude_top(uint64_t position) {
  const double chance = options.xtc_probability;
  if (chance <= 0 || options.xtc_threshold > 0.5f || candidates.size() < 2) return;
  if (uniform(options.seed, options.choice, position, kExclude) >= chance) return;
  const double bound = static_cast<double>(options.xtc_threshold) * static_cast<double>(candidates.weigh(inverse_temperature));
  const int64_t likely = walk([&](const CandidateSet::Ranked& entry) {
    const auto weight = static_cast<double>(candidates.weight(entry.index));
    return weight < bound || weight == 0;
  });
  if (likely < 2 || candidates.size() - (likely - 1) < options.min_keep) return;
  const CandidateSet::Ranked last = candidates.head(likely)[static_cast<size_t>(likely - 1)];
  const auto all = candidates.everything();
  size_t kept = 0;
  for (const CandidateSet::Ranked& entry : all) {
    const bool before = entry.value > last.value || (entry.value == last.value && entry.index < last.index);
    if (!before) all[kept++] = entry;
  }
  candidates.keep(all.first(kept));
}

// Between the ends of the range by how even the distribution is: its entropy over the largest that so many tokens can have.
float Sampler::Impl::dynamic_temperature() {
  using kernels::ref::log64, kernels::ref::pow64;
  const auto low = static_cast<double>(std::max(0.0f, options.temperature - options.dynamic_range));
  const auto high = static_cast<double>(options.temperature + options.dynamic_range);
  weigh();
  const double evenness = std::clamp(entropy() / log64(static_cast<double>(candidates.size())), 0.0, 1.0);
  const double exponent = options.dynamic_exponent;
  const double share = exponent == 0 ? 1.0 : evenness == 0 ? 0.0 : pow64(evenness, exponent);
  return static_cast<float>(low + (high - low) * share);
}

void Sampler::Impl::apply_temperature() {
  float temperature = options.temperature;
  if (options.dynamic_range > 0) {
    if (candidates.size() <= 1) return;
    temperature = dynamic_temperature();
    if (temperature < kGreedyBelow) return candidates.keep(candidates.head(1));
  }
  inverse_temperature = 1.0f / temperature;
  // Scaling keeps the order, so it waits for the exponentials, unless penalties are to act on scaled values.
  if (!scale_values) return;
  const std::span<float> values = candidates.writable();
  table.multiply_scalar(values.data(), inverse_temperature, static_cast<int64_t>(values.size()));
  inverse_temperature = 1.0f;
}

void Sampler::Impl::run(Stage stage, std::span<const int32_t> history) {
  switch (stage) {
    case Stage::kPenalties: return penalise(history);
    case Stage::kDry: return dry.apply(history, candidates);
    case Stage::kTemperature: return apply_temperature();
    default: break;
  }
  if (mirostat.active()) return;
  switch (stage) {
    case Stage::kTopNSigma: return filter_top_n_sigma();
    case Stage::kTopK:
      if (options.top_k > 0 && options.top_k < candidates.size()) candidates.keep(candidates.head(options.top_k));
      return;
    case Stage::kTypicalP: return filter_typical();
    case Stage::kTopP: return filter_top_p();
    case Stage::kMinP: return filter_min_p();
    case Stage::kXtc: return exclude_top(history.size());
    default: return;
  }
}

void Sampler::Impl::filter(std::span<const float> logits, std::span<const int32_t> history, std::span<const int32_t> banned,
                           std::span<const uint64_t> allowed) {
  candidates.reset(logits);
  if (!banned.empty()) {
    const std::span<float> values = candidates.writable();
    for (const int32_t id : banned) values[static_cast<size_t>(id)] = -std::numeric_limits<float>::infinity();
  }
  if (!options.logit_bias.empty()) {
    const std::span<float> values = candidates.writable();
    for (const auto& [id, bias] : options.logit_bias) values[static_cast<size_t>(id)] += bias;
  }
  if (!allowed.empty()) candidates.keep_allowed(allowed);
  inverse_temperature = 1.0f;
  if (greedy) {
    for (const Stage stage : stages) {
      if (stage == Stage::kPenalties || stage == Stage::kDry) run(stage, history);
    }
    candidates.keep(candidates.head(1));
  } else {
    for (const Stage stage : stages) run(stage, history);
    if (mirostat.active()) candidates.keep(candidates.head(mirostat.keep(candidates, inverse_temperature)));
  }
}

int32_t Sampler::Impl::draw(uint64_t position) {
  weighed_sum = 0;
  if (candidates.size() == 1) return 0;
  weighed_sum = static_cast<double>(candidates.weigh(inverse_temperature));
  const double target = uniform(options.seed, options.choice, position, kToken) * weighed_sum;
  int64_t place = walk_sum([&](double running) { return running > target; });
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

Sampled Sampler::sample(std::span<const float> logits, std::span<const int32_t> history, std::span<const int32_t> banned,
                        std::span<const uint64_t> allowed) {
  Impl& impl = *impl_;
  CHECK(static_cast<int64_t>(logits.size()) == impl.candidates.vocabulary());
  if (impl.options.logprobs >= 0) impl.measure_logprobs(logits);
  impl.filter(logits, history, banned, allowed);
  Sampled sampled{};
  const int32_t index = impl.draw(history.size());
  sampled.id = impl.candidates.id(index);
  if (impl.mirostat.active()) impl.mirostat.observe(impl.probability(index));
  if (impl.options.logprobs >= 0) {
    sampled.logprob = impl.logprob(logits[static_cast<size_t>(sampled.id)]);
    sampled.alternatives = impl.alternatives;
  }
  return sampled;
}

Sampled Sampler::taken(std::span<const float> logits, int32_t id) {
  Impl& impl = *impl_;
  Sampled sampled{};
  sampled.id = id;
  if (impl.options.logprobs < 0) return sampled;
  impl.measure_logprobs(logits);
  sampled.logprob = impl.logprob(logits[static_cast<size_t>(id)]);
  sampled.alternatives = impl.alternatives;
  return sampled;
}

std::vector<TokenProbability> Sampler::distribution(std::span<const float> logits, std::span<const int32_t> history) {
  Impl& impl = *impl_;
  CHECK(static_cast<int64_t>(logits.size()) == impl.candidates.vocabulary());
  impl.filter(logits, history, {}, {});
  const double sum = impl.candidates.weigh(impl.inverse_temperature);
  std::vector<TokenProbability> result;
  for (int32_t i = 0; i < impl.candidates.size(); ++i) {
    result.push_back({impl.candidates.id(i), static_cast<double>(impl.candidates.weight(i)) / sum});
  }
  return result;
}

}  // namespace hearth::text
