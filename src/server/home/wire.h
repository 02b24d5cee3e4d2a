// What `hearth run` and a running server say to each other, as JSON.
//
// Contract: what one side writes the other reads back exactly: numbers to the last bit, seeds of 64 bits, -inf. Reading checks
// types and never throws; ranges are checked where they are checked for everybody (text::validate, check_request).
// Not here: HTTP, who asks.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "engine/answer_plan.h"
#include "engine/generate.h"
#include "hearth/engine.h"
#include "server/json.h"
#include "text/chat_template.h"

namespace hearth::server::home {

// Of two sides that do not agree in all of it, answers could differ.
struct Identity {
  std::string version;
  int numerics = 0;
  std::string kv_type;
};
Json identity_to_json(const Identity& identity);
Result<Identity> identity_from_json(const Json& json);

struct Question {
  std::string model;
  std::vector<text::ChatMessage> messages;  // a conversation; its last text is what a model without chat template continues
  GenerateOptions options;
  AnswerWishes wishes;                      // without a shape, which no server is asked for
};
Json question_to_json(const Question& question);
Checked<Question> question_from_json(const Json& json);

Json model_info_to_json(const ModelInfo& info);
Result<ModelInfo> model_info_from_json(const Json& json);

// One line of an answer. Exactly one of the members is there.
struct PromptLine { int64_t total = 0, reused = 0, done = 0, waiting_before = -1; };
struct TextLine {
  std::string text, reasoning;
  std::vector<GeneratedToken> tokens;
  std::map<int32_t, std::string> token_texts;  // if log-probabilities were asked for
};
struct EndLine {
  GenerateResult result;                       // without text and tokens, which have come before
  std::vector<text::tools::ParsedCall> calls;
  std::vector<text::tools::MalformedCall> malformed;
  int64_t context = 0, context_used = 0;
};
struct Line {
  std::optional<PromptLine> prompt;
  std::optional<TextLine> text;
  std::optional<EndLine> end;
  std::optional<Error> error;
};
Json to_json(const PromptLine& line);
Json to_json(const TextLine& line, bool with_logprobs);
Json to_json(const EndLine& line);
Result<Line> line_from_text(const std::string& text);

// An answer's error, whole or as a line: {"error":{"code":400,"message":...,"type":...}}.
Error error_from_json(int status, const Json& json);

}  // namespace hearth::server::home
