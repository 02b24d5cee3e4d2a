// Contract and exclusions: server/anthropic/conversation.h.
#include "server/anthropic/conversation.h"

#include <string_view>

#include "server/tools/past_calls.h"

namespace hearth::server::anthropic {

namespace {

constexpr size_t kMaxMessages = 10000;
// A block that Claude Code puts before its system prompt; it differs with every request, so that no prompt would have a
// prefix in common with the one before.
constexpr std::string_view kBillingHeader = "x-anthropic-billing-header:";

std::string at(const std::string& where, size_t index) { return where + "[" + std::to_string(index) + "]"; }

void append_text(std::string* text, std::string_view more) {
  if (!text->empty()) *text += '\n';
  *text += more;
}

ApiError unreadable(const std::string& where, const std::string& type) {
  return not_supported("'" + where + "' is of type \"" + type.substr(0, 40) + "\": this model reads text only", where);
}

Checked<std::string> type_of_block(const Json& block, const std::string& where) {
  if (!block.is_object()) return bad_request("'" + where + "' must be an object, not " + block.type_name(), where);
  const Json* type = find_member(block, "type");
  if (type == nullptr || !type->is_string()) return bad_request("'" + where + ".type' must be a string", where + ".type");
  return type->get<std::string>();
}

Checked<std::string> required_text(const Json& block, const char* name, const std::string& where) {
  const Json* value = find_member(block, name);
  if (value == nullptr || !value->is_string()) {
    return bad_request("'" + where + "." + name + "' must be a string", where + "." + name);
  }
  return value->get<std::string>();
}

Checked<std::string> read_system(const Json& system) {
  std::string text;
  if (system.is_string()) {
    text = system.get<std::string>();
    if (text.starts_with(kBillingHeader)) text.erase(0, std::min(text.find('\n'), text.size() - 1) + 1);
    return text;
  }
  if (!system.is_array()) {
    return bad_request(std::string("'system' must be a string or a list of text blocks, not ") + system.type_name(), "system");
  }
  for (size_t i = 0; i < system.size(); ++i) {
    Checked<std::string> type = type_of_block(system[i], at("system", i));
    if (!type.ok()) return type.error();
    if (*type != "text") return unreadable(at("system", i), *type);
    Checked<std::string> piece = required_text(system[i], "text", at("system", i));
    if (!piece.ok()) return piece.error();
    if (!piece->starts_with(kBillingHeader)) append_text(&text, *piece);
  }
  return text;
}

// A document can be plain text, which is as good as a text block; other kinds (PDF) cannot be read.
Checked<std::string> read_document(const Json& block, const std::string& where) {
  const Json* source = find_member(block, "source");
  if (source == nullptr || !source->is_object()) return bad_request("'" + where + ".source' must be an object", where + ".source");
  Checked<std::string> type = type_of_block(*source, where + ".source");
  if (!type.ok()) return type.error();
  if (*type != "text") return unreadable(where + ".source", *type);
  Checked<std::string> data = required_text(*source, "data", where + ".source");
  if (!data.ok()) return data.error();
  std::string text;
  for (const char* name : {"title", "context"}) {
    const Json* value = find_member(block, name);
    if (value && value->is_string()) append_text(&text, value->get_ref<const std::string&>());
  }
  append_text(&text, *data);
  return text;
}

// The text of a text or document block.
Checked<std::string> read_text_block(const Json& block, const std::string& type, const std::string& where) {
  if (type == "text") return required_text(block, "text", where);
  if (type == "document") return read_document(block, where);
  return unreadable(where, type);
}

Checked<Json> read_tool_result(const Json& block, const std::string& where) {
  Checked<std::string> id = required_text(block, "tool_use_id", where);
  if (!id.ok()) return id.error();
  const Json* content = find_member(block, "content");
  std::string text;
  if (content && content->is_string()) {
    text = content->get<std::string>();
  } else if (content && content->is_array()) {
    for (size_t i = 0; i < content->size(); ++i) {
      const std::string inner = at(where + ".content", i);
      Checked<std::string> type = type_of_block((*content)[i], inner);
      if (!type.ok()) return type.error();
      Checked<std::string> piece = read_text_block((*content)[i], *type, inner);
      if (!piece.ok()) return piece.error();
      append_text(&text, *piece);
    }
  } else if (content) {
    return bad_request("'" + where + ".content' must be a string or a list of blocks, not " + content->type_name(),
                       where + ".content");
  }
  // Templates have no word for a result that is a failure; the model must still see it.
  const Json* is_error = find_member(block, "is_error");
  if (is_error && is_error->is_boolean() && is_error->get<bool>()) text = "Error: " + text;
  return Json{{"role", "tool"}, {"tool_call_id", *id}, {"content", text}};
}

Checked<Json> read_tool_use(const Json& block, const std::string& where) {
  Checked<std::string> id = required_text(block, "id", where);
  if (!id.ok()) return id.error();
  Checked<std::string> name = required_text(block, "name", where);
  if (!name.ok()) return name.error();
  const Json* input = find_member(block, "input");
  if (input && !input->is_object()) return bad_request("'" + where + ".input' must be an object", where + ".input");
  return Json{{"id", *id},
              {"type", "function"},
              {"function", {{"name", *name}, {"arguments", input ? *input : Json::object()}}}};
}

// Messages of one of Anthropic's, appended: results of tools come as messages of their own.
Checked<Nothing> read_user_blocks(const Json& blocks, const std::string& where, const std::string& role, Json* messages) {
  std::string text;
  bool any_text = false;
  const auto flush = [&] {
    if (any_text) messages->push_back({{"role", role}, {"content", text}});
    any_text = false;
    text.clear();
  };
  for (size_t i = 0; i < blocks.size(); ++i) {
    Checked<std::string> type = type_of_block(blocks[i], at(where, i));
    if (!type.ok()) return type.error();
    if (*type == "tool_result") {
      flush();
      Checked<Json> result = read_tool_result(blocks[i], at(where, i));
      if (!result.ok()) return result.error();
      messages->push_back(std::move(*result));
      continue;
    }
    Checked<std::string> piece = read_text_block(blocks[i], *type, at(where, i));
    if (!piece.ok()) return piece.error();
    append_text(&text, *piece);
    any_text = true;
  }
  flush();
  return Nothing{};
}

Checked<Nothing> read_assistant_blocks(const Json& blocks, const std::string& where, Json* messages) {
  std::string text, thinking;
  Json calls = Json::array();
  for (size_t i = 0; i < blocks.size(); ++i) {
    Checked<std::string> type = type_of_block(blocks[i], at(where, i));
    if (!type.ok()) return type.error();
    if (*type == "redacted_thinking") continue;  // sealed by the service that made it
    if (*type == "tool_use") {
      Checked<Json> call = read_tool_use(blocks[i], at(where, i));
      if (!call.ok()) return call.error();
      calls.push_back(std::move(*call));
      continue;
    }
    const bool thought = *type == "thinking";
    Checked<std::string> piece = thought ? required_text(blocks[i], "thinking", at(where, i))
                                         : read_text_block(blocks[i], *type, at(where, i));
    if (!piece.ok()) return piece.error();
    append_text(thought ? &thinking : &text, *piece);
  }
  Json message = {{"role", "assistant"}, {"content", text}};
  if (!thinking.empty()) message["reasoning_content"] = thinking, message["thinking"] = thinking;
  if (!calls.empty()) message["tool_calls"] = std::move(calls);
  messages->push_back(std::move(message));
  return Nothing{};
}

Checked<Nothing> read_message(const Json& message, const std::string& where, Json* messages) {
  if (!message.is_object()) return bad_request("'" + where + "' must be an object, not " + message.type_name(), where);
  Checked<std::string> role = required_text(message, "role", where);
  if (!role.ok()) return role.error();
  if (*role != "user" && *role != "assistant" && *role != "system") {
    return bad_request("'" + where + ".role' is \"" + role->substr(0, 40) + "\"; known are user, assistant and system",
                       where + ".role");
  }
  const Json* content = find_member(message, "content");
  if (content == nullptr) return bad_request("'" + where + ".content' is missing", where + ".content");
  if (content->is_string()) {
    messages->push_back({{"role", *role}, {"content", *content}});
    return Nothing{};
  }
  if (!content->is_array()) {
    return bad_request("'" + where + ".content' must be a string or a list of blocks, not " + content->type_name(),
                       where + ".content");
  }
  if (*role == "assistant") return read_assistant_blocks(*content, where + ".content", messages);
  return read_user_blocks(*content, where + ".content", *role, messages);
}

}  // namespace

Checked<Conversation> read_conversation(const Json& body) {
  const Json* list = find_member(body, "messages");
  if (list == nullptr) return bad_request("'messages' is missing", "messages");
  if (!list->is_array()) return bad_request(std::string("'messages' must be a list, not ") + list->type_name(), "messages");
  if (list->empty()) return bad_request("'messages' is empty: there is nothing to answer", "messages");
  if (list->size() > kMaxMessages) {
    return bad_request("'messages' has more than " + std::to_string(kMaxMessages) + " entries", "messages");
  }
  Conversation conversation;
  if (const Json* system = find_member(body, "system")) {
    Checked<std::string> text = read_system(*system);
    if (!text.ok()) return text.error();
    if (!text->empty()) conversation.messages.push_back({{"role", "system"}, {"content", *text}});
  }
  for (size_t i = 0; i < list->size(); ++i) {
    const Checked<Nothing> read = read_message((*list)[i], at("messages", i), &conversation.messages);
    if (!read.ok()) return read.error();
  }
  if (conversation.messages.empty()) return bad_request("'messages' has no content: there is nothing to answer", "messages");
  name_results(&conversation.messages);
  const Json& last = conversation.messages.back();
  if (last["role"] == "assistant" && !last.contains("tool_calls")) {
    conversation.answer_begins_with = last["content"].get<std::string>();
    conversation.messages.erase(conversation.messages.size() - 1);
  }
  return conversation;
}

Checked<Nothing> check_request(const Json& body) {
  const Json* servers = find_member(body, "mcp_servers");
  if (servers && !(servers->is_array() && servers->empty())) {
    return not_supported("'mcp_servers' is not supported: leave it out", "mcp_servers");
  }
  const Json* metadata = find_member(body, "metadata");
  if (metadata && !metadata->is_object()) return bad_request("'metadata' must be an object", "metadata");
  return Nothing{};
}

}  // namespace hearth::server::anthropic
