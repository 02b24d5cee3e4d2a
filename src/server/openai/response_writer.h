// Writes an answer of /v1/responses, whole or as a stream.
//
// Contract: as events_of() (server/generation.h) wants it. A stream is: response.created, response.in_progress; for each item
// response.output_item.added, its parts and deltas (openai/response_items.h), response.output_item.done; and response.completed,
// or response.incomplete if the answer was ended by a limit. Every event carries a sequence number. An answer that is to be
// stored is.
// Not here: what was asked (openai/response_request.h).
#pragma once

#include "server/openai/response_items.h"
#include "server/openai/response_request.h"
#include "server/stream.h"

namespace hearth::server::openai {

class ResponseWriter {
 public:
  ResponseWriter(ResponderPtr responder, ResponseStore& store, ResponseRequest request, std::string request_id);

  void prompt(const PromptProgress& progress);
  void text(int index, std::string_view text, std::span<const GeneratedToken> tokens);
  void end(int index, const GenerateResult& result);
  void done(const std::vector<GenerateResult>& results);
  void error(const ApiError& error);

 private:
  static const char* status_of(const GenerateResult& result);
  bool streams() const { return request_.prepared.parameters.stream; }
  ResponseItems::Send sender();
  void tell(const std::vector<PartEvent>& events, const char* status);
  void send(const char* event, Json data);
  void open();
  void keep();

  ResponderPtr responder_;
  Headers headers_;
  EventStream stream_;
  ResponseStore& store_;
  std::string id_;
  Json object_;
  ResponseItems items_;
  AnswerParts parts_;
  ResponseRequest request_;
  std::string request_id_;
  bool opened_ = false;
  bool untold_ = false;  // there are log-probabilities that no delta has carried
  int64_t sequence_number_ = 0;
};

}  // namespace hearth::server::openai
