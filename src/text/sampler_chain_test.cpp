// The rarer stages of the sampler against llama.cpp's (tests/oracle/sampler_chain_goldens.py), against plain implementations
// of their contracts, and their random numbers.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "kernels/select.h"
#include "text/candidates.h"
#include "text/dry.h"
#include "text/mirostat.h"
#include "text/sampler.h"
#include "text/sequence_breakers.h"
#include "text/test_data.h"

namespace hearth {
int64_t allocation_count();  // base/count_allocations.h
}

namespace hearth::text {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::unique_ptr<Sampler> make(const SamplerOptions& options, size_t vocabulary) {
  auto sampler = Sampler::create(options, static_cast<int32_t>(vocabulary), kernels::best_table());
  if (!sampler.ok()) ADD_FAILURE() << sampler.error().message;
  return sampler.ok() ? std::move(sampler).value() : nullptr;
}

SamplerOptions everything_off() {
  SamplerOptions options;
  options.temperature = 1;
  options.top_k = 0;
  options.top_p = 1;
  return options;
}

std::vector<float> random_logits(size_t size, uint32_t seed, bool ties) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(size);
  for (float& logit : logits) logit = ties ? std::round(normal(random) * 2) / 2 : normal(random);
  return logits;
}

const nlohmann::json& goldens() {
  static const nlohmann::json all = [] {
    std::ifstream file(HEARTH_SOURCE_DIR "/tests/goldens/text/sampler_chain.json");
    return nlohmann::json::parse(file);
  }();
  return all;
}

SamplerOptions options_of(const nlohmann::json& json) {
  SamplerOptions options = everything_off();
  options.temperature = json.value("temperature", 1.0f);
  options.dynamic_range = json.value("dynatemp_range", 0.0f);
  options.dynamic_exponent = json.value("dynatemp_exponent", 1.0f);
  options.top_k = json.value("top_k", 0);
  options.top_p = json.value("top_p", 1.0f);
  options.min_p = json.value("min_p", 0.0f);
  options.typical_p = json.value("typical_p", 1.0f);
  options.top_n_sigma = json.value("top_n_sigma", -1.0f);
  options.xtc_probability = json.contains("xtc_threshold") ? 1.0f : 0.0f;
  options.xtc_threshold = json.value("xtc_threshold", 0.1f);
  options.min_keep = json.value("min_keep", 0);
  options.repetition_penalty = json.value("repeat_penalty", 1.0f);
  options.presence_penalty = json.value("presence_penalty", 0.0f);
  options.frequency_penalty = json.value("frequency_penalty", 0.0f);
  options.penalty_window = json.value("repeat_last_n", 64);
  options.dry_multiplier = json.value("dry_multiplier", 0.0f);
  options.dry_base = json.value("dry_base", 1.75f);
  options.dry_allowed_length = json.value("dry_allowed_length", 2);
  options.dry_window = json.value("dry_penalty_last_n", 64);
  options.mirostat = json.value("mirostat", 0);
  options.mirostat_tau = json.value("mirostat_tau", 5.0f);
  options.mirostat_eta = json.value("mirostat_eta", 0.1f);
  return options;
}

TEST(SamplerChain, LeavesWhatLlamaCppLeaves) {
  const nlohmann::json& cases = goldens()["filters"];
  ASSERT_GE(cases.size(), 80u);
  for (size_t number = 0; number < cases.size(); ++number) {
    SCOPED_TRACE("case " + std::to_string(number) + " " + cases[number]["options"].dump());
    const std::vector<float> logits = cases[number]["logits"];
    const std::vector<int32_t> history = cases[number]["history"];
    std::map<int32_t, double> got, want;
    for (const auto& entry : make(options_of(cases[number]["options"]), logits.size())->distribution(logits, history)) {
      if (entry.probability > 1e-30) got[entry.id] = entry.probability;
    }
    for (const auto& entry : cases[number]["expected"]) want[entry[0]] = entry[1];
    EXPECT_EQ(got.size(), want.size());
    for (const auto& [id, probability] : want) {
      ASSERT_TRUE(got.count(id)) << id;
      EXPECT_NEAR(got[id], probability, 4e-6 + 4e-5 * probability) << id;
    }
  }
}

TEST(SamplerChain, BreakersAreThoseOfLlamaCpp) {
  const std::string path = shared_dir() + "/models/stories260K/stories260K.gguf";
  if (!file_exists(path)) {
    std::printf("[ not run  ] %s is absent\n", path.c_str());
    return;
  }
  const LoadedTokenizer loaded = load_gguf_tokenizer(path);
  ASSERT_NE(loaded.tokenizer, nullptr) << loaded.error;
  const auto size = static_cast<size_t>(loaded.tokenizer->size());
  size_t lowered = 0;
  for (const nlohmann::json& entry : goldens()["breakers"]) {
    SCOPED_TRACE(entry["options"].dump());
    SamplerOptions options = options_of(entry["options"]);
    options.dry_found = SequenceBreakers::find(*loaded.tokenizer, entry["options"]["dry_sequence_breakers"].get<std::vector<std::string>>());
    const std::vector<int32_t> history = entry["history"];
    std::vector<float> zeros(size);
    CandidateSet candidates(static_cast<int32_t>(size), kernels::best_table());
    candidates.reset(zeros);
    DryPenalty(options, static_cast<int32_t>(size)).apply(history, candidates);
    std::map<int32_t, float> got, want;
    for (size_t i = 0; i < size; ++i) {
      if (candidates.values()[i] != 0) got[static_cast<int32_t>(i)] = -candidates.values()[i];
    }
    for (const auto& pair : entry["lowered"]) want[pair[0]] = pair[1];
    EXPECT_EQ(got.size(), want.size());
    for (const auto& [id, penalty] : want) EXPECT_NEAR(got[id], penalty, 1e-5 * penalty) << id;
    lowered += want.size();
  }
  EXPECT_GT(lowered, 20u);
}

TEST(SamplerChain, MirostatKeepsAndLearnsAsLlamaCpp) {
  ASSERT_GE(goldens()["mirostat"].size(), 8u);
  for (const nlohmann::json& entry : goldens()["mirostat"]) {
    SCOPED_TRACE(entry["options"].dump());
    const SamplerOptions options = options_of(entry["options"]);
    Mirostat mirostat(options, 300);
    CandidateSet candidates(300, kernels::best_table());
    for (const nlohmann::json& step : entry["steps"]) {
      const std::vector<float> logits = step["logits"];
      candidates.reset(logits);
      const int64_t kept = mirostat.keep(candidates, 1.0f);
      ASSERT_EQ(kept, step["kept"].get<int64_t>());
      candidates.keep(candidates.head(kept));
      const double sum = candidates.weigh(1.0f);
      const int32_t drawn = candidates.find(step["drawn"]);
      ASSERT_GE(drawn, 0);
      mirostat.observe(static_cast<double>(candidates.weight(drawn)) / sum);
    }
  }
}

// What DRY takes from each token, by comparing every pair of texts: quadratic, and nothing but the contract.
std::map<int32_t, int64_t> plain_repeats(std::span<const int32_t> history, int64_t limit) {
  std::map<int32_t, int64_t> longest;
  const auto size = static_cast<int64_t>(history.size());
  for (int64_t end = 0; end + 1 < size; ++end) {  // the text up to and with `end`, beside the whole one
    int64_t length = 0;
    while (length <= end && history[static_cast<size_t>(end - length)] == history[static_cast<size_t>(size - 1 - length)]) ++length;
    length = std::min(length, limit);
    const int32_t next = history[static_cast<size_t>(end + 1)];
    longest[next] = std::max(longest.count(next) ? longest[next] : 0, length);
  }
  return longest;
}

TEST(Dry, RepeatsAreThoseOfPlainComparison) {
  std::mt19937 random(3);
  for (int round = 0; round < 400; ++round) {
    const size_t letters = 2 + random() % 3;
    std::vector<int32_t> history(1 + random() % 60);
    for (int32_t& token : history) token = static_cast<int32_t>(random() % letters);
    if (round % 5 == 0) std::fill(history.begin(), history.end(), 1);
    SamplerOptions options = everything_off();
    options.dry_multiplier = 1;
    options.dry_base = 2;
    options.dry_allowed_length = static_cast<int32_t>(random() % 4);
    options.dry_window = round % 2 ? -1 : static_cast<int32_t>(1 + random() % 70);
    const int32_t breaker = static_cast<int32_t>(random() % 4);
    if (breaker < 3) options.dry_found = SequenceBreakers::of_tokens({{breaker, 1 - breaker % 2}, {0}});
    std::span<const int32_t> seen = history;
    if (options.dry_window > 0 && seen.size() > static_cast<size_t>(options.dry_window)) seen = seen.last(static_cast<size_t>(options.dry_window));
    auto limit = static_cast<int64_t>(seen.size());
    if (breaker < 3) {
      for (int64_t i = 0; i < static_cast<int64_t>(seen.size()); ++i) {  // i tokens before the last
        const auto at = [&](int64_t back) { return seen[seen.size() - 1 - static_cast<size_t>(back)]; };
        const bool two = i > 0 && at(i) == breaker && at(i - 1) == 1 - breaker % 2;
        if (!two && at(i) != 0) continue;
        limit = two ? i - 1 : i;
        break;
      }
    }
    std::vector<float> logits(letters, 100.0f);
    CandidateSet candidates(static_cast<int32_t>(letters), kernels::best_table());
    candidates.reset(logits);
    DryPenalty(options, static_cast<int32_t>(letters)).apply(history, candidates);
    const auto repeats = plain_repeats(seen, limit);
    const bool acts = static_cast<int64_t>(seen.size()) > options.dry_allowed_length && limit >= options.dry_allowed_length;
    for (int32_t token = 0; token < static_cast<int32_t>(letters); ++token) {
      double want = 100;
      const auto found = repeats.find(token);
      const bool lone = breaker < 3 && token == 0;
      if (acts && !lone && found != repeats.end() && found->second >= options.dry_allowed_length) {
        want -= std::min(std::pow(2.0, static_cast<double>(found->second - options.dry_allowed_length)), 1e30);
      }
      ASSERT_FLOAT_EQ(candidates.values()[static_cast<size_t>(token)], static_cast<float>(want)) << "round " << round << " token " << token;
    }
  }
}

TEST(Dry, HoldsForGreedyAnswersAndLeavesBreakersAlone) {
  SamplerOptions options;
  options.temperature = 0;
  options.dry_multiplier = 1;
  const std::vector<int32_t> history = {1, 2, 3, 4, 1, 2, 3};
  std::vector<float> logits = {0, 0, 0, 0, 5, 4.5f};
  EXPECT_EQ(make(options, logits.size())->sample(logits, history).id, 5);  // 4 would go on repeating
  options.dry_found = SequenceBreakers::of_tokens({{4}});
  EXPECT_EQ(make(options, logits.size())->sample(logits, history).id, 4);
  options.dry_found = SequenceBreakers::of_tokens({{2}});  // cuts the repeat down to one token
  EXPECT_EQ(make(options, logits.size())->sample(logits, history).id, 4);
  options.dry_found.reset();
  options.order = {"top_k"};
  EXPECT_EQ(make(options, logits.size())->sample(logits, history).id, 4);
}

TEST(SequenceBreakers, LimitsAreNamed) {
  const std::vector<std::string> many(SequenceBreakers::kMaxBreakers + 1, "a"), longest = {std::string(SequenceBreakers::kMaxBytes, 'a')},
                                 longer = {longest[0] + "a"};
  EXPECT_FALSE(SequenceBreakers::validate(many).ok());
  EXPECT_FALSE(SequenceBreakers::validate(longer).ok());
  EXPECT_TRUE(SequenceBreakers::validate(longest).ok());
}

// Typical sampling with a full sort by distance, where no two distances are alike.
TEST(SamplerChain, TypicalKeepsTheNearest) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    const size_t size = 1 + random() % 900;
    SamplerOptions options = everything_off();
    options.typical_p = static_cast<float>(random() % 100) / 100;
    const std::vector<float> logits = random_logits(size, static_cast<uint32_t>(random()), false);
    double sum = 0, entropy = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
    std::vector<std::pair<double, int32_t>> near;
    for (const float logit : logits) entropy -= std::exp(static_cast<double>(logit)) / sum * (static_cast<double>(logit) - std::log(sum));
    for (size_t i = 0; i < size; ++i) {
      near.emplace_back(std::abs(std::log(sum) - static_cast<double>(logits[i]) - entropy), static_cast<int32_t>(i));
    }
    std::sort(near.begin(), near.end());
    double running = 0;
    size_t kept = 0;
    while (kept < size && (kept == 0 || running <= static_cast<double>(options.typical_p))) {
      running += std::exp(static_cast<double>(logits[static_cast<size_t>(near[kept++].second)])) / sum;
    }
    std::vector<int32_t> want, got;
    for (size_t i = 0; i < kept; ++i) want.push_back(near[i].second);
    std::sort(want.begin(), want.end());
    for (const auto& entry : make(options, size)->distribution(logits, {})) got.push_back(entry.id);
    ASSERT_EQ(got, want) << "round " << round << " size " << size << " p " << options.typical_p;
  }
}

TEST(SamplerChain, XtcActsAsOftenAsItSays) {
  const std::vector<float> logits = {2, 1.9f, 1.8f, 0, 0};
  SamplerOptions options = everything_off();
  options.xtc_threshold = 0.2f;
  options.seed = 9;
  constexpr int kDraws = 20000;
  for (const float chance : {0.0f, 0.3f, 1.0f}) {
    options.xtc_probability = chance;
    const auto sampler = make(options, logits.size()), again = make(options, logits.size());
    std::vector<int32_t> history;
    int acted = 0;
    for (int i = 0; i < kDraws; ++i) {
      const auto left = sampler->distribution(logits, history);
      ASSERT_TRUE(left.size() == 5 || left.size() == 3);
      acted += left.size() == 3;
      ASSERT_TRUE(left.size() == 5 || left[0].id == 2);  // the least likely of the likely ones stays
      if (i % 1000 == 0) {
        ASSERT_EQ(sampler->sample(logits, history).id, again->sample(logits, history).id);
      }
      history.push_back(0);
    }
    EXPECT_NEAR(acted, kDraws * static_cast<double>(chance), 260);  // 4 standard deviations
  }
}

TEST(SamplerChain, MirostatAimsAtItsSurprise) {
  const std::vector<float> logits = random_logits(5000, 8, false);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  for (const int version : {1, 2}) {
    for (const float tau : {2.0f, 4.0f}) {
      SamplerOptions options = everything_off();
      options.mirostat = version;
      options.mirostat_tau = tau;
      options.logprobs = 0;
      options.top_k = 1;  // has no part in it
      options.seed = 17;
      const auto sampler = make(options, logits.size());
      std::vector<int32_t> history;
      double surprise = 0;
      constexpr int kDraws = 4000;
      for (int i = 0; i < kDraws; ++i) {
        std::vector<TokenProbability> left;
        if (i % 40 == 0) left = sampler->distribution(logits, history);  // asking does not teach it
        history.push_back(sampler->sample(logits, history).id);
        surprise -= std::log2(std::exp(static_cast<double>(logits[static_cast<size_t>(history.back())])) / sum);
      }
      // Of the whole distribution; what it controls is that of the tokens it left, which is less surprised.
      EXPECT_GT(surprise / kDraws, static_cast<double>(tau) - 0.2) << version << " " << tau;
      EXPECT_LT(surprise / kDraws, static_cast<double>(tau) + 3) << version << " " << tau;
    }
  }
}

TEST(SamplerChain, TheSameAnswerAgain) {
  std::vector<std::vector<float>> logits;
  for (uint32_t i = 0; i < 8; ++i) logits.push_back(random_logits(2000, i, i % 2 == 1));
  SamplerOptions options;
  options.seed = 3;
  options.typical_p = 0.95f;
  options.xtc_probability = 0.5f;
  options.xtc_threshold = 0.05f;
  options.dynamic_range = 0.5f;
  options.dry_multiplier = 0.8f;
  for (const int mirostat : {0, 1, 2}) {
    options.mirostat = mirostat;
    std::vector<int32_t> answers[2];
    for (const int run : {0, 1}) {
      const auto sampler = Sampler::create(options, 2000, run ? kernels::kRefTable : kernels::best_table());
      ASSERT_TRUE(sampler.ok());
      for (int i = 0; i < 200; ++i) {
        answers[run].push_back((*sampler)->sample(logits[static_cast<size_t>(i) % logits.size()], answers[run]).id);
      }
    }
    EXPECT_EQ(answers[0], answers[1]);
    EXPECT_NE(answers[0], std::vector<int32_t>(200, answers[0][0]));
  }
}

TEST(SamplerChain, BansNeverComeBack) {
  std::vector<float> logits = random_logits(300, 4, false);
  std::vector<int32_t> banned;
  for (int32_t id = 0; id < 290; ++id) banned.push_back(id);
  for (int setting = 0; setting < 7; ++setting) {
    SamplerOptions options = everything_off();
    if (setting == 1) options.xtc_probability = 1, options.xtc_threshold = 0;
    if (setting == 2) options.typical_p = 0.99f;
    if (setting == 3) options.top_n_sigma = 50;
    if (setting == 4) options.dynamic_range = 1;
    if (setting >= 5) options.mirostat = setting - 4;
    const auto sampler = make(options, logits.size());
    std::vector<int32_t> history;
    for (int i = 0; i < 100; ++i) {
      history.push_back(sampler->sample(logits, history, banned).id);
      ASSERT_GE(history.back(), 290) << "setting " << setting;
    }
  }
}

TEST(SamplerChain, ExtremeSettingsStayInBounds) {
  for (const std::vector<float>& logits : {std::vector<float>{1e30f, -1e30f, 0, 3}, std::vector<float>(700, 0.0f), std::vector<float>{1.0f},
                                           std::vector<float>{-kInfinity, -kInfinity, -kInfinity}}) {
    for (const float extreme : {0.0f, 1e-30f, 1.0f}) {
      for (const int mirostat : {0, 1, 2}) {
        SamplerOptions options;
        options.typical_p = options.xtc_probability = options.xtc_threshold = extreme;
        options.top_n_sigma = extreme * 1000;
        options.dynamic_range = extreme * 100;
        options.dynamic_exponent = extreme * 100;
        options.temperature = 0.5f + extreme;
        options.mirostat = mirostat;
        options.mirostat_tau = extreme * 100;
        options.mirostat_eta = 1;
        options.dry_multiplier = extreme * 1000;
        options.dry_base = 1000;
        options.dry_allowed_length = 0;
        const auto sampler = make(options, logits.size());
        std::vector<int32_t> history;
        for (int i = 0; i < 50; ++i) history.push_back(sampler->sample(logits, history).id);
        for (const int32_t id : history) ASSERT_TRUE(id >= 0 && id < static_cast<int32_t>(logits.size()));
      }
    }
  }
}

TEST(SamplerChain, DoesNotAllocate) {
  const size_t size = 20000;
  std::vector<std::vector<float>> logits;
  for (uint32_t i = 0; i < 8; ++i) logits.push_back(random_logits(size, i, i % 2 == 1));
  for (const int mirostat : {0, 1, 2}) {
    SamplerOptions options;
    options.top_k = 0;
    options.typical_p = 0.9f;
    options.top_n_sigma = 4;
    options.xtc_probability = 0.5f;
    options.xtc_threshold = 0.01f;
    options.dynamic_range = 0.3f;
    options.min_keep = 3;
    options.dry_multiplier = 1;
    options.dry_window = -1;
    options.dry_found = SequenceBreakers::of_tokens({{5, 6}, {7}});
    options.mirostat = mirostat;
    const auto sampler = make(options, size);
    std::vector<int32_t> history(200, 3);
    history.reserve(400);
    sampler->sample(logits[0], history);
    const int64_t before = allocation_count();
    for (int i = 0; i < 40; ++i) history.push_back(sampler->sample(logits[static_cast<size_t>(i) % logits.size()], history).id);
    EXPECT_EQ(allocation_count(), before);
  }
}

TEST(SamplerOptions, RangesOfTheRarerStagesAreNamed) {
  const auto refused = [](auto change, const std::string& field) {
    SamplerOptions options;
    change(options);
    const auto result = validate(options, 100);
    ASSERT_FALSE(result.ok()) << field;
    EXPECT_NE(result.error().message.find(field), std::string::npos) << result.error().message;
  };
  refused([](auto& o) { o.typical_p = 1.5f; }, "typical_p");
  refused([](auto& o) { o.top_n_sigma = std::nanf(""); }, "top_n_sigma");
  refused([](auto& o) { o.xtc_probability = -0.1f; }, "xtc_probability");
  refused([](auto& o) { o.xtc_threshold = 2; }, "xtc_threshold");
  refused([](auto& o) { o.dynamic_range = kInfinity; }, "dynatemp_range");
  refused([](auto& o) { o.dynamic_exponent = -1; }, "dynatemp_exponent");
  refused([](auto& o) { o.min_keep = -1; }, "min_keep");
  refused([](auto& o) { o.dry_multiplier = -1; }, "dry_multiplier");
  refused([](auto& o) { o.dry_base = 0.5f; }, "dry_base");
  refused([](auto& o) { o.dry_allowed_length = -1; }, "dry_allowed_length");
  refused([](auto& o) { o.dry_window = -2; }, "dry_penalty_last_n");
  refused([](auto& o) { o.dry_breakers.assign(100, "x"); }, "breakers");
  refused([](auto& o) { o.mirostat = 3; }, "mirostat");
  refused([](auto& o) { o.mirostat_tau = -1; }, "mirostat_tau");
  refused([](auto& o) { o.mirostat_eta = 2; }, "mirostat_eta");
}

}  // namespace
}  // namespace hearth::text
