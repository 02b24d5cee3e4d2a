// The one table of request parameters: names of all dialects, types, ranges, and what they set.
//
// Contract: a name that the table knows is checked wherever it stands, also on routes and models that do not use it; unknown
// names are ignored. null is the same as absent. Defaults are each dialect's own. Errors are 400 and name field and range.
// Not here: prompts and messages, fields that only one route knows.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/generate.h"
#include "server/api_error.h"
#include "server/json.h"

namespace hearth::server {

inline constexpr int kMaxChoices = 16;

struct Parameters {
  GenerateOptions generate;         // the seed is set by choose_seed()
  std::optional<uint64_t> seed;     // none or negative: a new one for each request
  int choices = 1;                  // "n"
  bool stream = false;
  bool logprobs = false;            // with top_logprobs alternatives
  int top_logprobs = 0;
  int64_t context = 0;              // "num_ctx": what the request wants at least; 0: whatever is loaded
  bool reuse_prefix = true;         // "cache_prompt"
  std::optional<AdapterSet> adapters;  // "lora"; once the model is there, what is in effect
  int64_t dimensions = 0;           // of embeddings; 0: as many as the model has
  int embedding_norm = 2;           // "embd_normalize": -1 none, 0 the largest is 32760, else the p of a p-norm of one
};

// What `dialect` takes for granted.
Parameters default_parameters(Dialect dialect);

// Reads every known name in `object` (a body, or Ollama's "options") into `parameters`.
Checked<Nothing> read_parameters(const Json& object, Parameters* parameters);

// The seed of this request, random if none was asked for; set in generate.sampler, too. At most 2^31 - 1 if random, so that
// every JSON reader gives it back exactly.
uint64_t choose_seed(Parameters* parameters);

// Name, type and range of every entry, for the API description.
struct ParameterInfo {
  std::string name;
  std::string type;                 // "integer", "number", "boolean", "string", "array", "object"
  std::optional<double> minimum, maximum;
};
std::vector<ParameterInfo> known_parameters();

}  // namespace hearth::server
