// Input of /v1/responses: text or items, turned into the messages that chat templates know.
//
// Contract: a function_call joins the assistant's message before it, a function_call_output becomes a message of role "tool",
// readable reasoning goes with the assistant's message that follows. Items that a text model cannot read are 400.
// Not here: what of a conversation is left out to make it fit (openai/responses.cpp).
#pragma once

#include "server/messages.h"

namespace hearth::server::openai {

struct ResponseInput {
  Json messages = Json::array();
  Json items = Json::array();       // as given, each with an id and a type
};

// `input` as in the body; messages are appended to `before`, those of an earlier response.
Checked<ResponseInput> read_response_input(const Json& body, Json before);

}  // namespace hearth::server::openai
