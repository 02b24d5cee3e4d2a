// Answers in the form of llama-server's POST /completion: whole, or as events of which the last has "stop": true.
//
// Contract: a class for events_of() (server/generation.h). Several answers are a list, or events that name their "index".
// Not here: reading requests (native/completion.cpp, native/infill.cpp).
#pragma once

#include <string>
#include <vector>

#include "server/context.h"
#include "server/stream.h"

namespace hearth::server::native {

// What a request wants to see of its answers.
struct CompletionShape {
  std::vector<std::string> prompts;          // as they are told back
  std::vector<std::string> response_fields;  // paths like "timings/prompt_n"; empty: everything
  std::vector<std::string> own_stops;        // stop strings that the server added: an end like the model's own
  Json more = Json::object();                // further members of the last object of an answer
  bool return_tokens = false;
  bool timings_per_token = false;
  bool return_progress = false;
};
Checked<CompletionShape> read_shape(const Prepared& prepared);

// The members of `whole` that the paths name, each under its path; those that are not there are left out.
Json select_fields(const Json& whole, const std::vector<std::string>& paths);

class CompletionWriter {
 public:
  CompletionWriter(ResponderPtr responder, const Prepared& prepared, std::string request_id, CompletionShape shape, Headers more = {});

  void prompt(const PromptProgress& progress);
  void text(int index, std::string_view text, std::span<const GeneratedToken> tokens);
  void end(int index, const GenerateResult& result);
  void done(const std::vector<GenerateResult>& results);
  void error(const ApiError& error);

 private:
  Json partial(int index, std::string_view text, std::span<const GeneratedToken> tokens);
  Json last(int index, const GenerateResult& result, bool with_content) const;
  Json probabilities(std::span<const GeneratedToken> tokens) const;

  ResponderPtr responder_;
  Headers headers_;
  EventStream stream_;
  std::shared_ptr<Models::Lease> model_;
  Parameters parameters_;
  std::string request_id_;
  CompletionShape shape_;
  std::vector<int64_t> predicted_;           // tokens so far, per answer
  int64_t prompt_tokens_ = 0;                // of the first prompt, once known
  int64_t first_text_ns_ = 0;
};

}  // namespace hearth::server::native
