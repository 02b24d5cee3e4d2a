// POST /api/generate. Contract: server/ollama/ollama.h.
#include <algorithm>

#include "base/clock.h"
#include "engine/prompt.h"
#include "server/infill.h"
#include "server/messages.h"
#include "server/ollama/go_template.h"
#include "server/ollama/ollama.h"
#include "server/ollama/request.h"
#include "server/ollama/writer.h"
#include "text/tokenizer.h"

namespace hearth::server::ollama {

namespace {

struct Fields {
  std::string prompt, suffix, system, chat_template;
  bool raw = false;
  Json context = Json::array();       // tokens of what was said before
};

Checked<Fields> read_fields(const Json& body) {
  Fields fields;
  const std::pair<const char*, std::string*> strings[] = {
      {"prompt", &fields.prompt}, {"suffix", &fields.suffix}, {"system", &fields.system}, {"template", &fields.chat_template}};
  for (const auto& [name, to] : strings) {
    Checked<std::string> text = string_member(body, name);
    if (!text.ok()) return text.error();
    *to = std::move(*text);
  }
  Checked<bool> raw = bool_member(body, "raw", false);
  if (!raw.ok()) return raw.error();
  fields.raw = *raw;
  if (const Json* context = find_member(body, "context")) {
    if (!context->is_array()) return bad_request(std::string("'context' must be a list of tokens, not ") + context->type_name(), "context");
    fields.context = *context;
  }
  if (fields.raw && !(fields.system.empty() && fields.chat_template.empty() && fields.context.empty())) {
    return bad_request("raw mode does not support template, system, or context", "raw");
  }
  if (!fields.suffix.empty() && !(fields.system.empty() && fields.context.empty())) {
    return bad_request("a gap before 'suffix' is filled without 'system' and 'context': leave them out", "suffix");
  }
  if (!fields.suffix.empty() && !fields.chat_template.empty() && fields.chat_template.find(".Suffix") == std::string::npos) {
    return bad_request("'template' has no {{ .Suffix }}, and there is a 'suffix'", "template");
  }
  return fields;
}

Checked<std::vector<int32_t>> read_context(const Json& list, const Engine& engine) {
  std::vector<int32_t> tokens;
  tokens.reserve(list.size());
  for (const Json& entry : list) {
    const bool known = entry.is_number_integer() && entry >= 0 && entry < engine.info().vocabulary;
    if (!known) {
      return bad_request("'context' must be what an earlier answer of this model gave; " + to_text(entry).substr(0, 40) +
                             " is no token of it",
                         "context");
    }
    tokens.push_back(entry.get<int32_t>());
  }
  return tokens;
}

Json messages_of(const Fields& fields) {
  Json messages = Json::array();
  if (!fields.system.empty()) messages.push_back({{"role", "system"}, {"content", fields.system}});
  messages.push_back({{"role", "user"}, {"content", fields.prompt}});
  return messages;
}

// A character that no prompt has a reason to contain: it marks where an earlier answer ended.
constexpr std::string_view kAnswerMark = "\xee\x80\x82";

// How a chat goes on after an answer: what its template writes between that answer and the next.
Checked<std::string> render_next_turn(const Engine& engine, const AnswerWishes& wishes, const Fields& fields) {
  Conversation conversation;
  conversation.messages = {{{"role", "user"}, {"content", "."}}, {{"role", "assistant"}, {"content", kAnswerMark}}};
  for (Json& message : messages_of(fields)) conversation.messages.push_back(std::move(message));
  Checked<std::string> text = render_conversation(engine, wishes, conversation);
  if (!text.ok()) return text;
  const size_t mark = text->find(kAnswerMark);
  if (mark == std::string::npos) {
    return not_supported("'context': this model's chat template cannot go on from tokens; send the messages to /api/chat", "context");
  }
  return text->substr(mark + kAnswerMark.size());
}

// What the model reads before it answers, and how its answer is read.
struct Made {
  std::vector<int32_t> prompt;
  text::tools::ParserOptions parser;
};

// Where no chat template of the model's own is used.
bool goes_as_it_is(const Engine& engine, const Fields& fields) {
  return !fields.chat_template.empty() || engine.info().chat_template.empty();
}

Checked<std::string> plain_text(const Fields& fields) {
  if (!fields.chat_template.empty()) {
    const Result<GoTemplate> parsed = GoTemplate::parse(fields.chat_template);
    if (!parsed.ok()) return bad_request(parsed.error().message, "template");
    return parsed->render_prompt({fields.system, fields.prompt, fields.suffix, ""});
  }
  if (!fields.system.empty()) {
    return not_supported("'system': this model has no chat template, it only continues text", "system");
  }
  return fields.prompt;
}

Checked<Made> conversation_of(const Engine& engine, const Fields& fields, const AnswerWishes& wishes, GenerateOptions* options) {
  Conversation conversation;
  conversation.messages = messages_of(fields);
  Checked<ConversationPlan> plan = plan_conversation(engine, wishes, conversation, options);
  if (!plan.ok()) return plan.error();
  return Made{std::move(plan->prompt), std::move(plan->parser)};
}

// After the tokens of "context".
Checked<Made> next_turn(const Engine& engine, const Fields& fields, const AnswerWishes& wishes, std::vector<int32_t> tokens,
                        GenerateOptions* options) {
  const bool plain = goes_as_it_is(engine, fields);
  Checked<std::string> text = plain ? plain_text(fields) : render_next_turn(engine, wishes, fields);
  if (!text.ok()) return text.error();
  Made made;
  if (!plain) {
    Result<text::tools::ParserOptions> parser = plan_answer(engine, wishes, &*text, options);
    if (!parser.ok()) return bad_request(parser.error().message);
    made.parser = std::move(*parser);
  }
  for (const int32_t token : engine.tokenizer().encode(*text, {})) tokens.push_back(token);
  made.prompt = std::move(tokens);
  return made;
}

// The answer fills the gap between prompt and suffix, whether "raw" is set or not.
Checked<std::vector<int32_t>> fill_gap(const Engine& engine, const Fields& fields, GenerateOptions* options) {
  Checked<GapPrompt> prompt = gap_prompt(engine, {fields.prompt, fields.suffix, {}, options->max_tokens});
  if (!prompt.ok()) return prompt.error();
  for (std::string& stop : prompt->stops) {
    if (std::find(options->stop.begin(), options->stop.end(), stop) == options->stop.end()) options->stop.push_back(std::move(stop));
  }
  return std::move(prompt->tokens);
}

Checked<Made> make_prompt(const Engine& engine, const Fields& fields, const AnswerWishes& wishes, GenerateOptions* options) {
  if (!fields.suffix.empty() && fields.chat_template.empty()) {
    Checked<std::vector<int32_t>> gap = fill_gap(engine, fields, options);
    if (!gap.ok()) return gap.error();
    return Made{std::move(*gap), {}};
  }
  const bool plain = fields.system.empty() && fields.context.empty() && fields.chat_template.empty();
  if (fields.raw || (plain && holds_fim_tokens(engine, fields.prompt))) return Made{text_prompt(engine, fields.prompt), {}};
  Checked<std::vector<int32_t>> tokens = read_context(fields.context, engine);
  if (!tokens.ok()) return tokens.error();
  if (!tokens->empty()) return next_turn(engine, fields, wishes, std::move(*tokens), options);
  if (goes_as_it_is(engine, fields)) {
    Checked<std::string> text = plain_text(fields);
    if (!text.ok()) return text.error();
    return Made{rendered_prompt(engine, *text), {}};
  }
  return conversation_of(engine, fields, wishes, options);
}

}  // namespace

void generate(Context& context, const Request& request, const ResponderPtr& responder) {
  const int64_t begun = monotonic_ns();
  const auto refuse = [&](const ApiError& error) { send_error(*responder, Dialect::kOllama, error, request.id); };
  Checked<Prepared> prepared = read(request);
  if (!prepared.ok()) return refuse(prepared.error());
  if (Checked<Nothing> fine = refuse_tools(*prepared); !fine.ok()) return refuse(fine.error());
  Checked<Fields> fields = read_fields(prepared->body);
  if (!fields.ok()) return refuse(fields.error());
  if (fields->prompt.empty() && fields->suffix.empty()) return load_or_unload(context, *prepared, AnswerForm::kGenerate, request, responder);
  if (Checked<Nothing> loaded = load_model(context, &*prepared); !loaded.ok()) return refuse(loaded.error());
  const Engine& engine = prepared->model->engine();
  Checked<Made> made = make_prompt(engine, *fields, wishes_of(*prepared), &prepared->parameters.generate);
  if (!made.ok()) return refuse(made.error());
  if (Checked<Nothing> fits = check_prompt_fits(engine, made->prompt); !fits.ok()) return refuse(fits.error());
  AnswerOptions options;
  options.form = AnswerForm::kGenerate, options.begun_ns = begun, options.request_id = request.id;
  options.with_context = !fields->raw;
  if (options.with_context) options.prompt = made->prompt;
  options.parser = std::move(made->parser);
  auto writer = std::make_shared<AnswerWriter>(responder, *prepared, std::move(options));
  start_answers({prepared->model, {std::move(made->prompt)}, prepared->parameters, request.owner}, events_of(std::move(writer)), responder);
}

}  // namespace hearth::server::ollama
