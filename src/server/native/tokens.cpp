// POST /tokenize, /detokenize, /apply-template and /v1/chat/completions/input_tokens: what a prompt is to the model.
//
// Contract: server/native/native.h. Nothing is generated; prompts longer than the context are told, too.
#include "base/utf8.h"
#include "server/messages.h"
#include "server/native/native.h"
#include "server/openai/openai.h"
#include "text/tokenizer.h"

namespace hearth::server::native {

namespace {

// Text, or the bytes of a token that is not whole characters.
Json piece_of(std::string_view bytes) {
  if (is_valid_utf8(bytes)) return bytes;
  Json list = Json::array();
  for (const char byte : bytes) list.push_back(static_cast<unsigned char>(byte));
  return list;
}

Checked<Json> tokens_of(const Prepared& prepared) {
  Checked<std::string> content = string_member(prepared.body, "content");
  if (!content.ok()) return content.error();
  Checked<bool> add_special = bool_member(prepared.body, "add_special", false);
  if (!add_special.ok()) return add_special.error();
  Checked<bool> parse_special = bool_member(prepared.body, "parse_special", true);
  if (!parse_special.ok()) return parse_special.error();
  Checked<bool> with_pieces = bool_member(prepared.body, "with_pieces", false);
  if (!with_pieces.ok()) return with_pieces.error();
  const text::Tokenizer& tokenizer = prepared.model->engine().tokenizer();
  Json tokens = Json::array();
  for (const int32_t id : tokenizer.encode(*content, {.add_start = *add_special, .parse_special = *parse_special})) {
    if (*with_pieces) {
      tokens.push_back({{"id", id}, {"piece", piece_of(tokenizer.token_bytes(id, /*special=*/true))}});
    } else {
      tokens.push_back(id);
    }
  }
  return Json{{"tokens", std::move(tokens)}};
}

Checked<Json> text_of(const Prepared& prepared) {
  const Json* list = find_member(prepared.body, "tokens");
  if (list == nullptr) return bad_request("'tokens' is missing", "tokens");
  if (!list->is_array()) return bad_request(std::string("'tokens' must be a list, not ") + list->type_name(), "tokens");
  const int64_t vocabulary = prepared.model->engine().info().vocabulary;
  std::vector<int32_t> ids;
  for (const Json& id : *list) {
    if (!id.is_number_integer() || id < 0 || id >= vocabulary) {
      return bad_request("'tokens': " + to_text(id).substr(0, 40) + " is no token id of this model (0 to " +
                             std::to_string(vocabulary - 1) + ")",
                         "tokens");
    }
    ids.push_back(id.get<int32_t>());
  }
  return Json{{"content", prepared.model->engine().tokenizer().decode(ids, /*special=*/true)}};
}

Checked<ConversationPlan> plan_of(const Prepared& prepared) {
  Checked<Conversation> conversation = openai::read_conversation(prepared.body);
  if (!conversation.ok()) return conversation.error();
  GenerateOptions unused;
  return plan_conversation(prepared.model->engine(), wishes_of(prepared), *conversation, &unused);
}

Checked<Json> prompt_of(const Prepared& prepared) {
  Checked<ConversationPlan> plan = plan_of(prepared);
  if (!plan.ok()) return plan.error();
  return Json{{"prompt", std::move(plan->text)}};
}

Checked<Json> count_of(const Prepared& prepared) {
  Checked<ConversationPlan> plan = plan_of(prepared);
  if (!plan.ok()) return plan.error();
  return Json{{"object", "response.input_tokens"}, {"input_tokens", plan->prompt.size()}};
}

void answer(Context& context, const Request& request, const ResponderPtr& responder, Dialect dialect,
            Checked<Json> (*make)(const Prepared&)) {
  Checked<Prepared> prepared = prepare(context, request, dialect);
  if (!prepared.ok()) return send_error(*responder, dialect, prepared.error(), request.id);
  Checked<Json> result = make(*prepared);
  if (!result.ok()) return send_error(*responder, dialect, result.error(), request.id);
  send_json(*responder, *result);
}

}  // namespace

void tokenize(Context& context, const Request& request, const ResponderPtr& responder) {
  answer(context, request, responder, Dialect::kNative, tokens_of);
}

void detokenize(Context& context, const Request& request, const ResponderPtr& responder) {
  answer(context, request, responder, Dialect::kNative, text_of);
}

void apply_template(Context& context, const Request& request, const ResponderPtr& responder) {
  answer(context, request, responder, Dialect::kNative, prompt_of);
}

void count_input_tokens(Context& context, const Request& request, const ResponderPtr& responder) {
  answer(context, request, responder, Dialect::kOpenAi, count_of);
}

}  // namespace hearth::server::native
