// OpenAI's routes: chat completions, completions, embeddings and models.
//
// Contract: fields and shapes as the public OpenAI clients read them, llama-server's additions beside them. Handlers answer
// every request; errors are {"error": {message, type, param, code}}.
// Not here: how answers are made (server/generation.h).
#pragma once

#include "server/context.h"
#include "server/messages.h"

namespace hearth::server::openai {

void chat_completions(Context& context, const Request& request, const ResponderPtr& responder);
void completions(Context& context, const Request& request, const ResponderPtr& responder);
void embeddings(Context& context, const Request& request, const ResponderPtr& responder);
void list_models(Context& context, const Request& request, const ResponderPtr& responder);
void show_model(Context& context, const Request& request, const ResponderPtr& responder);

// {prompt_tokens, completion_tokens, total_tokens, prompt_tokens_details}
Json usage_of(const std::vector<GenerateResult>& results, int choices);
const char* finish_reason(const GenerateResult& result);
// "messages" and "chat_template_kwargs"
Checked<Conversation> read_conversation(const Json& body);
// "stream_options": {"include_usage": true}
Checked<bool> wants_usage(const Json& body);

// How an answer in OpenAI's form is finished by others that share it (LM Studio adds "stats").
using Decorate = std::function<void(Json* object, const Models::Lease& model, const std::vector<GenerateResult>& results)>;
void answer_chat(Context& context, const Request& request, const ResponderPtr& responder, Dialect dialect, Decorate decorate);
void answer_completion(Context& context, const Request& request, const ResponderPtr& responder, Dialect dialect,
                       Decorate decorate);
void answer_embeddings(const Prepared& prepared, const Request& request, const ResponderPtr& responder, Dialect dialect);

}  // namespace hearth::server::openai
