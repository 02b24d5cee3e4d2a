// What a request to /v1/responses asks for, checked.
//
// Contract: see openai/responses.h. The conversation fits the context, or the request is refused, or the oldest messages were
// left out because it asked for that.
// Not here: the answer (openai/response_writer.h).
#pragma once

#include "server/context.h"
#include "server/messages.h"
#include "server/openai/response_store.h"

namespace hearth::server::openai {

struct ResponseRequest {
  Prepared prepared;
  Conversation conversation;        // with instructions
  Json messages;                    // without them, nothing left out: what a later response goes on from
  Json input_items;
  std::vector<int32_t> prompt;
  text::tools::ParserOptions parser;
  bool store = true;
  int64_t dropped_messages = 0, dropped_tokens = 0;  // by truncation
};

// `generates`: false to count the prompt only, which then may be of any length.
Checked<ResponseRequest> read_response_request(Context& context, const Request& request, bool generates);

}  // namespace hearth::server::openai
