// Contract and exclusions: server/openai/response_request.h.
#include "server/openai/response_request.h"

#include <algorithm>

#include "server/openai/response_input.h"

namespace hearth::server::openai {

namespace {

constexpr int64_t kAnswerRoom = 512;  // tokens that truncation leaves for an answer of no stated length

bool is_true(const Json* value) { return value && value->is_boolean() && value->get<bool>(); }

Checked<Nothing> check_body(const Json& body) {
  if (const Json* text = find_member(body, "text")) {
    if (!text->is_object()) return bad_request("'text' must be an object", "text");
  }
  if (is_true(find_member(body, "background"))) return not_supported("'background' is not supported: leave it out", "background");
  for (const char* name : {"conversation", "prompt"}) {
    if (find_member(body, name)) return not_supported(std::string("'") + name + "' is not supported: leave it out", name);
  }
  for (const char* name : {"metadata", "reasoning"}) {
    const Json* value = find_member(body, name);
    if (value && !value->is_object()) return bad_request(std::string("'") + name + "' must be an object", name);
  }
  const Json* truncation = find_member(body, "truncation");
  if (truncation && *truncation != "auto" && *truncation != "disabled") {
    return bad_request("'truncation' must be \"auto\" or \"disabled\"", "truncation");
  }
  const Json* include = find_member(body, "include");
  if (include && !include->is_array()) return bad_request("'include' must be a list", "include");
  return Nothing{};
}

// Messages of the response that this one goes on from.
Checked<Json> messages_before(Context& context, const Json& body) {
  Checked<std::string> id = string_member(body, "previous_response_id");
  if (!id.ok()) return id.error();
  if (id->empty()) return Json::array();
  std::optional<StoredResponse> previous = context.responses.find(*id);
  if (!previous) {
    return bad_request("'previous_response_id': there is no response '" + id->substr(0, 100) +
                           "'; responses are kept in memory only, and not for ever",
                       "previous_response_id");
  }
  return std::move(previous->messages);
}

// Log-probabilities come with "include": ["message.output_text.logprobs"].
void read_include(const Json& body, Parameters* parameters) {
  parameters->choices = 1;
  parameters->logprobs = false;
  if (const Json* include = find_member(body, "include")) {
    parameters->logprobs = std::find(include->begin(), include->end(), "message.output_text.logprobs") != include->end();
  }
  parameters->generate.sampler.logprobs = parameters->logprobs ? parameters->top_logprobs : -1;
}

// `count` oldest messages left out; instructions stay, and what is left does not begin within a turn of the assistant.
Json without_oldest(const Json& messages, size_t count) {
  Json left = Json::array();
  bool begun = false;
  for (size_t i = 0; i < messages.size(); ++i) {
    const bool last = i + 1 == messages.size();
    const bool system = messages[i]["role"] == "system";
    begun = begun || last || (i >= count && messages[i]["role"] == "user");
    if (system || begun) left.push_back(messages[i]);
  }
  return left;
}

Checked<ConversationPlan> plan_of(ResponseRequest* request, const Conversation& conversation) {
  Prepared& prepared = request->prepared;
  return plan_conversation(prepared.model->engine(), wishes_of(prepared), conversation, &prepared.parameters.generate);
}

// Leaves out as few messages as it takes; each attempt costs a rendering, so the number is searched by halves.
Checked<Nothing> truncate(const Engine& engine, ResponseRequest* request) {
  const int64_t context = engine.info().context;
  const int64_t asked = request->prepared.parameters.generate.max_tokens;
  const int64_t room = context - std::min(asked >= 0 ? asked : kAnswerRoom, context / 4);
  const auto whole = static_cast<int64_t>(request->prompt.size());
  const Json all = request->conversation.messages;
  Conversation best = request->conversation;
  size_t low = 1, high = all.size();
  while (low <= high) {
    const size_t middle = low + (high - low) / 2;
    Conversation shorter = request->conversation;
    shorter.messages = without_oldest(all, middle);
    Checked<ConversationPlan> plan = plan_of(request, shorter);
    if (!plan.ok()) return plan.error();
    if (static_cast<int64_t>(plan->prompt.size()) <= room) {
      request->prompt = std::move(plan->prompt);
      request->parser = std::move(plan->parser);
      best = std::move(shorter);
      high = middle - 1;
    } else {
      low = middle + 1;
    }
  }
  if (static_cast<int64_t>(request->prompt.size()) > room) return context_exceeded(whole, context);
  request->dropped_messages = static_cast<int64_t>(all.size() - best.messages.size());
  request->dropped_tokens = whole - static_cast<int64_t>(request->prompt.size());
  request->conversation = std::move(best);
  return Nothing{};
}

}  // namespace

Checked<ResponseRequest> read_response_request(Context& context, const Request& request, bool generates) {
  Checked<Prepared> prepared = prepare(context, request, Dialect::kOpenAi);
  if (!prepared.ok()) return prepared.error();
  const Json& body = prepared->body;
  if (Checked<Nothing> fine = check_body(body); !fine.ok()) return fine.error();
  Checked<Json> before = messages_before(context, body);
  if (!before.ok()) return before.error();
  Checked<ResponseInput> input = read_response_input(body, std::move(*before));
  if (!input.ok()) return input.error();
  Checked<std::string> instructions = string_member(body, "instructions");
  if (!instructions.ok()) return instructions.error();
  Checked<bool> store = bool_member(body, "store", true);
  if (!store.ok()) return store.error();
  read_include(body, &prepared->parameters);
  ResponseRequest result;
  if (!instructions->empty()) result.conversation.messages.push_back({{"role", "system"}, {"content", *instructions}});
  for (const Json& message : input->messages) result.conversation.messages.push_back(message);
  result.messages = std::move(input->messages);
  result.input_items = std::move(input->items);
  result.store = *store;
  result.prepared = std::move(*prepared);
  const Engine& engine = result.prepared.model->engine();
  Checked<ConversationPlan> plan = plan_of(&result, result.conversation);
  if (!plan.ok()) return plan.error();
  result.prompt = std::move(plan->prompt);
  result.parser = std::move(plan->parser);
  const Checked<Nothing> fits = check_prompt_fits(engine, result.prompt);
  if (!generates || fits.ok()) return result;
  const Json* truncation = find_member(result.prepared.body, "truncation");
  if (truncation == nullptr || *truncation != "auto") return fits.error();
  if (Checked<Nothing> done = truncate(engine, &result); !done.ok()) return done.error();
  return result;
}

}  // namespace hearth::server::openai
