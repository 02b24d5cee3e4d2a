// POST /v1/responses, GET and DELETE /v1/responses/{id}, POST /v1/responses/input_tokens.
//
// Contract: server/openai/responses.h.
#include "server/openai/responses.h"

#include "server/openai/response_request.h"
#include "server/openai/response_writer.h"
#include "server/routes.h"

namespace hearth::server::openai {

namespace {

std::string id_in(const Request& request) {
  return std::string(tail_after(request, request.path.starts_with("/v1/") ? "/v1/responses/" : "/responses/"));
}

ApiError no_response(const std::string& id) {
  return {404, "there is no response '" + id.substr(0, 100) + "'; responses are kept in memory only, and not for ever", "response_id",
          "", 0, 0, 0};
}

}  // namespace

void create_response(Context& context, const Request& request, const ResponderPtr& responder) {
  Checked<ResponseRequest> asked = read_response_request(context, request, /*generates=*/true);
  if (!asked.ok()) return send_error(*responder, Dialect::kOpenAi, asked.error(), request.id);
  Generation generation{asked->prepared.model, {std::move(asked->prompt)}, asked->prepared.parameters, request.owner};
  auto writer = std::make_shared<ResponseWriter>(responder, context.responses, std::move(*asked), request.id);
  start_answers(std::move(generation), events_of(std::move(writer)), responder);
}

void show_response(Context& context, const Request& request, const ResponderPtr& responder) {
  constexpr std::string_view kItems = "/input_items";
  std::string id = id_in(request);
  const bool items = id.ends_with(kItems);
  if (items) id.resize(id.size() - kItems.size());
  const std::optional<StoredResponse> found = context.responses.find(id);
  if (!found) return send_error(*responder, Dialect::kOpenAi, no_response(id), request.id);
  if (!items) return send_json(*responder, found->object);
  const Json& list = found->input_items;
  send_json(*responder, {{"object", "list"},
                         {"data", list},
                         {"first_id", list.empty() ? Json() : list.front()["id"]},
                         {"last_id", list.empty() ? Json() : list.back()["id"]},
                         {"has_more", false}});
}

void delete_response(Context& context, const Request& request, const ResponderPtr& responder) {
  const std::string id = id_in(request);
  if (!context.responses.erase(id)) return send_error(*responder, Dialect::kOpenAi, no_response(id), request.id);
  send_json(*responder, {{"id", id}, {"object", "response"}, {"deleted", true}});
}

void count_response_input(Context& context, const Request& request, const ResponderPtr& responder) {
  Checked<ResponseRequest> asked = read_response_request(context, request, /*generates=*/false);
  if (!asked.ok()) return send_error(*responder, Dialect::kOpenAi, asked.error(), request.id);
  send_json(*responder, {{"object", "response.input_tokens"}, {"input_tokens", asked->prompt.size()}});
}

}  // namespace hearth::server::openai
