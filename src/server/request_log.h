// One line of the log for every request, when it is over.
//
// Contract: names, counts and times; the text of a prompt or an answer only where it was asked for (--log-prompts). Health
// checks that went well are told at level debug, what was the server's fault at level warning, all else at info.
// Not here: where lines go and how they look (base/log.h), what is known of a request (http/request_record.h).
#pragma once

#include <string>

#include "base/log.h"
#include "server/http/request_record.h"

namespace hearth::server {

void log_request(const RequestFacts& facts);

// Its parts.
LogLevel level_of(const RequestFacts& facts);
std::string line_of(const RequestFacts& facts);   // "POST /v1/chat/completions 200 in 1.2 s; smollm2:135m, ..."
LogFields fields_of(const RequestFacts& facts);

}  // namespace hearth::server
