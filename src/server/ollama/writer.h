// Writes the answers of /api/chat and /api/generate, as lines while they are made or as one object.
//
// Contract: as events_of() (server/generation.h) wants it. The text of all lines joined is the text of the one object. The
// last line has the reason of the end, counts and times; an error after the first line is a line of its own.
// Not here: what was asked.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "server/context.h"
#include "server/stream.h"
#include "server/tools/answer_parts.h"

namespace hearth::server::ollama {

// Where an answer's text stands: in "message" or in "response".
enum class AnswerForm { kChat, kGenerate };

// What a line, or the whole answer, says.
struct Said {
  std::string_view text, thinking;
  Json calls = {};                     // {"id", "function": {"index", "name", "arguments"}}
};

// {model, created_at}, the head of every line.
Json envelope(const std::string& model);
void put_said(Json* line, AnswerForm form, Said said);

struct AnswerOptions {
  AnswerForm form = AnswerForm::kChat;
  int64_t begun_ns = 0;                // when the request came
  std::string request_id;
  bool with_context = false;           // gives the whole timeline back as "context"
  std::vector<int32_t> prompt;         // for that
  text::tools::ParserOptions parser;   // takes the answer apart
};

class AnswerWriter {
 public:
  AnswerWriter(ResponderPtr responder, const Prepared& prepared, AnswerOptions options);

  void prompt(const PromptProgress& progress);
  void text(int index, std::string_view text, std::span<const GeneratedToken> tokens);
  void end(int index, const GenerateResult& result);
  void done(const std::vector<GenerateResult>& results);
  void error(const ApiError& error);

 private:
  void send_piece(Said said, std::span<const GeneratedToken> tokens);
  void send_events(const std::vector<PartEvent>& events, std::span<const GeneratedToken> tokens);
  Json call_of(const AnswerPart& call);
  Json last_line(const GenerateResult& result) const;

  ResponderPtr responder_;
  EventStream stream_;
  std::shared_ptr<Models::Lease> model_;
  std::string name_;
  Headers headers_;
  bool streams_, logprobs_;
  double load_ms_;
  AnswerOptions options_;
  AnswerParts parts_;
  Json calls_ = Json::array();         // all that have been told
  int64_t written_ns_;
};

}  // namespace hearth::server::ollama
