// POST /api/chat. Contract: server/ollama/ollama.h.
#include "base/clock.h"
#include "server/messages.h"
#include "server/ollama/ollama.h"
#include "server/ollama/request.h"
#include "server/ollama/writer.h"

namespace hearth::server::ollama {

namespace {

// A conversation that ends in the assistant's turn is gone on with, where that turn stops.
Conversation conversation_of(Json messages) {
  Conversation conversation;
  const Json& last = messages.back();
  if (messages.size() > 1 && last["role"] == "assistant" && !last.contains("tool_calls")) {
    conversation.answer_begins_with = last["content"];
    messages.erase(messages.size() - 1);
  }
  conversation.messages = std::move(messages);
  return conversation;
}

}  // namespace

void chat(Context& context, const Request& request, const ResponderPtr& responder) {
  const int64_t begun = monotonic_ns();
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kOllama, error, request.id); };
  Checked<Prepared> prepared = read(request);
  if (!prepared.ok()) return refuse(prepared.error());
  Json messages = Json::array();
  if (find_member(prepared->body, "messages")) {
    Checked<Json> given = read_chat_messages(prepared->body);
    if (!given.ok()) return refuse(given.error());
    messages = std::move(*given);
  }
  if (messages.empty()) return load_or_unload(context, *prepared, AnswerForm::kChat, request, responder);
  if (Checked<Nothing> loaded = load_model(context, &*prepared); !loaded.ok()) return refuse(loaded.error());
  const Engine& engine = prepared->model->engine();
  Checked<ConversationPlan> plan =
      plan_conversation(engine, wishes_of(*prepared), conversation_of(std::move(messages)), &prepared->parameters.generate);
  if (!plan.ok()) return refuse(plan.error());
  if (Checked<Nothing> fits = check_prompt_fits(engine, plan->prompt); !fits.ok()) return refuse(fits.error());
  AnswerOptions options;
  options.form = AnswerForm::kChat, options.begun_ns = begun, options.request_id = request.id, options.parser = std::move(plan->parser);
  auto writer = std::make_shared<AnswerWriter>(responder, *prepared, std::move(options));
  start_answers({prepared->model, {std::move(plan->prompt)}, prepared->parameters, request.owner}, events_of(std::move(writer)), responder);
}

}  // namespace hearth::server::ollama
