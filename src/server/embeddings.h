// Texts to vectors: what the embedding routes of all dialects share.
//
// Contract: vectors of a request are made in steps beside answers, a few at a time, so that a request of many texts neither
// fills the queue nor keeps others waiting; each is the same bits whatever runs beside it. The answer is sent once, when all
// are there, or an error. When the client goes away the rest is cancelled. The model stays in memory until then.
// Not here: pooling (engine/embed.h), fields and shapes of a dialect (one folder each).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/context.h"

namespace hearth::server {

inline constexpr size_t kMaxInputs = 2048;  // texts of one request, as many as OpenAI takes

using Texts = std::vector<std::vector<int32_t>>;  // as tokens

struct VectorForm {
  int64_t dimensions = 0;  // the first so many; 0: all
  int norm = 2;            // as Parameters::embedding_norm
};

// The vector that a client gets: cut, then scaled as a whole. One without length stays as it is.
std::vector<float> shape_vector(std::vector<float> states, const VectorForm& form);
// 400 if the model has fewer dimensions than are asked for.
Checked<VectorForm> vector_form(const Prepared& prepared);

// "[0.25,-1.5]": every float32 is written such that it is read back exactly, as float32 and as float64.
std::string vector_list(const std::vector<float>& vector);
// The bytes of little-endian float32 in base64, in quotes.
std::string vector_base64(const std::vector<float>& vector);

struct EmbeddingJob {
  std::shared_ptr<Models::Lease> model;
  Texts texts;                       // each fits the context
  VectorForm form;
  std::optional<AdapterSet> adapters = {};
  Dialect dialect = Dialect::kOpenAi;
  std::string owner, request_id;
  Headers headers = {};
  // The JSON of one vector, and of the whole answer from all of them with commas between.
  std::function<std::string(size_t index, const std::vector<float>& vector)> entry;
  std::function<std::string(std::string entries)> body;
};

void start_embeddings(EmbeddingJob job, const ResponderPtr& responder);

int64_t count_tokens(const Texts& texts);

// The texts of a field in OpenAI's form: a string, a list of strings, of token ids, or of lists of token ids; `raw_prompts`:
// also what llama-server reads as prompts (server/raw_prompts.h). Blank ones are refused.
Checked<Texts> read_inputs(const Engine& engine, const Json& body, const char* field, bool raw_prompts);

}  // namespace hearth::server
