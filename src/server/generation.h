// From a request that has been understood to answers that are being made: what all dialects share.
//
// Contract: on_done or on_error is the last event, exactly once. Events come one at a time; apart from an error that is found
// at once they come on the service's thread and must not block. When the client goes away the answers are cancelled, and no
// event follows that it could see. The model stays in memory until the last event.
// Not here: reading requests and writing answers (one folder per dialect).
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/serving/answer.h"
#include "server/api_error.h"
#include "server/http/message.h"
#include "server/models.h"
#include "server/parameters.h"

namespace hearth::server {

struct Generation {
  std::shared_ptr<Models::Lease> model;
  std::vector<std::vector<int32_t>> prompts;  // one or more; each is answered parameters.choices times
  Parameters parameters;                      // with its seed chosen
  std::string owner;
};

struct AnswerEvents {
  std::function<void(const PromptProgress&)> on_prompt;  // of the first answer; may stay unset
  // `index`: prompt * choices + choice.
  std::function<void(int index, std::string_view text, std::span<const GeneratedToken> tokens)> on_text;  // may stay unset
  std::function<void(int index, const GenerateResult& result)> on_end;                                    // may stay unset
  std::function<void(const std::vector<GenerateResult>& results)> on_done;
  std::function<void(const ApiError& error)> on_error;
};

void start_answers(Generation generation, AnswerEvents events, const std::shared_ptr<Responder>& responder);

// Events of a writer class: methods prompt(progress), text(index, text, tokens), end(index, result), done(results) and
// error(error). The writer lives as long as its answers.
template <class Writer>
AnswerEvents events_of(std::shared_ptr<Writer> writer) {
  AnswerEvents events;
  events.on_prompt = [writer](const PromptProgress& progress) { writer->prompt(progress); };
  events.on_text = [writer](int index, std::string_view text, std::span<const GeneratedToken> tokens) {
    writer->text(index, text, tokens);
  };
  events.on_end = [writer](int index, const GenerateResult& result) { writer->end(index, result); };
  events.on_done = [writer](const std::vector<GenerateResult>& results) { writer->done(results); };
  events.on_error = [writer](const ApiError& error) { writer->error(error); };
  return events;
}

// Fails with the sentence that clients look for if a prompt does not fit, naming both counts.
Checked<Nothing> check_prompt_fits(const Engine& engine, std::span<const int32_t> prompt);

}  // namespace hearth::server
