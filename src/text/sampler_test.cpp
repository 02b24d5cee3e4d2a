// The sampler against transformers' filters (tests/oracle/sampler_goldens.py), a plain full-sort implementation of its
// contract, the frequencies its draws must have, and the allocation count of its steady state.
#include "text/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "kernels/select.h"
#include "text/philox.h"

namespace hearth {
int64_t allocation_count();  // base/count_allocations.h
}

namespace hearth::text {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

std::unique_ptr<Sampler> make(const SamplerOptions& options, size_t vocabulary,
                              const kernels::KernelTable& table = kernels::best_table()) {
  auto sampler = Sampler::create(options, static_cast<int32_t>(vocabulary), table);
  if (!sampler.ok()) ADD_FAILURE() << sampler.error().message;
  return sampler.ok() ? std::move(sampler).value() : nullptr;
}

SamplerOptions everything_off(float temperature) {
  SamplerOptions options;
  options.temperature = temperature;
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

SamplerOptions options_of(const nlohmann::json& json) {
  SamplerOptions options;
  options.temperature = json.at("temperature");
  options.top_k = json.at("top_k");
  options.top_p = json.at("top_p");
  options.min_p = json.value("min_p", 0.0f);
  options.repetition_penalty = json.value("repetition_penalty", 1.0f);
  options.presence_penalty = json.value("presence_penalty", 0.0f);
  options.frequency_penalty = json.value("frequency_penalty", 0.0f);
  options.penalty_window = json.value("penalty_window", 64);
  for (const auto& entry : json.value("logit_bias", nlohmann::json::array())) {
    options.logit_bias.emplace_back(entry[0], entry[1].is_string() ? -kInfinity : entry[1].get<float>());
  }
  return options;
}

TEST(Sampler, KeepsWhatTransformersKeeps) {
  std::ifstream file(HEARTH_SOURCE_DIR "/tests/goldens/text/sampler.json");
  const nlohmann::json cases = nlohmann::json::parse(file);
  ASSERT_GE(cases.size(), 39u);
  for (size_t number = 0; number < cases.size(); ++number) {
    SCOPED_TRACE("case " + std::to_string(number) + " " + cases[number]["options"].dump());
    SamplerOptions options = options_of(cases[number]["options"]);
    options.order = cases[number]["order"];
    const std::vector<float> logits = cases[number]["logits"];
    const std::vector<int32_t> history = cases[number]["history"];
    std::map<int32_t, double> got, want;
    for (const auto& entry : make(options, logits.size())->distribution(logits, history)) {
      if (entry.probability > 1e-30) got[entry.id] = entry.probability;
    }
    for (const auto& entry : cases[number]["expected"]) want[entry[0]] = entry[1];
    ASSERT_EQ(got.size(), want.size());
    for (const auto& [id, probability] : want) {
      ASSERT_TRUE(got.count(id)) << id;
      EXPECT_NEAR(got[id], probability, 2e-6 + 2e-5 * probability) << id;
    }
  }
}

// The contract with full sorts and no shortcut: default order, no penalties.
int32_t plain_sample(const SamplerOptions& options, std::span<const float> logits, uint64_t position) {
  const kernels::KernelTable& table = kernels::kRefTable;
  std::vector<int32_t> ids(logits.size());
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i);
  std::vector<float> weights;
  float sum = 0;
  const auto weigh = [&](float inverse) {  // ids in id order
    std::sort(ids.begin(), ids.end());
    std::vector<float> values;
    for (const int32_t id : ids) values.push_back(logits[static_cast<size_t>(id)]);
    const auto count = static_cast<int64_t>(values.size());
    std::vector<float> compact(values.size());
    sum = table.exp_sum(values.data(), table.maximum(values.data(), count), inverse, count, compact.data());
    weights.assign(logits.size(), 0);
    for (size_t i = 0; i < ids.size(); ++i) weights[static_cast<size_t>(ids[i])] = compact[i];
  };
  const auto sort = [&] {
    std::stable_sort(ids.begin(), ids.end(), [&](int32_t a, int32_t b) {
      return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)];
    });
  };
  const auto first_reaching = [&](auto reached) {
    double running = 0;
    for (size_t i = 0; i < ids.size(); ++i) {
      running += static_cast<double>(weights[static_cast<size_t>(ids[i])]);
      if (reached(running)) return i;
    }
    return ids.size() - 1;
  };
  sort();
  if (options.top_k > 0) ids.resize(std::min(ids.size(), static_cast<size_t>(options.top_k)));
  if (options.top_p < 1) {
    weigh(1);
    sort();
    const double enough = static_cast<double>(options.top_p) * static_cast<double>(sum);
    ids.resize(first_reaching([&](double running) { return running >= enough; }) + 1);
  }
  if (options.min_p > 0) {
    weigh(1);
    std::erase_if(ids, [&](int32_t id) { return weights[static_cast<size_t>(id)] < options.min_p; });
  }
  weigh(1.0f / options.temperature);
  sort();
  const double target = uniform(options.seed, options.choice, position, 0) * static_cast<double>(sum);
  return ids[first_reaching([&](double running) { return running > target; })];
}

TEST(Sampler, ShortcutsChooseWhatFullSortsChoose) {
  std::mt19937 random(11);
  for (const kernels::KernelTable* table : kernels::runnable_tables()) {
    for (const size_t size : {1u, 7u, 500u, 3000u}) {
      for (const bool ties : {false, true}) {
        for (int round = 0; round < 60; ++round) {
          SamplerOptions options = everything_off(0.25f + static_cast<float>(random() % 16) / 4);
          if (random() % 2) options.top_k = static_cast<int32_t>(1 + random() % 100);
          if (random() % 2) options.top_p = static_cast<float>(random() % 100) / 100;
          if (random() % 2) options.min_p = static_cast<float>(random() % 50) / 200;
          options.seed = random();
          options.choice = random() % 3;
          const std::vector<float> logits = random_logits(size, static_cast<uint32_t>(random()), ties);
          const std::vector<int32_t> history(random() % 100);
          ASSERT_EQ(make(options, size, *table)->sample(logits, history).id,
                    plain_sample(options, logits, history.size()))
              << table->name << " size " << size << " top_k " << options.top_k << " top_p " << options.top_p << " min_p "
              << options.min_p;
        }
      }
    }
  }
}

TEST(Sampler, DrawsHaveTheirProbabilities) {
  const std::vector<float> logits = {1.0f, 0.0f, 2.0f, -1.0f, 0.5f, 1.0f, -3.0f, 2.5f};
  SamplerOptions options = everything_off(1.25f);
  for (const uint64_t seed : {1u, 2u, 3u}) {
    options.seed = seed;
    const auto sampler = make(options, logits.size());
    const auto expected = sampler->distribution(logits, {});
    constexpr int kDraws = 20000;
    std::vector<int32_t> history;
    std::vector<int> counts(logits.size());
    for (int i = 0; i < kDraws; ++i) {
      ++counts[static_cast<size_t>(sampler->sample(logits, history).id)];
      history.push_back(0);
    }
    double chi_square = 0;
    for (size_t i = 0; i < counts.size(); ++i) {
      const double want = expected[i].probability * kDraws;
      chi_square += (counts[i] - want) * (counts[i] - want) / want;
    }
    EXPECT_LT(chi_square, 24.32) << "seed " << seed;  // 7 degrees of freedom, p = 0.001
  }
}

TEST(Sampler, SeedChoiceAndPositionDecide) {
  const std::vector<float> logits(1000, 0.0f);
  SamplerOptions options = everything_off(1);
  options.seed = 5;
  const std::vector<int32_t> longer(1);
  const int32_t base = make(options, 1000)->sample(logits, {}).id;
  EXPECT_EQ(make(options, 1000)->sample(logits, {}).id, base);
  EXPECT_NE(make(options, 1000)->sample(logits, longer).id, base);
  options.choice = 1;
  EXPECT_NE(make(options, 1000)->sample(logits, {}).id, base);
  options.choice = 0;
  options.seed = 6;
  EXPECT_NE(make(options, 1000)->sample(logits, {}).id, base);
}

TEST(Sampler, GreedyTakesTheLowestIdOfTheBest) {
  std::vector<float> logits(2000, -1.0f);
  logits[1500] = logits[700] = logits[1999] = 3.0f;
  SamplerOptions options;
  options.temperature = 0;
  EXPECT_EQ(make(options, 2000)->sample(logits, {}).id, 700);
  options.logit_bias = {{700, -kInfinity}};
  EXPECT_EQ(make(options, 2000)->sample(logits, {}).id, 1500);
  options.logit_bias = {{5, 100.0f}};
  EXPECT_EQ(make(options, 2000)->sample(logits, {}).id, 5);
  options.logit_bias.clear();
  options.repetition_penalty = 2;
  const std::vector<int32_t> history = {700};
  EXPECT_EQ(make(options, 2000)->sample(logits, history).id, 1500);
  options.order = {"top_k"};  // without the stage there is no penalty
  EXPECT_EQ(make(options, 2000)->sample(logits, history).id, 700);
}

TEST(Sampler, BannedTokensAreNeverDrawn) {
  std::vector<float> logits(300, 0.0f);
  SamplerOptions options = everything_off(100);
  for (int32_t id = 0; id < 298; ++id) options.logit_bias.emplace_back(id, -kInfinity);
  options.top_k = 50;  // more than are left
  const auto sampler = make(options, 300);
  std::vector<int32_t> history;
  for (int i = 0; i < 200; ++i) {
    EXPECT_GE(sampler->sample(logits, history).id, 298);
    history.push_back(0);
  }
}

TEST(Sampler, LogprobsAreOfTheModelsDistribution) {
  const std::vector<float> logits = random_logits(3000, 21, false);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
  SamplerOptions options;  // filters, bias and temperature must not show
  options.temperature = 0.3f;
  options.logit_bias = {{17, 50.0f}};
  options.logprobs = 20;
  const auto sampler = make(options, logits.size());
  const Sampled sampled = sampler->sample(logits, {});
  EXPECT_EQ(sampled.id, 17);
  EXPECT_NEAR(sampled.logprob, static_cast<double>(logits[17]) - std::log(sum), 2e-6);
  std::vector<int32_t> order(logits.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int32_t>(i);
  std::sort(order.begin(), order.end(),
            [&](int32_t a, int32_t b) { return logits[static_cast<size_t>(a)] > logits[static_cast<size_t>(b)]; });
  ASSERT_EQ(sampled.alternatives.size(), 20u);
  for (size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(sampled.alternatives[i].id, order[i]);
    EXPECT_NEAR(sampled.alternatives[i].logprob,
                static_cast<double>(logits[static_cast<size_t>(order[i])]) - std::log(sum), 2e-6);
  }
  options.logprobs = 0;
  EXPECT_TRUE(make(options, logits.size())->sample(logits, {}).alternatives.empty());
}

TEST(Sampler, ExtremeSettingsStayFinite) {
  std::vector<float> logits = random_logits(700, 3, true);
  logits[3] = 1e30f;
  logits[4] = -1e30f;
  for (const float temperature : {0.0f, 1e-38f, 1e-19f, 1e-6f, 100.0f}) {
    for (const float min_p : {0.0f, 1e-38f, 1e-6f, 1.0f}) {
      SamplerOptions options = everything_off(temperature);
      options.min_p = min_p;
      options.top_p = 0.5f;
      options.logprobs = 1;
      options.order = {"temperature", "penalties", "min_p", "top_p"};
      EXPECT_EQ(make(options, logits.size())->sample(logits, {}).id, 3);
    }
  }
}

TEST(Sampler, DoesNotAllocate) {
  const size_t size = 20000;
  std::vector<std::vector<float>> logits;
  for (uint32_t i = 0; i < 8; ++i) logits.push_back(random_logits(size, i, i % 2 == 1));
  std::vector<int32_t> history;
  history.reserve(100);
  for (const int32_t top_k : {0, 40}) {
    SamplerOptions options;
    options.temperature = 1.5f;
    options.top_k = top_k;
    options.top_p = 0.99f;
    options.min_p = 0.001f;
    options.repetition_penalty = 1.1f;
    options.penalty_window = -1;
    options.logprobs = 5;
    options.logit_bias = {{4, 1.0f}};
    const auto sampler = make(options, size);
    const int64_t before = allocation_count();
    for (int i = 0; i < 40; ++i) {
      const Sampled sampled = sampler->sample(logits[static_cast<size_t>(i) % logits.size()], history);
      if (history.size() < 100) history.push_back(sampled.id);
    }
    EXPECT_EQ(allocation_count(), before);
  }
}

TEST(SamplerOptions, RangesAreNamed) {
  const auto refused = [](auto change, const std::string& field) {
    SamplerOptions options;
    change(options);
    const auto result = validate(options, 100);
    ASSERT_FALSE(result.ok()) << field;
    EXPECT_EQ(result.error().code, ErrorCode::kInvalidArgument);
    EXPECT_NE(result.error().message.find(field), std::string::npos) << result.error().message;
  };
  EXPECT_TRUE(validate(SamplerOptions{}, 100).ok());
  refused([](auto& o) { o.temperature = -0.1f; }, "temperature");
  refused([](auto& o) { o.temperature = std::nanf(""); }, "temperature");
  refused([](auto& o) { o.temperature = kInfinity; }, "temperature");
  refused([](auto& o) { o.top_k = -1; }, "top_k");
  refused([](auto& o) { o.top_p = 1.01f; }, "top_p");
  refused([](auto& o) { o.min_p = -1; }, "min_p");
  refused([](auto& o) { o.repetition_penalty = 0; }, "repetition_penalty");
  refused([](auto& o) { o.presence_penalty = 1e9f; }, "presence_penalty");
  refused([](auto& o) { o.frequency_penalty = -kInfinity; }, "frequency_penalty");
  refused([](auto& o) { o.penalty_window = -2; }, "penalty_window");
  refused([](auto& o) { o.logprobs = 21; }, "logprobs");
  refused([](auto& o) { o.logit_bias = {{100, 1.0f}}; }, "logit_bias token id");
  refused([](auto& o) { o.logit_bias = {{1, kInfinity}}; }, "logit_bias value");
  refused([](auto& o) { for (int32_t i = 0; i < 100; ++i) o.logit_bias.emplace_back(i, -kInfinity); }, "every token");
  refused([](auto& o) { o.order = {"top_k", "mirostat"}; }, "mirostat");
  refused([](auto& o) { o.order = {"top_k", "min_p", "top_k"}; }, "twice");
}

}  // namespace
}  // namespace hearth::text
