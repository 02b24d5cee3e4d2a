// The parts of an answer in the words of chat completions: a whole message, or the deltas of a stream.
//
// Contract: reasoning stands in "reasoning_content" (llama-server, DeepSeek) and in "reasoning" (Ollama, LM Studio, routers);
// calls in "tool_calls", or in "function_call" for requests that had "functions". A call that broke off has the arguments that
// there are.
// Not here: chunks and choices (openai/chat.cpp).
#pragma once

#include <optional>

#include "engine/generate.h"
#include "server/json.h"
#include "server/tools/answer_parts.h"
#include "server/tools/tool_request.h"

namespace hearth::server::openai {

Json chat_message(const AnswerParts& parts, const ToolWishes& tools);

// The deltas of one choice.
class ChatDeltas {
 public:
  explicit ChatDeltas(const ToolWishes& tools) : tools_(tools) {}
  // Nothing for events that cannot be seen in a stream.
  std::optional<Json> delta_of(const PartEvent& event, const AnswerPart& part);

 private:
  std::optional<Json> call_delta(const PartEvent& event, const AnswerPart& part);

  const ToolWishes& tools_;
  int calls_ = 0;  // begun
};

// "stop", "length", "tool_calls" or "function_call"
const char* chat_finish_reason(const GenerateResult& result, const AnswerParts& parts, const ToolWishes& tools);

// The text that a custom tool is called with.
std::string custom_input(const AnswerPart& call);

}  // namespace hearth::server::openai
