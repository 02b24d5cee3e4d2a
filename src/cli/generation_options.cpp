// Contract and exclusions: cli/generation_options.h.
#include "cli/generation_options.h"

#include <charconv>
#include <cstdio>
#include <random>

#include "CLI/CLI.hpp"
#include "base/utf8.h"
#include "nlohmann/json.hpp"
#include "text/stop_strings.h"

namespace hearth::cli {

namespace {

// Any vocabulary passes the checks that need one; token ids are not set here.
constexpr int32_t kAnyVocabulary = 1 << 30;
constexpr int64_t kMaxTokens = int64_t{1} << 40;

using json = nlohmann::ordered_json;

struct Parameter {
  const char* name;
  const char* meaning;
  float text::SamplerOptions::*real = nullptr;
  int32_t text::SamplerOptions::*integer = nullptr;
};

constexpr Parameter kParameters[] = {
    {"temperature", "How freely tokens are drawn; 0: always the likeliest", &text::SamplerOptions::temperature},
    {"top_k", "Draw from the k likeliest tokens; 0: off", nullptr, &text::SamplerOptions::top_k},
    {"top_p", "Draw from the likeliest tokens that sum up to p; 1: off", &text::SamplerOptions::top_p},
    {"min_p", "Drop tokens less likely than p times the likeliest; 0: off", &text::SamplerOptions::min_p},
    {"typical_p", "Draw from the tokens of the most usual surprise that sum up to p; 1: off", &text::SamplerOptions::typical_p},
    {"top_n_sigma", "Drop logits so many standard deviations below the best; 0 or less: off", &text::SamplerOptions::top_n_sigma},
    {"xtc_probability", "How often all but the last of the likeliest tokens are left out; 0: off", &text::SamplerOptions::xtc_probability},
    {"xtc_threshold", "Tokens at least so likely are the likeliest; above 0.5: off", &text::SamplerOptions::xtc_threshold},
    {"dynatemp_range", "The temperature goes so far up and down with the entropy; 0: off", &text::SamplerOptions::dynamic_range},
    {"dynatemp_exponent", "How it goes with the entropy; 1: evenly", &text::SamplerOptions::dynamic_exponent},
    {"mirostat", "1 or 2: aims at a surprise instead of filtering; 0: off", nullptr, &text::SamplerOptions::mirostat},
    {"mirostat_tau", "The surprise that mirostat aims at, in bits", &text::SamplerOptions::mirostat_tau},
    {"mirostat_eta", "How fast mirostat learns", &text::SamplerOptions::mirostat_eta},
    {"repeat_penalty", "Divides the logits of recent tokens; 1: off", &text::SamplerOptions::repetition_penalty},
    {"repeat_last_n", "How many tokens count as recent; -1: all", nullptr, &text::SamplerOptions::penalty_window},
    {"presence_penalty", "Subtracted from the logits of recent tokens", &text::SamplerOptions::presence_penalty},
    {"frequency_penalty", "The same, times how often they came", &text::SamplerOptions::frequency_penalty},
    {"dry_multiplier", "Lowers tokens that go on repeating a sequence; 0: off", &text::SamplerOptions::dry_multiplier},
    {"dry_base", "Each token that the sequence is longer makes it so much stronger", &text::SamplerOptions::dry_base},
    {"dry_allowed_length", "Sequences up to so many tokens may be repeated", nullptr, &text::SamplerOptions::dry_allowed_length},
    {"dry_penalty_last_n", "How many tokens are searched for repeats; -1: all", nullptr, &text::SamplerOptions::dry_window},
    {"seed", "The same seed gives the same answer; 'random' for a new one each time"},
    {"num_predict", "Most tokens of an answer; -1: no limit but the context"},
    {"stop", "Texts that end an answer: /set parameter stop \"one\" \"two\""},
};

const Parameter* find_parameter(const std::string& name) {
  for (const Parameter& parameter : kParameters) {
    if (name == parameter.name) return &parameter;
  }
  return nullptr;
}

template <class T>
std::optional<T> parse_number(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

Error no_number(const std::string& name, const std::string& text, const char* kind) {
  return {ErrorCode::kInvalidArgument, name + " is '" + printable(text, 40) + "'; it must be " + kind};
}

std::string shortest(float value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return error == std::errc() ? std::string(buffer, end) : std::string();
}

Result<void> check_max_tokens(int64_t value) {
  if (value >= -1 && value <= kMaxTokens) return {};
  return Error{ErrorCode::kInvalidArgument, "num_predict is " + std::to_string(value) + "; it must be 0 or more, or -1"};
}

// Sets a parameter that has a field of its own in the table.
Result<void> set_number(GenerationOptions* options, const Parameter& parameter, const std::string& text) {
  text::SamplerOptions changed = options->generate.sampler;
  if (parameter.real != nullptr) {
    const std::optional<float> value = parse_number<float>(text);
    if (!value) return no_number(parameter.name, text, "a number");
    changed.*parameter.real = *value;
  } else {
    const std::optional<int32_t> value = parse_number<int32_t>(text);
    if (!value) return no_number(parameter.name, text, "a whole number");
    changed.*parameter.integer = *value;
  }
  TRY(text::validate(changed, kAnyVocabulary));
  options->generate.sampler = std::move(changed);
  return {};
}

Result<void> set_seed(GenerationOptions* options, const std::string& text) {
  if (text == "random") {
    options->seed.reset();
    return {};
  }
  options->seed = parse_number<uint64_t>(text);
  if (!options->seed) return no_number("seed", text, "a whole number from 0 to 2^64-1, or 'random'");
  return {};
}

// "1234=-2.5" or "1234=-inf".
void add_bias(const std::string& text, text::SamplerOptions* sampler) {
  const size_t equals = text.find('=');
  const std::optional<int32_t> id = parse_number<int32_t>(text.substr(0, equals));
  const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
  const std::optional<float> bias = parse_number<float>(value);  // reads inf, too
  if (!id || !bias) throw CLI::ValidationError("--logit-bias", "'" + printable(text, 40) + "' is not of the form ID=BIAS");
  sampler->logit_bias.emplace_back(*id, *bias);
}

std::string join_quoted(const std::vector<std::string>& texts) {
  std::string joined;
  for (const std::string& text : texts) joined += (joined.empty() ? "\"" : " \"") + printable(text) + "\"";
  return joined;
}

void add_rarer_filters(CLI::App* verb, text::SamplerOptions* sampler) {
  verb->add_option("--typical-p,--typical", sampler->typical_p,
                   "Draw from the tokens of the most usual surprise that sum up to P; 1: off (default 1)")
      ->type_name("P");
  verb->add_option("--top-n-sigma", sampler->top_n_sigma,
                   "Drop logits so many standard deviations below the best; 0 or less: off (default -1)")
      ->type_name("N");
  verb->add_option("--xtc-probability", sampler->xtc_probability,
                   "How often all but the last of the likeliest tokens are left out; 0: off (default 0)")
      ->type_name("P");
  verb->add_option("--xtc-threshold", sampler->xtc_threshold,
                   "Tokens at least so likely are the likeliest; above 0.5: off (default 0.1)")
      ->type_name("P");
  verb->add_option("--dynatemp-range", sampler->dynamic_range,
                   "The temperature goes so far up and down with the entropy; 0: off (default 0)")
      ->type_name("T");
  verb->add_option("--dynatemp-exp", sampler->dynamic_exponent, "How it goes with the entropy (default 1)")->type_name("X");
  verb->add_option("--mirostat", sampler->mirostat, "1 or 2: aim at a surprise instead of filtering; 0: off (default 0)")
      ->type_name("N");
  verb->add_option("--mirostat-ent,--mirostat-tau", sampler->mirostat_tau, "The surprise it aims at, in bits (default 5)")
      ->type_name("X");
  verb->add_option("--mirostat-lr,--mirostat-eta", sampler->mirostat_eta, "How fast it learns (default 0.1)")->type_name("X");
}

void add_dry(CLI::App* verb, text::SamplerOptions* sampler) {
  verb->add_option("--dry-multiplier", sampler->dry_multiplier, "Lowers tokens that go on repeating a sequence; 0: off (default 0)")
      ->type_name("X");
  verb->add_option("--dry-base", sampler->dry_base, "Each token that it is longer makes it so much stronger (default 1.75)")
      ->type_name("X");
  verb->add_option("--dry-allowed-length", sampler->dry_allowed_length, "Sequences up to so many tokens may be repeated (default 2)")
      ->type_name("N");
  verb->add_option("--dry-penalty-last-n", sampler->dry_window, "How many tokens are searched for repeats; -1: all (default 64)")
      ->type_name("N");
  verb->add_option("--dry-sequence-breaker", sampler->dry_breakers,
                   "A text that no repeat reaches across; may be given several times (default line end, \":\", \"\\\"\" and \"*\")")
      ->allow_extra_args(false)
      ->type_name("TEXT");
}

}  // namespace

void add_generation_options(CLI::App* verb, GenerationOptions* options) {
  text::SamplerOptions& sampler = options->generate.sampler;
  verb->add_option("--temp,--temperature", sampler.temperature, "How freely tokens are drawn; 0: always the likeliest (default 0.8)")
      ->type_name("T");
  verb->add_option("--top-k", sampler.top_k, "Draw from the K likeliest tokens; 0: off (default 40)")->type_name("K");
  verb->add_option("--top-p", sampler.top_p, "Draw from the likeliest that sum up to P; 1: off (default 0.95)")->type_name("P");
  verb->add_option("--min-p", sampler.min_p, "Drop tokens below P times the likeliest; 0: off (default 0)")->type_name("P");
  add_rarer_filters(verb, &sampler);
  verb->add_option("--repeat-penalty", sampler.repetition_penalty, "Divides the logits of recent tokens; 1: off (default 1)")
      ->type_name("X");
  verb->add_option("--repeat-last-n", sampler.penalty_window, "How many tokens count as recent; -1: all (default 64)")
      ->type_name("N");
  verb->add_option("--presence-penalty", sampler.presence_penalty, "Subtracted from the logits of recent tokens")
      ->type_name("X");
  verb->add_option("--frequency-penalty", sampler.frequency_penalty, "The same, times how often they came")->type_name("X");
  add_dry(verb, &sampler);
  verb->add_option("--samplers", sampler.order,
                   "The stages in their order (default penalties,dry,top_n_sigma,top_k,typ_p,top_p,min_p,xtc,temperature)")
      ->delimiter(',')
      ->type_name("A,B...");
  verb->add_option_function<std::vector<std::string>>(
          "--logit-bias",
          [&sampler](const std::vector<std::string>& list) {
            for (const std::string& text : list) add_bias(text, &sampler);
          },
          "Added to the logit of a token, -inf bans it; may be given several times")
      ->allow_extra_args(false)
      ->type_name("ID=BIAS");
  verb->add_option("--seed", options->seed, "The same seed gives the same answer; default: random")->type_name("N");
  verb->add_option("--max-tokens", options->generate.max_tokens, "Most tokens of an answer; -1: no limit but the context")
      ->check(CLI::Range(int64_t{-1}, kMaxTokens))
      ->type_name("N");
  verb->add_option("--stop", options->generate.stop, "A text that ends the answer; may be given several times")
      ->allow_extra_args(false)
      ->type_name("TEXT");
  verb->add_flag("--ignore-stop", options->generate.ignore_stop_tokens, "Go on where the model would stop");
  verb->add_option("--logprobs", sampler.logprobs, "Log-probabilities with N alternatives per token (0 to 20), in --json")
      ->type_name("N");
}

GenerateOptions for_one_answer(const GenerationOptions& options) {
  GenerateOptions result = options.generate;
  result.sampler.seed = options.seed ? *options.seed : std::random_device()();
  return result;
}

Result<void> set_parameter(GenerationOptions* options, const std::string& name, const std::vector<std::string>& values) {
  const Parameter* parameter = find_parameter(name);
  if (parameter == nullptr) {
    return Error{ErrorCode::kInvalidArgument, "there is no parameter '" + printable(name, 40) + "'"};
  }
  if (name == "stop") {
    TRY(text::validate_stop_strings(values));
    options->generate.stop = values;
    return {};
  }
  if (values.size() != 1) {
    return Error{ErrorCode::kInvalidArgument, name + " takes one value, not " + std::to_string(values.size())};
  }
  if (name == "seed") return set_seed(options, values[0]);
  if (name == "num_predict") {
    const std::optional<int64_t> value = parse_number<int64_t>(values[0]);
    if (!value) return no_number(name, values[0], "a whole number");
    TRY(check_max_tokens(*value));
    options->generate.max_tokens = *value;
    return {};
  }
  return set_number(options, *parameter, values[0]);
}

std::vector<std::pair<std::string, std::string>> parameter_values(const GenerationOptions& options) {
  std::vector<std::pair<std::string, std::string>> values;
  for (const Parameter& parameter : kParameters) {
    const std::string name = parameter.name;
    if (parameter.real != nullptr) {
      values.emplace_back(name, shortest(options.generate.sampler.*parameter.real));
    } else if (parameter.integer != nullptr) {
      values.emplace_back(name, std::to_string(options.generate.sampler.*parameter.integer));
    } else if (name == "seed") {
      values.emplace_back(name, options.seed ? std::to_string(*options.seed) : "random");
    } else if (name == "num_predict") {
      values.emplace_back(name, std::to_string(options.generate.max_tokens));
    } else if (!options.generate.stop.empty()) {
      values.emplace_back(name, join_quoted(options.generate.stop));
    }
  }
  return values;
}

std::vector<std::pair<std::string, std::string>> parameter_help() {
  std::vector<std::pair<std::string, std::string>> help;
  for (const Parameter& parameter : kParameters) help.emplace_back(parameter.name, parameter.meaning);
  return help;
}

json parameters_to_json(const GenerationOptions& options) {
  json object = json::object();
  for (const Parameter& parameter : kParameters) {
    if (parameter.real != nullptr) {
      // Through the shortest decimal form: 0.8, not 0.800000011920929.
      object[parameter.name] = *parse_number<double>(shortest(options.generate.sampler.*parameter.real));
    } else if (parameter.integer != nullptr) {
      object[parameter.name] = options.generate.sampler.*parameter.integer;
    }
  }
  if (options.seed) object["seed"] = *options.seed;
  object["num_predict"] = options.generate.max_tokens;
  object["stop"] = options.generate.stop;
  return object;
}

Result<void> parameters_from_json(const json& object, GenerationOptions* options) {
  if (!object.is_object()) return Error{ErrorCode::kCorrupt, "parameters is no object"};
  for (const auto& [name, value] : object.items()) {
    std::vector<std::string> texts;
    if (value.is_number()) {
      texts.push_back(value.dump());
    } else if (value.is_array() && name == "stop") {
      for (const json& entry : value) {
        if (!entry.is_string()) return Error{ErrorCode::kCorrupt, "parameter stop holds something else than texts"};
        texts.push_back(entry.get<std::string>());
      }
    } else {
      return Error{ErrorCode::kCorrupt, "parameter " + printable(name, 40) + " has the wrong type"};
    }
    TRY(set_parameter(options, name, texts));
  }
  return {};
}

}  // namespace hearth::cli
