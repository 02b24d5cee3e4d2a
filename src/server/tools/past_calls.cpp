// Contract and exclusions: server/tools/past_calls.h.
#include "server/tools/past_calls.h"

namespace hearth::server {

namespace {

// OpenAI's messages carry arguments as text of JSON, Ollama's as an object.
Checked<Json> tidy_function(const Json& function, const std::string& where) {
  if (!function.is_object()) return bad_request("'" + where + "' must be an object, not " + function.type_name(), where);
  const Json* name = find_member(function, "name");
  if (name == nullptr || !name->is_string()) return bad_request("'" + where + ".name' must be a string", where + ".name");
  const Json* given = find_member(function, "arguments");
  Json arguments = given ? *given : Json::object();
  if (!arguments.is_string() && !arguments.is_object()) {
    return bad_request("'" + where + ".arguments' must be a string or an object, not " + arguments.type_name(), where + ".arguments");
  }
  if (arguments.is_string()) {
    const std::string& text = arguments.get_ref<const std::string&>();
    Checked<Json> opened = text.empty() ? Checked<Json>(Json::object()) : parse_json(text);
    if (opened.ok() && opened->is_object()) arguments = std::move(*opened);
  }
  return Json{{"name", *name}, {"arguments", std::move(arguments)}};
}

Checked<Json> tidy_call(const Json& call, const std::string& where) {
  if (!call.is_object()) return bad_request("'" + where + "' must be an object, not " + call.type_name(), where);
  Checked<std::string> id = string_member(call, "id");
  if (!id.ok()) return bad_request("'" + where + ".id' must be a string", where + ".id");
  Json result = Json::object();
  if (!id->empty()) result["id"] = *id;
  result["type"] = "function";
  if (const Json* custom = find_member(call, "custom"); custom && custom->is_object()) {
    const Json* name = find_member(*custom, "name");
    const Json* input = find_member(*custom, "input");
    if (name == nullptr || !name->is_string()) return bad_request("'" + where + ".custom.name' must be a string", where + ".custom.name");
    result["function"] = {{"name", *name}, {"arguments", {{"input", input ? *input : Json("")}}}};
    return result;
  }
  const Json* function = find_member(call, "function");
  if (function == nullptr) return bad_request("'" + where + ".function' is missing", where + ".function");
  Checked<Json> tidy = tidy_function(*function, where + ".function");
  if (!tidy.ok()) return tidy.error();
  result["function"] = std::move(*tidy);
  return result;
}

void tidy_reasoning(Json* message) {
  std::string found;
  for (const char* name : {"reasoning_content", "reasoning", "thinking"}) {
    const Json* text = find_member(*message, name);
    if (found.empty() && text && text->is_string()) found = *text;
    message->erase(name);
  }
  if (found.empty()) return;
  (*message)["reasoning_content"] = found;
  (*message)["thinking"] = found;
}

}  // namespace

Checked<Nothing> tidy_past_calls(Json* message, const std::string& where) {
  tidy_reasoning(message);
  Json tidy = Json::array();
  if (const Json* calls = find_member(*message, "tool_calls")) {
    const std::string place = where + ".tool_calls";
    if (!calls->is_array()) return bad_request("'" + place + "' must be a list, not " + calls->type_name(), place);
    for (size_t i = 0; i < calls->size(); ++i) {
      Checked<Json> call = tidy_call((*calls)[i], place + "[" + std::to_string(i) + "]");
      if (!call.ok()) return call.error();
      tidy.push_back(std::move(*call));
    }
  } else if (const Json* call = find_member(*message, "function_call")) {
    Checked<Json> function = tidy_function(*call, where + ".function_call");
    if (!function.ok()) return function.error();
    tidy.push_back({{"type", "function"}, {"function", std::move(*function)}});
  }
  message->erase("tool_calls");
  message->erase("function_call");
  if (!tidy.empty()) (*message)["tool_calls"] = std::move(tidy);
  if ((*message)["role"] == "function") (*message)["role"] = "tool";
  if (const Json* name = find_member(*message, "tool_name"); name && !find_member(*message, "name")) (*message)["name"] = *name;
  message->erase("tool_name");
  return Nothing{};
}

void name_results(Json* messages) {
  Json names = Json::object();
  for (Json& message : *messages) {
    if (const Json* calls = find_member(message, "tool_calls")) {
      for (const Json& call : *calls) {
        if (call.contains("id")) names[call["id"].get<std::string>()] = call["function"]["name"];
      }
    }
    const Json* id = message["role"] == "tool" ? find_member(message, "tool_call_id") : nullptr;
    if (id == nullptr || !id->is_string() || find_member(message, "name")) continue;
    if (const Json* name = find_member(names, id->get_ref<const std::string&>())) message["name"] = *name;
  }
}

Json past_message(const AnswerParts& parts) {
  std::string text;
  Json calls = Json::array();
  for (const AnswerPart& part : parts.parts()) {
    if (part.kind == AnswerPart::Kind::kCall && !part.broken) {
      calls.push_back({{"id", part.id}, {"type", "function"}, {"function", {{"name", part.name}, {"arguments", call_arguments(part)}}}});
    } else if (part.kind != AnswerPart::Kind::kReasoning) {
      text += part.broken ? part.raw : part.text;
    }
  }
  Json message = {{"role", "assistant"}, {"content", text}};
  const std::string reasoning = parts.text_of(AnswerPart::Kind::kReasoning);
  if (!reasoning.empty()) message["reasoning_content"] = reasoning, message["thinking"] = reasoning;
  if (!calls.empty()) message["tool_calls"] = std::move(calls);
  return message;
}

}  // namespace hearth::server
