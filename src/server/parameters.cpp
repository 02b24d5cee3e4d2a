// Contract and exclusions: server/parameters.h.
#include "server/parameters.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>

#include "text/sequence_breakers.h"
#include "text/stop_strings.h"

namespace hearth::server {

namespace {

constexpr double kMaxCount = 1e9;
constexpr double kAnySeed = 9007199254740992.0;  // 2^53: what a double holds exactly
constexpr size_t kMaxBiases = 4096;

enum class Kind { kInteger, kNumber, kBoolean, kString, kStopStrings, kStrings, kSamplers, kBreakers, kIntegers, kBias, kFlagOrCount };

using Store = void (*)(const Json&, Parameters&);

struct Field {
  const char* name;
  Kind kind;
  double minimum = 0, maximum = 0;  // of numbers
  Store store = nullptr;            // null: checked and not used
};

float number(const Json& value) { return value.get<float>(); }
int64_t integer(const Json& value) {
  return value.is_number_float() ? static_cast<int64_t>(value.get<double>()) : value.get<int64_t>();
}

void store_max_tokens(const Json& value, Parameters& to) { to.generate.max_tokens = integer(value) < 0 ? -1 : integer(value); }

void store_stop(const Json& value, Parameters& to) {
  to.generate.stop.clear();
  if (value.is_string()) {
    if (!value.get_ref<const std::string&>().empty()) to.generate.stop.push_back(value);
    return;
  }
  for (const Json& entry : value) {
    if (!entry.get_ref<const std::string&>().empty()) to.generate.stop.push_back(entry);
  }
}

void store_bias(const Json& value, Parameters& to) {
  auto& biases = to.generate.sampler.logit_bias;
  biases.clear();
  const auto bias_of = [](const Json& bias) {
    return bias.is_boolean() ? -std::numeric_limits<float>::infinity() : bias.get<float>();
  };
  if (value.is_object()) {
    for (const auto& [name, bias] : value.items()) biases.emplace_back(std::stoi(name), bias_of(bias));
  } else {
    for (const Json& pair : value) biases.emplace_back(static_cast<int32_t>(integer(pair[0])), bias_of(pair[1]));
  }
}

// Names and letters of stages as llama-server writes them.
constexpr struct {
  char letter;
  const char* name;
  const char* others;  // with spaces around each
} kStageNames[] = {{'e', "penalties", ""},
                   {'d', "dry", ""},
                   {'s', "top_n_sigma", " top-n-sigma topnsigma "},
                   {'k', "top_k", " top-k topk "},
                   {'y', "typ_p", " typ-p typp typ typical typical_p typical-p "},
                   {'p', "top_p", " top-p topp nucleus "},
                   {'m', "min_p", " min-p minp "},
                   {'x', "xtc", ""},
                   {'t', "temperature", " temp "}};

void add_stage(const char* name, std::vector<std::string>* order) {
  if (std::find(order->begin(), order->end(), name) == order->end()) order->push_back(name);
}

// A stage takes its place once; names that are not known are left out, as llama-server does.
void store_samplers(const Json& value, Parameters& to) {
  auto& order = to.generate.sampler.order;
  order.clear();
  if (value.is_string()) {
    for (const char letter : value.get_ref<const std::string&>()) {
      for (const auto& stage : kStageNames) {
        if (stage.letter == letter) add_stage(stage.name, &order);
      }
    }
    return;
  }
  for (const Json& entry : value) {
    const std::string& name = entry.get_ref<const std::string&>();
    const bool plain = name.find(' ') == std::string::npos && !name.empty();
    for (const auto& stage : kStageNames) {
      const bool other = plain && std::string_view(stage.others).find(" " + name + " ") != std::string_view::npos;
      if (name == stage.name || other) add_stage(stage.name, &order);
    }
  }
}

void store_logprobs(const Json& value, Parameters& to) {
  to.logprobs = value.is_boolean() ? value.get<bool>() : true;
  if (!value.is_boolean()) to.top_logprobs = static_cast<int>(integer(value));
}

// Sorted by what they are about. A field that appears twice under different names has one meaning.
constexpr Field kFields[] = {
    // Length and end
    {"max_tokens", Kind::kInteger, -1, kMaxCount, store_max_tokens},
    {"max_completion_tokens", Kind::kInteger, -1, kMaxCount, store_max_tokens},
    {"max_output_tokens", Kind::kInteger, -1, kMaxCount, store_max_tokens},
    {"n_predict", Kind::kInteger, -1, kMaxCount, store_max_tokens},
    {"num_predict", Kind::kInteger, -2, kMaxCount, store_max_tokens},
    {"min_tokens", Kind::kInteger, 0, kMaxCount, [](const Json& v, Parameters& to) { to.generate.min_tokens = integer(v); }},
    {"stop", Kind::kStopStrings, 0, 0, store_stop},
    {"stop_sequences", Kind::kStopStrings, 0, 0, store_stop},
    {"stop_token_ids", Kind::kIntegers, 0, kMaxCount, [](const Json& v, Parameters& to) {
       to.generate.stop_tokens.clear();
       for (const Json& id : v) to.generate.stop_tokens.push_back(static_cast<int32_t>(integer(id)));
     }},
    {"ignore_eos", Kind::kBoolean, 0, 0, [](const Json& v, Parameters& to) { to.generate.ignore_stop_tokens = v.get<bool>(); }},
    {"t_max_predict_ms", Kind::kInteger, -1, kMaxCount, [](const Json& v, Parameters& to) { to.generate.line_milliseconds = integer(v); }},
    {"n_indent", Kind::kInteger, 0, 65536, [](const Json& v, Parameters& to) { to.generate.min_indent = integer(v); }},
    // Shape of the answer
    {"n", Kind::kInteger, 1, kMaxChoices, [](const Json& v, Parameters& to) { to.choices = static_cast<int>(integer(v)); }},
    {"n_cmpl", Kind::kInteger, 1, kMaxChoices, [](const Json& v, Parameters& to) { to.choices = static_cast<int>(integer(v)); }},
    {"best_of", Kind::kInteger, 1, kMaxChoices},
    {"stream", Kind::kBoolean, 0, 0, [](const Json& v, Parameters& to) { to.stream = v.get<bool>(); }},
    {"logprobs", Kind::kFlagOrCount, 0, 20, store_logprobs},
    {"top_logprobs", Kind::kInteger, 0, 20, [](const Json& v, Parameters& to) { to.top_logprobs = static_cast<int>(integer(v)); }},
    {"n_probs", Kind::kInteger, 0, 20, [](const Json& v, Parameters& to) {
       to.logprobs = integer(v) > 0;
       to.top_logprobs = static_cast<int>(integer(v));
     }},
    {"post_sampling_probs", Kind::kBoolean},
    {"return_tokens", Kind::kBoolean},
    {"timings_per_token", Kind::kBoolean},
    {"return_progress", Kind::kBoolean},
    {"response_fields", Kind::kStrings},
    {"sse_ping_interval", Kind::kInteger, -1, 86400},
    {"parallel_tool_calls", Kind::kBoolean},
    {"user", Kind::kString},
    // Sampling
    {"temperature", Kind::kNumber, 0, 100, [](const Json& v, Parameters& to) { to.generate.sampler.temperature = number(v); }},
    {"top_k", Kind::kInteger, -1, kMaxCount, [](const Json& v, Parameters& to) {
       to.generate.sampler.top_k = static_cast<int32_t>(integer(v) < 0 ? 0 : integer(v));
     }},
    {"top_p", Kind::kNumber, 0, 1, [](const Json& v, Parameters& to) { to.generate.sampler.top_p = number(v); }},
    {"min_p", Kind::kNumber, 0, 1, [](const Json& v, Parameters& to) { to.generate.sampler.min_p = number(v); }},
    {"repeat_penalty", Kind::kNumber, 0.01, 100, [](const Json& v, Parameters& to) { to.generate.sampler.repetition_penalty = number(v); }},
    {"repetition_penalty", Kind::kNumber, 0.01, 100, [](const Json& v, Parameters& to) { to.generate.sampler.repetition_penalty = number(v); }},
    {"presence_penalty", Kind::kNumber, -100, 100, [](const Json& v, Parameters& to) { to.generate.sampler.presence_penalty = number(v); }},
    {"frequency_penalty", Kind::kNumber, -100, 100, [](const Json& v, Parameters& to) { to.generate.sampler.frequency_penalty = number(v); }},
    {"repeat_last_n", Kind::kInteger, -1, kMaxCount, [](const Json& v, Parameters& to) {
       to.generate.sampler.penalty_window = static_cast<int32_t>(integer(v));
     }},
    {"seed", Kind::kInteger, -kAnySeed, kAnySeed, [](const Json& v, Parameters& to) {
       to.seed = integer(v) < 0 ? std::nullopt : std::optional<uint64_t>(static_cast<uint64_t>(integer(v)));
     }},
    {"logit_bias", Kind::kBias, -100, 100, store_bias},
    {"min_keep", Kind::kInteger, 0, kMaxCount, [](const Json& v, Parameters& to) {
       to.generate.sampler.min_keep = static_cast<int32_t>(integer(v));
     }},
    {"penalize_nl", Kind::kBoolean},
    {"penalize_newline", Kind::kBoolean},
    {"samplers", Kind::kSamplers, 0, 0, store_samplers},
    {"mirostat", Kind::kInteger, 0, 2, [](const Json& v, Parameters& to) {
       to.generate.sampler.mirostat = static_cast<int32_t>(integer(v));
     }},
    {"mirostat_tau", Kind::kNumber, 0, 100, [](const Json& v, Parameters& to) { to.generate.sampler.mirostat_tau = number(v); }},
    {"mirostat_eta", Kind::kNumber, 0, 1, [](const Json& v, Parameters& to) { to.generate.sampler.mirostat_eta = number(v); }},
    {"dynatemp_range", Kind::kNumber, 0, 100, [](const Json& v, Parameters& to) { to.generate.sampler.dynamic_range = number(v); }},
    {"dynatemp_exponent", Kind::kNumber, 0, 100, [](const Json& v, Parameters& to) { to.generate.sampler.dynamic_exponent = number(v); }},
    {"typical_p", Kind::kNumber, 0, 1, [](const Json& v, Parameters& to) { to.generate.sampler.typical_p = number(v); }},
    {"tfs_z", Kind::kNumber, 0, 1},
    {"top_n_sigma", Kind::kNumber, -1, 1000, [](const Json& v, Parameters& to) { to.generate.sampler.top_n_sigma = number(v); }},
    {"xtc_probability", Kind::kNumber, 0, 1, [](const Json& v, Parameters& to) { to.generate.sampler.xtc_probability = number(v); }},
    {"xtc_threshold", Kind::kNumber, 0, 1, [](const Json& v, Parameters& to) { to.generate.sampler.xtc_threshold = number(v); }},
    {"dry_multiplier", Kind::kNumber, 0, 1000, [](const Json& v, Parameters& to) { to.generate.sampler.dry_multiplier = number(v); }},
    {"dry_base", Kind::kNumber, 1, 1000, [](const Json& v, Parameters& to) { to.generate.sampler.dry_base = number(v); }},
    {"dry_allowed_length", Kind::kInteger, 0, kMaxCount, [](const Json& v, Parameters& to) {
       to.generate.sampler.dry_allowed_length = static_cast<int32_t>(integer(v));
     }},
    {"dry_penalty_last_n", Kind::kInteger, -1, kMaxCount, [](const Json& v, Parameters& to) {
       to.generate.sampler.dry_window = static_cast<int32_t>(integer(v));
     }},
    {"dry_sequence_breakers", Kind::kBreakers, 0, 0, [](const Json& v, Parameters& to) {
       to.generate.sampler.dry_breakers = v.get<std::vector<std::string>>();
     }},
    // Context and cache
    {"num_ctx", Kind::kInteger, 0, kMaxCount, [](const Json& v, Parameters& to) { to.context = integer(v); }},
    {"context_length", Kind::kInteger, 0, kMaxCount, [](const Json& v, Parameters& to) { to.context = integer(v); }},
    {"truncate", Kind::kBoolean},
    {"shift", Kind::kBoolean},
    {"num_keep", Kind::kInteger, -1, kMaxCount},
    {"n_keep", Kind::kInteger, -1, kMaxCount},
    {"n_discard", Kind::kInteger, 0, kMaxCount},
    {"id_slot", Kind::kInteger, -1, 1023},
    {"cache_prompt", Kind::kBoolean, 0, 0, [](const Json& v, Parameters& to) { to.reuse_prefix = v.get<bool>(); }},
    {"n_cache_reuse", Kind::kInteger, 0, kMaxCount},
    // Embeddings
    {"dimensions", Kind::kInteger, 0, kMaxCount, [](const Json& v, Parameters& to) { to.dimensions = integer(v); }},
    {"embd_normalize", Kind::kInteger, -1, 64, [](const Json& v, Parameters& to) { to.embedding_norm = static_cast<int>(integer(v)); }},
    {"encoding_format", Kind::kString},
    // How Ollama would load the model
    {"num_batch", Kind::kInteger, 1, kMaxCount},
    {"num_gpu", Kind::kInteger, -1, kMaxCount},
    {"main_gpu", Kind::kInteger, 0, 1023},
    {"num_thread", Kind::kInteger, 0, 4096},
    {"draft_num_predict", Kind::kInteger, 0, kMaxCount},
    {"use_mmap", Kind::kBoolean},
    {"low_vram", Kind::kBoolean},
    {"numa", Kind::kBoolean},
    {"f16_kv", Kind::kBoolean},
    {"logits_all", Kind::kBoolean},
    {"vocab_only", Kind::kBoolean},
    {"use_mlock", Kind::kBoolean},
    {"embedding_only", Kind::kBoolean},
};

std::string shown(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.15g", value);
  return text;
}

ApiError wrong_type(const Field& field, const char* wanted, const Json& value) {
  return bad_request(std::string("'") + field.name + "' must be " + wanted + ", not " + value.type_name(), field.name);
}

ApiError out_of_range(const Field& field, const Json& value) {
  return bad_request(std::string("'") + field.name + "' must be between " + shown(field.minimum) + " and " +
                         shown(field.maximum) + ", not " + to_text(value).substr(0, 40),
                     field.name);
}

bool is_whole(const Json& value) {
  if (value.is_number_integer()) return true;
  return value.is_number_float() && std::trunc(value.get<double>()) == value.get<double>();
}

Checked<Nothing> check_number(const Field& field, const Json& value) {
  if (!value.is_number()) return wrong_type(field, "a number", value);
  const double number = value.get<double>();
  if (!std::isfinite(number) || number < field.minimum || number > field.maximum) return out_of_range(field, value);
  return Nothing{};
}

Checked<Nothing> check_integer(const Field& field, const Json& value) {
  if (!value.is_number()) return wrong_type(field, "an integer", value);
  if (!is_whole(value)) return bad_request(std::string("'") + field.name + "' must be an integer", field.name);
  return check_number(field, value);
}

Checked<Nothing> check_list(const Field& field, const Json& value, bool strings) {
  if (!value.is_array()) return wrong_type(field, strings ? "a list of strings" : "a list of integers", value);
  for (const Json& entry : value) {
    if (strings && !entry.is_string()) return wrong_type(field, "a list of strings", entry);
    if (!strings) {
      if (Checked<Nothing> one = check_integer(field, entry); !one.ok()) return one;
    }
  }
  return Nothing{};
}

Checked<Nothing> check_stop(const Field& field, const Json& value) {
  if (!value.is_string()) {
    if (Checked<Nothing> list = check_list(field, value, true); !list.ok()) return list;
  }
  Parameters scratch;
  store_stop(value, scratch);
  if (const Result<void> valid = text::validate_stop_strings(scratch.generate.stop); !valid.ok()) {
    return bad_request(std::string("'") + field.name + "': " + valid.error().message, field.name);
  }
  return Nothing{};
}

Checked<Nothing> check_breakers(const Field& field, const Json& value) {
  if (Checked<Nothing> list = check_list(field, value, true); !list.ok()) return list;
  const Result<void> valid = text::SequenceBreakers::validate(value.get<std::vector<std::string>>());
  if (valid.ok()) return Nothing{};
  return bad_request(std::string("'") + field.name + "': " + valid.error().message, field.name);
}

bool is_token_id(const std::string& text) {
  return !text.empty() && text.size() <= 9 && text.find_first_not_of("0123456789") == std::string::npos;
}

// {"15043": -100} (OpenAI), or [[15043, 1.5], [2, false]] (llama-server; false bans).
Checked<Nothing> check_bias(const Field& field, const Json& value) {
  if (!value.is_object() && !value.is_array()) return wrong_type(field, "an object of token ids and biases", value);
  if (value.size() > kMaxBiases) {
    return bad_request(std::string("'") + field.name + "' has more than " + std::to_string(kMaxBiases) + " entries", field.name);
  }
  const auto check = [&](const Json& bias) -> Checked<Nothing> {
    if (bias.is_boolean() && !bias.get<bool>()) return Nothing{};
    return check_number(field, bias);
  };
  for (const auto& [name, entry] : value.items()) {
    const bool object = value.is_object();
    if (object && !is_token_id(name)) {
      return bad_request(std::string("'") + field.name + "': '" + name.substr(0, 40) + "' is no token id", field.name);
    }
    if (!object && (!entry.is_array() || entry.size() != 2 || !entry[0].is_number_unsigned() || entry[0] > kMaxCount)) {
      return bad_request(std::string("'") + field.name + "' must be a list of [token id, bias]", field.name);
    }
    if (Checked<Nothing> one = check(object ? entry : entry[1]); !one.ok()) return one;
  }
  return Nothing{};
}

Checked<Nothing> check(const Field& field, const Json& value) {
  switch (field.kind) {
    case Kind::kInteger: return check_integer(field, value);
    case Kind::kNumber: return check_number(field, value);
    case Kind::kBoolean: return value.is_boolean() ? Checked<Nothing>(Nothing{}) : wrong_type(field, "true or false", value);
    case Kind::kString: return value.is_string() ? Checked<Nothing>(Nothing{}) : wrong_type(field, "a string", value);
    case Kind::kStopStrings: return check_stop(field, value);
    case Kind::kStrings: return check_list(field, value, true);
    case Kind::kSamplers: return value.is_string() ? Checked<Nothing>(Nothing{}) : check_list(field, value, true);
    case Kind::kBreakers: return check_breakers(field, value);
    case Kind::kIntegers: return check_list(field, value, false);
    case Kind::kBias: return check_bias(field, value);
    case Kind::kFlagOrCount: return value.is_boolean() ? Checked<Nothing>(Nothing{}) : check_integer(field, value);
  }
  return Nothing{};
}

const char* type_name(Kind kind) {
  switch (kind) {
    case Kind::kInteger: return "integer";
    case Kind::kNumber: return "number";
    case Kind::kBoolean: return "boolean";
    case Kind::kString: return "string";
    default: return "";
  }
}

}  // namespace

Parameters default_parameters(Dialect dialect) {
  Parameters result;
  text::SamplerOptions& sampler = result.generate.sampler;
  switch (dialect) {
    case Dialect::kOpenAi:
    case Dialect::kAnthropic:
      sampler.temperature = 1.0f, sampler.top_k = 0, sampler.top_p = 1.0f, sampler.min_p = 0.0f;
      break;
    case Dialect::kOllama:
      sampler.temperature = 0.8f, sampler.top_k = 40, sampler.top_p = 0.9f, sampler.min_p = 0.0f;
      result.stream = true;
      break;
    case Dialect::kNative:
    case Dialect::kLmStudio:
      sampler.temperature = 0.8f, sampler.top_k = 40, sampler.top_p = 0.95f, sampler.min_p = 0.05f;
      break;
  }
  return result;
}

Checked<Nothing> read_parameters(const Json& object, Parameters* parameters) {
  for (const Field& field : kFields) {
    const Json* value = find_member(object, field.name);
    if (value == nullptr) continue;
    if (Checked<Nothing> checked = check(field, *value); !checked.ok()) return checked;
    if (field.store) field.store(*value, *parameters);
  }
  parameters->generate.sampler.logprobs = parameters->logprobs ? parameters->top_logprobs : -1;
  return Nothing{};
}

uint64_t choose_seed(Parameters* parameters) {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  const uint64_t seed = parameters->seed.value_or(random() >> 33);
  parameters->generate.sampler.seed = seed;
  return seed;
}

std::vector<ParameterInfo> known_parameters() {
  std::vector<ParameterInfo> list;
  for (const Field& field : kFields) {
    ParameterInfo info{field.name, type_name(field.kind), {}, {}};
    if (field.kind == Kind::kInteger || field.kind == Kind::kNumber) info.minimum = field.minimum, info.maximum = field.maximum;
    list.push_back(std::move(info));
  }
  return list;
}

}  // namespace hearth::server
