// What every route has at hand, and the first steps that all generating routes share.
//
// Contract: one Context lives as long as the server; routes may be called by several threads at once.
// Not here: the table of routes (server/routes.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/answer_plan.h"
#include "server/api_error.h"
#include "server/background.h"
#include "server/generation.h"
#include "server/http/message.h"
#include "server/json.h"
#include "server/models.h"
#include "server/openai/response_store.h"
#include "server/parameters.h"
#include "server/shapes.h"
#include "server/tools/reasoning_request.h"
#include "server/tools/tool_request.h"
#include "server/watchdog.h"

namespace hearth::server {

struct Context {
  Models& models;
  std::string version;               // of the program
  int64_t started_ns = 0;            // monotonic
  Background background = {};        // pulls
  openai::ResponseStore responses = openai::ResponseStore();  // of /v1/responses and /api/v1/chat
  const Watchdog* watchdog = nullptr;  // none: nobody watches
};

using ResponderPtr = std::shared_ptr<Responder>;

void send_json(Responder& responder, const Json& json, int status = 200, Headers more = {});
void send_error(Responder& responder, Dialect dialect, const ApiError& error, std::string_view request_id);

// "chatcmpl-" and 24 random letters and digits.
std::string new_id(std::string_view prefix);
int64_t unix_seconds();
std::string rfc3339(int64_t seconds, int64_t nanoseconds);  // "2026-01-02T03:04:05.123456789Z"
std::string rfc3339_now();

// A generating request, as far as all dialects agree.
struct Prepared {
  Json body;
  Parameters parameters;             // with its seed; with its grammar once the model is there
  RequestedShape shape;
  ToolWishes tools;
  ReasoningWishes reasoning;
  std::string model_name;            // as asked for
  std::optional<KeepAlive> keep_alive;
  std::shared_ptr<Models::Lease> model;
};

// Parses the body, reads the parameters (also those in `nested`, if the dialect has such a member) and refuses what is not
// supported. Loads nothing.
Checked<Prepared> read_request(const Request& request, Dialect dialect, const char* nested = nullptr);
// What a request asks of a conversation's answer, for plan_conversation().
AnswerWishes wishes_of(const Prepared& prepared);
// 400 where a prompt is continued as it is: tools belong to conversations.
Checked<Nothing> refuse_tools(const Prepared& prepared);
// Loads the model of a request that has been read.
Checked<Nothing> load_model(Context& context, Prepared* prepared);
// Both.
Checked<Prepared> prepare(Context& context, const Request& request, Dialect dialect, const char* nested = nullptr);

// Headers of every generated answer: the seed that was used, and types of tools that were left out.
Headers answer_headers(const Prepared& prepared);

// Positions of the context that an answer fills when it ends: the last token was drawn, but not run.
int64_t tokens_held(const GenerateResult& result);
// llama-server's figures of one answer, in milliseconds.
Json timings_of(const GenerateResult& result);
// [{token, logprob, bytes, top_logprobs}], OpenAI's form.
Json logprobs_of(const Engine& engine, std::span<const GeneratedToken> tokens);

}  // namespace hearth::server
