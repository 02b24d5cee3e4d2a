// Contract and exclusions: server/openai/response_input.h.
#include "server/openai/response_input.h"

#include "server/context.h"
#include "server/tools/past_calls.h"

namespace hearth::server::openai {

namespace {

constexpr size_t kMaxItems = 10000;

struct Reader {
  Json messages;
  std::string reasoning;            // of the assistant's message that comes next

  void push(Json message) {
    if (message["role"] == "assistant" && !reasoning.empty()) {
      message["reasoning_content"] = reasoning;
      message["thinking"] = std::move(reasoning);
    }
    reasoning.clear();
    messages.push_back(std::move(message));
  }

  // Calls of one turn belong to one message.
  void push_call(Json call) {
    const bool joins = !messages.empty() && messages.back()["role"] == "assistant" && reasoning.empty();
    if (!joins) push({{"role", "assistant"}, {"content", ""}});
    Json& message = messages.back();
    if (!message.contains("tool_calls")) message["tool_calls"] = Json::array();
    message["tool_calls"].push_back(std::move(call));
  }
};

Checked<std::string> required(const Json& item, const char* name, const std::string& where) {
  const Json* value = find_member(item, name);
  if (value == nullptr || !value->is_string()) {
    return bad_request("'" + where + "." + name + "' must be a string", where + "." + name);
  }
  return value->get<std::string>();
}

Checked<Nothing> read_message(const Json& item, const std::string& where, Reader* reader) {
  Checked<std::string> role = required(item, "role", where);
  if (!role.ok()) return role.error();
  if (*role != "user" && *role != "assistant" && *role != "system" && *role != "developer") {
    return bad_request("'" + where + ".role' is \"" + role->substr(0, 40) + "\"; known are user, assistant, system and developer",
                       where + ".role");
  }
  const Json* content = find_member(item, "content");
  if (content == nullptr) return bad_request("'" + where + ".content' is missing", where + ".content");
  Checked<std::string> text = text_of_content(*content, where + ".content");
  if (!text.ok()) return text.error();
  reader->push({{"role", *role == "developer" ? "system" : *role}, {"content", *text}});
  return Nothing{};
}

// Templates want arguments as objects; they come as JSON text, and those of custom tools as any text.
Checked<Nothing> read_call(const Json& item, const std::string& where, bool custom, Reader* reader) {
  Checked<std::string> id = required(item, "call_id", where);
  if (!id.ok()) return id.error();
  Checked<std::string> name = required(item, "name", where);
  if (!name.ok()) return name.error();
  Checked<std::string> text = required(item, custom ? "input" : "arguments", where);
  if (!text.ok()) return text.error();
  Json arguments = *text;
  if (custom) {
    arguments = {{"input", *text}};
  } else if (Checked<Json> parsed = parse_json(*text); parsed.ok() && parsed->is_object()) {
    arguments = std::move(*parsed);
  }
  reader->push_call({{"id", *id}, {"type", "function"}, {"function", {{"name", *name}, {"arguments", std::move(arguments)}}}});
  return Nothing{};
}

Checked<Nothing> read_call_output(const Json& item, const std::string& where, Reader* reader) {
  Checked<std::string> id = required(item, "call_id", where);
  if (!id.ok()) return id.error();
  const Json* output = find_member(item, "output");
  if (output == nullptr) return bad_request("'" + where + ".output' is missing", where + ".output");
  Checked<std::string> text = text_of_content(*output, where + ".output");
  if (!text.ok()) return text.error();
  reader->push({{"role", "tool"}, {"tool_call_id", *id}, {"content", *text}});
  return Nothing{};
}

// Sealed reasoning (encrypted_content) can be read only by who sealed it. A summary stands for what it sums up.
Checked<Nothing> read_reasoning(const Json& item, const std::string& where, Reader* reader) {
  for (const char* name : {"content", "summary"}) {
    const Json* content = find_member(item, name);
    if (content == nullptr) continue;
    const std::string place = where + "." + name;
    if (!content->is_array()) return bad_request("'" + place + "' must be a list", place);
    if (!reader->reasoning.empty()) continue;
    for (const Json& part : *content) {
      const Json* text = find_member(part, "text");
      if (text && text->is_string()) reader->reasoning += text->get_ref<const std::string&>();
    }
  }
  return Nothing{};
}

Checked<Nothing> read_item(const Json& item, const std::string& where, Reader* reader) {
  if (!item.is_object()) return bad_request("'" + where + "' must be an object, not " + item.type_name(), where);
  Checked<std::string> type = string_member(item, "type");
  if (!type.ok()) return type.error();
  if (type->empty() || *type == "message") return read_message(item, where, reader);
  if (*type == "function_call") return read_call(item, where, /*custom=*/false, reader);
  if (*type == "custom_tool_call") return read_call(item, where, /*custom=*/true, reader);
  if (*type == "function_call_output" || *type == "custom_tool_call_output") return read_call_output(item, where, reader);
  if (*type == "reasoning") return read_reasoning(item, where, reader);
  return not_supported("'" + where + "' is of type \"" + type->substr(0, 40) +
                           "\"; known are message, function_call, function_call_output and reasoning",
                       where);
}

// What an item is called: one without a type is a message.
Json named(const Json& item) {
  Json result = item;
  const Json* type = find_member(item, "type");
  if (type == nullptr) result["type"] = "message";
  if (find_member(item, "id") == nullptr) result["id"] = new_id(type == nullptr || *type == "message" ? "msg_" : "item_");
  if (result["type"] == "message" && result.contains("content") && result["content"].is_string()) {
    const char* part = result["role"] == "assistant" ? "output_text" : "input_text";
    result["content"] = Json::array({{{"type", part}, {"text", result["content"]}}});
    if (result["role"] == "assistant") result["content"][0]["annotations"] = Json::array();
  }
  return result;
}

}  // namespace

Checked<ResponseInput> read_response_input(const Json& body, Json before) {
  const Json* input = find_member(body, "input");
  if (input == nullptr) return bad_request("'input' is missing", "input");
  const Json items = input->is_string() ? Json::array({{{"role", "user"}, {"content", *input}}}) : *input;
  if (!items.is_array()) return bad_request(std::string("'input' must be a string or a list of items, not ") + input->type_name(), "input");
  if (items.size() > kMaxItems) return bad_request("'input' has more than " + std::to_string(kMaxItems) + " items", "input");
  Reader reader{std::move(before), ""};
  ResponseInput result;
  for (size_t i = 0; i < items.size(); ++i) {
    const Checked<Nothing> read = read_item(items[i], "input[" + std::to_string(i) + "]", &reader);
    if (!read.ok()) return read.error();
    result.items.push_back(named(items[i]));
  }
  if (reader.messages.empty()) return bad_request("'input' is empty: there is nothing to answer", "input");
  name_results(&reader.messages);
  result.messages = std::move(reader.messages);
  return result;
}

}  // namespace hearth::server::openai
