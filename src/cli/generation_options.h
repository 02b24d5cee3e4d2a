// How answers are made, as people set it: on the command line (--temp 0.5) and in a chat (/set parameter temperature 0.5).
//
// Contract: one table of names serves both a chat's commands and saved chats. Values are checked when they are set; the
// error names the parameter and its range.
// Not here: what the values mean (text/sampler.h, engine/generate.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "engine/generate.h"
#include "hearth/error.h"
#include "nlohmann/json_fwd.hpp"

namespace CLI {
class App;
}  // namespace CLI

namespace hearth::cli {

struct GenerationOptions {
  GenerateOptions generate;
  std::optional<uint64_t> seed;  // none: a new random one for each answer
};

// --seed, --temp, --top-k, --top-p, --min-p, --repeat-penalty, ... --stop, --max-tokens, --logprobs.
void add_generation_options(CLI::App* verb, GenerationOptions* options);

// The options of one answer: the seed is set, random if none was chosen.
GenerateOptions for_one_answer(const GenerationOptions& options);

// Parameter names are Ollama's (temperature, top_k, num_predict, ...). kInvalidArgument names what is wrong.
Result<void> set_parameter(GenerationOptions* options, const std::string& name, const std::vector<std::string>& values);
// name, value for all that have one, in a fixed order.
std::vector<std::pair<std::string, std::string>> parameter_values(const GenerationOptions& options);
// name, meaning of every parameter.
std::vector<std::pair<std::string, std::string>> parameter_help();

// For saved chats: {"temperature": 0.5, "stop": ["..."], ...}. From JSON, unknown names and wrong types are errors.
nlohmann::ordered_json parameters_to_json(const GenerationOptions& options);
Result<void> parameters_from_json(const nlohmann::ordered_json& json, GenerationOptions* options);

}  // namespace hearth::cli
