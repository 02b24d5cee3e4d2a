// Request parameters: every entry's type and range, names of all dialects, and what the values become.
#include "server/parameters.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace hearth::server {
namespace {

Checked<Nothing> read(const char* text, Parameters* parameters) {
  Checked<Json> json = parse_body(text);
  EXPECT_TRUE(json.ok()) << text;
  return read_parameters(*json, parameters);
}

std::string error_of(const char* text) {
  Parameters parameters;
  Checked<Nothing> done = read(text, &parameters);
  return done.ok() ? "" : std::to_string(done.error().status) + " " + done.error().param + ": " + done.error().message;
}

TEST(Parameters, NamesOfAllDialectsMeanTheSame) {
  for (const char* name : {"max_tokens", "max_completion_tokens", "max_output_tokens", "n_predict", "num_predict"}) {
    Parameters parameters;
    ASSERT_TRUE(read(("{\"" + std::string(name) + "\": 17}").c_str(), &parameters).ok());
    EXPECT_EQ(parameters.generate.max_tokens, 17) << name;
  }
  Parameters parameters;
  ASSERT_TRUE(read(R"({"stop_sequences": ["a", "b"], "temperature": 0, "top_k": -1, "repeat_penalty": 1.5, "seed": 42})", &parameters).ok());
  EXPECT_EQ(parameters.generate.stop, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(parameters.generate.sampler.temperature, 0.0f);
  EXPECT_EQ(parameters.generate.sampler.top_k, 0);
  EXPECT_EQ(parameters.generate.sampler.repetition_penalty, 1.5f);
  EXPECT_EQ(parameters.seed, 42u);
}

TEST(Parameters, OutOfRangeIsNamedWithItsRange) {
  EXPECT_EQ(error_of(R"({"max_tokens": -2})"), "400 max_tokens: 'max_tokens' must be between -1 and 1000000000, not -2");
  EXPECT_EQ(error_of(R"({"top_p": 1.5})"), "400 top_p: 'top_p' must be between 0 and 1, not 1.5");
  for (const char* bad : {R"({"temperature": -1})", R"({"temperature": 1e6})", R"({"temperature": "hot"})", R"({"top_k": 0.5})",
                          R"({"n_discard": -1})", R"({"stop_token_ids": [-1]})", R"({"n_keep": -2})", R"({"id_slot": -2})",
                          R"({"mirostat": 3})", R"({"n": 0})", R"({"n": 1000000})", R"({"stream": 1})", R"({"stop": [1]})",
                          R"({"stop": {}})", R"({"logprobs": 21})", R"({"top_logprobs": -1})", R"({"seed": 1.5})",
                          R"({"repeat_penalty": 0})", R"({"min_p": 2})", R"({"samplers": 5})", R"({"n": true})"}) {
    EXPECT_TRUE(error_of(bad).starts_with("400 ")) << bad;
  }
}

TEST(Parameters, EveryNumberIsRefusedOutsideItsRange) {
  for (const ParameterInfo& info : known_parameters()) {
    if (!info.minimum) continue;
    // The step is relative, since a double cannot tell 2^53 from 2^53 + 1.
    const auto step = [](double bound) { return std::max(1.0, std::abs(bound) * 1e-6); };
    for (const double value : {*info.minimum - step(*info.minimum), *info.maximum + step(*info.maximum)}) {
      Parameters parameters;
      const Json body = {{info.name, value}};
      EXPECT_FALSE(read_parameters(body, &parameters).ok()) << info.name << " " << value;
    }
    for (const double value : {*info.minimum, *info.maximum}) {
      Parameters parameters;
      const Json body = {{info.name, value}};
      EXPECT_TRUE(read_parameters(body, &parameters).ok()) << info.name << " " << value;
    }
  }
}

TEST(Parameters, EveryTypeIsChecked) {
  for (const ParameterInfo& info : known_parameters()) {
    Parameters parameters;
    EXPECT_FALSE(read_parameters({{info.name, {{"a", {{"b", 1}}}}}}, &parameters).ok()) << info.name;
    EXPECT_TRUE(read_parameters({{info.name, nullptr}}, &parameters).ok()) << info.name;
  }
}

TEST(Parameters, NamesAreUnique) {
  std::set<std::string> names;
  for (const ParameterInfo& info : known_parameters()) EXPECT_TRUE(names.insert(info.name).second) << info.name;
}

TEST(Parameters, UnknownNamesAreIgnored) { EXPECT_EQ(error_of(R"({"store": false, "metadata": {"a": 1}, "x": [[]]})"), ""); }

TEST(Parameters, BiasesInBothForms) {
  Parameters parameters;
  ASSERT_TRUE(read(R"({"logit_bias": {"5": -100, "7": 1.5}})", &parameters).ok());
  EXPECT_EQ(parameters.generate.sampler.logit_bias.size(), 2u);
  ASSERT_TRUE(read(R"({"logit_bias": [[5, false], [7, 2]]})", &parameters).ok());
  EXPECT_EQ(parameters.generate.sampler.logit_bias[0].second, -std::numeric_limits<float>::infinity());
  for (const char* bad : {R"({"logit_bias": {"-1": 1}})", R"({"logit_bias": {"99999999999": 1}})", R"({"logit_bias": {"a": 1}})",
                          R"({"logit_bias": {"1": 1e9}})", R"({"logit_bias": [[1]]})", R"({"logit_bias": [["a", 1]]})",
                          R"({"logit_bias": {"1": "x"}})", R"({"logit_bias": {"1": true}})"}) {
    EXPECT_TRUE(error_of(bad).starts_with("400 ")) << bad;
  }
}

TEST(Parameters, SamplersOfLlamaServer) {
  Parameters parameters;
  ASSERT_TRUE(read(R"({"typical_p": 0.5, "top_n_sigma": 1.5, "xtc_probability": 0.25, "xtc_threshold": 0.2, "dynatemp_range": 0.4,
                       "dynatemp_exponent": 2, "mirostat": 2, "mirostat_tau": 4, "mirostat_eta": 0.2, "min_keep": 3,
                       "dry_multiplier": 0.8, "dry_base": 1.5, "dry_allowed_length": 3, "dry_penalty_last_n": -1,
                       "dry_sequence_breakers": ["a", "b"]})",
                   &parameters)
                  .ok());
  const text::SamplerOptions& sampler = parameters.generate.sampler;
  EXPECT_EQ(sampler.typical_p, 0.5f);
  EXPECT_EQ(sampler.top_n_sigma, 1.5f);
  EXPECT_EQ(sampler.xtc_probability, 0.25f);
  EXPECT_EQ(sampler.xtc_threshold, 0.2f);
  EXPECT_EQ(sampler.dynamic_range, 0.4f);
  EXPECT_EQ(sampler.dynamic_exponent, 2.0f);
  EXPECT_EQ(sampler.mirostat, 2);
  EXPECT_EQ(sampler.mirostat_tau, 4.0f);
  EXPECT_EQ(sampler.mirostat_eta, 0.2f);
  EXPECT_EQ(sampler.min_keep, 3);
  EXPECT_EQ(sampler.dry_multiplier, 0.8f);
  EXPECT_EQ(sampler.dry_base, 1.5f);
  EXPECT_EQ(sampler.dry_allowed_length, 3);
  EXPECT_EQ(sampler.dry_window, -1);
  EXPECT_EQ(sampler.dry_breakers, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(text::validate(sampler, 100).ok());
}

TEST(Parameters, OrderOfSamplersByNamesAndLetters) {
  const auto order = [](const char* text) {
    Parameters parameters;
    EXPECT_TRUE(read(text, &parameters).ok()) << text;
    return parameters.generate.sampler.order;
  };
  EXPECT_EQ(order(R"({"samplers": ["temp", "top-k", "nucleus", "infill", "top_k", "typical_p"]})"),
            (std::vector<std::string>{"temperature", "top_k", "top_p", "typ_p"}));
  EXPECT_EQ(order(R"({"samplers": "edskypmxt"})"), text::SamplerOptions().order);
  EXPECT_EQ(order(R"({"samplers": "k?tk"})"), (std::vector<std::string>{"top_k", "temperature"}));
  EXPECT_TRUE(order(R"({"samplers": ["", " ", "top_k typ"]})").empty());
  for (const char* bad : {R"({"samplers": [1]})", R"({"samplers": 5})", R"({"dry_sequence_breakers": "a"})"}) {
    EXPECT_TRUE(error_of(bad).starts_with("400 ")) << bad;
  }
}

TEST(Parameters, WhateverTheRangesAllowTheSamplerTakes) {
  for (const ParameterInfo& info : known_parameters()) {
    if (!info.minimum) continue;
    for (const double value : {*info.minimum, *info.maximum}) {
      Parameters parameters;
      ASSERT_TRUE(read_parameters(Json{{info.name, value}}, &parameters).ok());
      const Result<void> valid = text::validate(parameters.generate.sampler, 100);
      EXPECT_TRUE(valid.ok()) << info.name << " " << value << ": " << valid.error().message;
    }
  }
}

TEST(Parameters, SeedIsKeptOrRandom) {
  Parameters parameters;
  parameters.seed = 7;
  EXPECT_EQ(choose_seed(&parameters), 7u);
  std::set<uint64_t> seen;
  for (int i = 0; i < 16; ++i) {
    Parameters fresh;
    const uint64_t seed = choose_seed(&fresh);
    EXPECT_EQ(fresh.generate.sampler.seed, seed);
    EXPECT_LT(seed, uint64_t{1} << 31);
    seen.insert(seed);
  }
  EXPECT_GT(seen.size(), 14u);
}

TEST(Parameters, DefaultsAreEachDialectsOwn) {
  EXPECT_EQ(default_parameters(Dialect::kOpenAi).generate.sampler.temperature, 1.0f);
  EXPECT_EQ(default_parameters(Dialect::kOllama).generate.sampler.top_p, 0.9f);
  EXPECT_EQ(default_parameters(Dialect::kNative).generate.sampler.min_p, 0.05f);
}

}  // namespace
}  // namespace hearth::server
