// llama-server's own routes: completions of raw prompts, embeddings, tokens, and how the server is.
//
// Contract: fields and shapes as clients of llama-server read them; errors are {"error": {code, message, type}}; durations
// are milliseconds; JSON is compact. Names of models stand where llama-server tells paths.
// Not here: OpenAI's routes (openai/), /health (status.h).
#pragma once

#include "server/context.h"

namespace hearth::server::native {

void completion(Context& context, const Request& request, const ResponderPtr& responder);
void infill(Context& context, const Request& request, const ResponderPtr& responder);
void embeddings(Context& context, const Request& request, const ResponderPtr& responder);

void tokenize(Context& context, const Request& request, const ResponderPtr& responder);
void detokenize(Context& context, const Request& request, const ResponderPtr& responder);
void apply_template(Context& context, const Request& request, const ResponderPtr& responder);
void count_input_tokens(Context& context, const Request& request, const ResponderPtr& responder);

void props(Context& context, const Request& request, const ResponderPtr& responder);
void slots(Context& context, const Request& request, const ResponderPtr& responder);
void metrics(Context& context, const Request& request, const ResponderPtr& responder);
void list_adapters(Context& context, const Request& request, const ResponderPtr& responder);
void set_adapters(Context& context, const Request& request, const ResponderPtr& responder);
void rerank(Context& context, const Request& request, const ResponderPtr& responder);

// "generation_settings": what an answer is made with.
Json settings_of(const Parameters& parameters);

}  // namespace hearth::server::native
