// The parts of an answer as items of a response, and the events that tell of them: message, reasoning, function_call,
// custom_tool_call.
//
// Contract: every event that opens an item is followed by one that closes it. Reasoning is the item's content, or its summary if
// the request asked for one. Log-probabilities belong to the text that they came with.
// Not here: events of the response as a whole (openai/response_writer.cpp).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "server/json.h"
#include "server/tools/answer_parts.h"
#include "server/tools/tool_request.h"

namespace hearth::server::openai {

class ResponseItems {
 public:
  // "response...." and its members; type and sequence number are added by whoever sends it.
  using Send = std::function<void(const char* event, Json data)>;

  ResponseItems(const ToolWishes& tools, bool summarises) : tools_(tools), summarises_(summarises) {}

  // What a part of the answer looks like as an item.
  Json item_of(size_t index, const AnswerPart& part, const char* status);
  void send(const PartEvent& event, const AnswerPart& part, const char* status, const Send& send);
  // An empty delta that carries log-probabilities, of a message that is open.
  void send_logprobs(size_t index, const Send& send);
  // Of the next text, as a list of their entries.
  void add_logprobs(Json entries);
  // Those that wait belonged to no text.
  void drop_logprobs() { waiting_ = Json::array(); }

 private:
  std::string id_of(size_t index, const AnswerPart& part);
  Json place(size_t index, const AnswerPart& part, const char* inner);
  void begin(size_t index, const AnswerPart& part, const Send& send);
  void more(size_t index, const AnswerPart& part, const std::string& text, const Send& send);
  void end(size_t index, const AnswerPart& part, const char* status, const Send& send);
  Json text_part(const AnswerPart& part, Json logprobs) const;
  Json take_logprobs(size_t index);

  const ToolWishes tools_;
  const bool summarises_;
  std::vector<std::string> ids_;   // by part
  std::vector<Json> logprobs_;     // by part: of its text so far
  Json waiting_ = Json::array();   // log-probabilities of the next text
};

}  // namespace hearth::server::openai
