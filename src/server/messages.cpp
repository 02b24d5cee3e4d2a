// Contract and exclusions: server/messages.h.
#include "server/messages.h"

#include <array>

#include "engine/prompt.h"
#include "server/tools/past_calls.h"

namespace hearth::server {

namespace {

constexpr size_t kMaxMessages = 10000;
constexpr std::array kRoles = {"system", "developer", "user", "assistant", "tool", "function"};
// Handed to the template as they are: it decides what to do with them.
constexpr std::array kPassed = {"tool_calls", "function_call", "tool_call_id", "name", "reasoning_content", "reasoning", "thinking", "tool_name"};

Checked<Json> read_message(const Json& message, const std::string& where) {
  if (!message.is_object()) return bad_request("'" + where + "' must be an object, not " + message.type_name(), where);
  const Json* role = find_member(message, "role");
  if (role == nullptr || !role->is_string()) return bad_request("'" + where + ".role' must be a string", where + ".role");
  const std::string& name = role->get_ref<const std::string&>();
  if (std::find(kRoles.begin(), kRoles.end(), name) == kRoles.end()) {
    return bad_request("'" + where + ".role' is \"" + name.substr(0, 40) + "\"; known are system, developer, user, assistant, tool",
                       where + ".role");
  }
  Json result = {{"role", name == "developer" ? "system" : name}};
  const Json* content = find_member(message, "content");
  const bool calls = find_member(message, "tool_calls") || find_member(message, "function_call");
  if (content == nullptr) {
    if (!calls && name != "assistant") return bad_request("'" + where + ".content' is missing", where + ".content");
    result["content"] = "";
  } else {
    Checked<std::string> text = text_of_content(*content, where + ".content");
    if (!text.ok()) return text.error();
    result["content"] = std::move(*text);
  }
  for (const char* key : kPassed) {
    if (const Json* value = find_member(message, key)) result[key] = *value;
  }
  if (Checked<Nothing> tidy = tidy_past_calls(&result, where); !tidy.ok()) return tidy.error();
  return result;
}

}  // namespace

Checked<std::string> text_of_content(const Json& content, const std::string& where) {
  if (content.is_string()) return content.get<std::string>();
  if (!content.is_array()) {
    return bad_request("'" + where + "' must be a string or a list of parts, not " + content.type_name(), where);
  }
  std::string text;
  for (size_t i = 0; i < content.size(); ++i) {
    const Json& part = content[i];
    const std::string at = where + "[" + std::to_string(i) + "]";
    if (!part.is_object()) return bad_request("'" + at + "' must be an object, not " + part.type_name(), at);
    Checked<std::string> type = string_member(part, "type");
    if (!type.ok()) return type.error();
    if (*type != "text" && *type != "input_text" && *type != "output_text") {
      return not_supported("'" + at + "' is of type \"" + type->substr(0, 40) + "\": this model reads text only", at);
    }
    Checked<std::string> piece = string_member(part, "text");
    if (!piece.ok()) return piece.error();
    if (i > 0) text += '\n';
    text += *piece;
  }
  return text;
}

Checked<Json> read_messages(const Json& body, const char* field) {
  const Json* list = find_member(body, field);
  if (list == nullptr) return bad_request(std::string("'") + field + "' is missing", field);
  if (!list->is_array()) return bad_request(std::string("'") + field + "' must be a list, not " + list->type_name(), field);
  if (list->size() > kMaxMessages) {
    return bad_request(std::string("'") + field + "' has more than " + std::to_string(kMaxMessages) + " entries", field);
  }
  Json messages = Json::array();
  for (size_t i = 0; i < list->size(); ++i) {
    Checked<Json> message = read_message((*list)[i], std::string(field) + "[" + std::to_string(i) + "]");
    if (!message.ok()) return message.error();
    messages.push_back(std::move(*message));
  }
  name_results(&messages);
  return messages;
}

namespace {

bool is_plain_text(const Json& message) {
  const auto content = message.find("content");
  return content != message.end() && content->is_string() && !message.contains("tool_calls") && message["role"] != "tool";
}

// Messages of one role that follow each other become one, with a blank line between them. False: there are none.
bool join_neighbours(Json* messages) {
  Json joined = Json::array();
  for (const Json& message : *messages) {
    Json* last = joined.empty() ? nullptr : &joined.back();
    if (last && (*last)["role"] == message["role"] && is_plain_text(*last) && is_plain_text(message)) {
      (*last)["content"] = (*last)["content"].get<std::string>() + "\n\n" + message["content"].get<std::string>();
    } else {
      joined.push_back(message);
    }
  }
  const bool any = joined.size() < messages->size();
  *messages = std::move(joined);
  return any;
}

}  // namespace

// Clients send several messages of the user in a row; templates that demand turns raise an exception then. Since only a
// request that would fail is told otherwise, templates that can tell such messages apart see them as they are.
Checked<std::string> render_conversation(const Engine& engine, const AnswerWishes& wishes, const Conversation& conversation) {
  Json variables = conversation.template_variables.is_object() ? conversation.template_variables : Json::object();
  variables["add_generation_prompt"] = conversation.add_generation_prompt;
  Result<std::string> text = render_answer_prompt(engine, wishes, conversation.messages, variables);
  if (!text.ok() && text.error().code == ErrorCode::kInvalidArgument) {
    Json messages = conversation.messages;
    if (join_neighbours(&messages)) {
      Result<std::string> joined = render_answer_prompt(engine, wishes, messages, variables);
      if (joined.ok()) text = std::move(joined);
    }
  }
  if (!text.ok()) {
    // A template speaks up when it is given what it was not made for: the request's fault.
    ApiError error = api_error(text.error());
    error.status = 400;
    return error;
  }
  return std::move(text).value();
}

Checked<ConversationPlan> plan_conversation(const Engine& engine, const AnswerWishes& wishes, const Conversation& conversation,
                                            GenerateOptions* options) {
  Checked<std::string> text = render_conversation(engine, wishes, conversation);
  if (!text.ok()) return text.error();
  AnswerWishes begun = wishes;
  begun.begins_with = conversation.answer_begins_with;
  Result<text::tools::ParserOptions> parser = plan_answer(engine, begun, &*text, options);
  if (!parser.ok()) return bad_request(parser.error().message, wishes.tools.active() ? "tools" : "");
  ConversationPlan plan{std::move(*text), {}, std::move(*parser)};
  plan.prompt = rendered_prompt(engine, plan.text);
  if (plan.prompt.empty()) return bad_request("the conversation is empty: there is nothing to answer", "messages");
  return plan;
}

}  // namespace hearth::server
