// OpenAI's /v1/responses: answers, their storage, and counting their input.
//
// Contract: shapes and events as the public OpenAI clients read them. An answer is kept for previous_response_id unless "store"
// is false, in memory and within bounds. `truncation: auto` leaves out the oldest messages and says how many. What would change
// the answer and cannot be done (background, conversations) is 400.
// Not here: chat completions (openai/chat.cpp).
#pragma once

#include "server/context.h"

namespace hearth::server::openai {

void create_response(Context& context, const Request& request, const ResponderPtr& responder);
void show_response(Context& context, const Request& request, const ResponderPtr& responder);    // and /input_items
void delete_response(Context& context, const Request& request, const ResponderPtr& responder);
void count_response_input(Context& context, const Request& request, const ResponderPtr& responder);

}  // namespace hearth::server::openai
