// What templates cannot say, in plain messages. Contract and exclusions: tool_conversation.h.
#include "text/tools/tool_conversation.h"

#include <map>

#include "nlohmann/json.hpp"
#include "text/tools/json_scanner.h"

namespace hearth::text::tools {

namespace {

using Json = nlohmann::ordered_json;

// A template may look at a call's arguments as an object or as text; what is no JSON object stays as it is.
void fit_arguments(const AnswerFormat& format, Json* function) {
  const auto arguments = function->find("arguments");
  if (arguments == function->end() || arguments->is_null()) {
    (*function)["arguments"] = format.arguments_as_text ? Json("{}") : Json::object();
  } else if (format.arguments_as_text && !arguments->is_string()) {
    *arguments = arguments->dump(-1, ' ', false, Json::error_handler_t::replace);
  } else if (!format.arguments_as_text && arguments->is_string()) {
    Json opened = Json::parse(arguments->get_ref<const std::string&>(), nullptr, /*allow_exceptions=*/false);
    if (opened.is_object()) *arguments = std::move(opened);
  }
}

std::string text_member(const Json& object, const char* name) {
  const auto member = object.find(name);
  return member != object.end() && member->is_string() ? member->get<std::string>() : std::string();
}

// The function of a call: a call that is nothing but its function is known, too.
Json* function_of(Json* call) {
  if (!call->is_object()) return nullptr;
  const auto function = call->find("function");
  if (function == call->end()) return call->contains("name") ? call : nullptr;
  return function->is_object() ? &*function : nullptr;
}

bool has_calls(const Json& message) {
  const auto calls = message.find("tool_calls");
  return calls != message.end() && calls->is_array() && !calls->empty();
}

class ConversationFitter {
 public:
  ConversationFitter(const AnswerFormat& format, const ToolRequest& request) : format_(format), request_(request) {}

  Json run(const Json& messages) {
    for (size_t i = 0; i < messages.size(); ++i) {
      const Json& message = messages[i];
      if (!message.is_object()) continue;
      const std::string role = text_member(message, "role");
      if (has_calls(message)) {
        add_calls(message);
      } else if (role == "tool" || role == "function") {
        add_result(message);
      } else {
        result_.push_back(message);
      }
    }
    tell_tools();
    return std::move(result_);
  }

 private:
  void add_calls(Json message) {
    for (Json& call : message["tool_calls"]) {
      Json* function = function_of(&call);
      if (function == nullptr) continue;
      names_[text_member(call, "id")] = text_member(*function, "name");
      if (format_.writes_calls) fit_arguments(format_, function);
      if (call.contains("function") && !call.contains("type")) call["type"] = "function";
    }
    if (!format_.writes_calls) return add_written_calls(std::move(message));
    const std::string content = text_member(message, "content");
    if (format_.calls_without_content) {
      if (!content.empty()) result_.push_back({{"role", "assistant"}, {"content", content}});
      message["content"] = nullptr;
    }
    if (!format_.single_calls || message["tool_calls"].size() == 1) {
      result_.push_back(std::move(message));
      return;
    }
    // One message a call; their results find their places behind them.
    for (const Json& call : message["tool_calls"]) {
      Json single = message;
      single["tool_calls"] = Json::array({call});
      result_.push_back(std::move(single));
      message["content"] = format_.calls_without_content ? Json() : Json("");
    }
  }

  void add_written_calls(Json message) {
    std::string content = text_member(message, "content");
    for (Json& call : message["tool_calls"]) {
      const Json* function = function_of(&call);
      if (function == nullptr) continue;
      Json fitted = *function;
      fit_arguments(AnswerFormat(), &fitted);
      const Json& arguments = fitted["arguments"];
      if (!content.empty()) content += "\n";
      content += written_call(format_.calls, text_member(fitted, "name"),
                              arguments.is_string() ? arguments.get<std::string>() : dense(arguments));
    }
    message.erase("tool_calls");
    message["content"] = std::move(content);
    result_.push_back(std::move(message));
  }

  void add_result(Json message) {
    const auto known = names_.find(text_member(message, "tool_call_id"));
    if (!message.contains("name") && known != names_.end()) message["name"] = known->second;
    if (format_.writes_results) {
      message["role"] = "tool";
      insert_result(std::move(message));
      return;
    }
    const std::string name = text_member(message, "name");
    const std::string told = "Result of the tool" + (name.empty() ? "" : " " + name) + ":\n" + text_member(message, "content");
    if (results_end_ == result_.size() && results_end_ > 0) {
      result_.back()["content"] = text_member(result_.back(), "content") + "\n\n" + told;
    } else {
      result_.push_back({{"role", "user"}, {"content", told}});
    }
    results_end_ = result_.size();
  }

  // Behind the call that it answers, where calls were taken apart.
  void insert_result(Json message) {
    const std::string id = text_member(message, "tool_call_id");
    for (size_t i = result_.size(); format_.single_calls && !id.empty() && i-- > 0;) {
      if (!has_calls(result_[i]) || text_member(result_[i]["tool_calls"][0], "id") != id) continue;
      result_.insert(result_.begin() + static_cast<std::ptrdiff_t>(i) + 1, std::move(message));
      return;
    }
    result_.push_back(std::move(message));
  }

  void tell_tools() {
    if (!request_.active() || format_.tells_tools) return;
    const std::string told = tool_instructions(format_, request_);
    const char* role = format_.has_system_role ? "system" : "user";
    for (Json& message : result_) {
      if (text_member(message, "role") != role) continue;
      if (!message["content"].is_string()) break;
      const std::string content = text_member(message, "content");
      message["content"] = format_.has_system_role ? content + (content.empty() ? "" : "\n\n") + told : told + "\n\n" + content;
      return;
    }
    result_.insert(result_.begin(), Json{{"role", role}, {"content", told}});
  }

  static std::string dense(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

  const AnswerFormat& format_;
  const ToolRequest& request_;
  Json result_ = Json::array();
  std::map<std::string, std::string> names_;  // of tools by the ids of their calls
  size_t results_end_ = 0;                    // messages after the last told result was added
};

Json parameters_of(const ToolDefinition& tool) {
  Json parameters = Json::parse(tool.parameters, nullptr, /*allow_exceptions=*/false);
  if (!parameters.is_object()) parameters = {{"type", "object"}, {"properties", Json::object()}};
  return parameters;
}

// Some templates fail at a parameter without a description.
void add_descriptions(Json* parameters) {
  const auto properties = parameters->find("properties");
  if (properties == parameters->end() || !properties->is_object()) return;
  for (Json& property : *properties) {
    if (property.is_object() && !property.contains("description")) property["description"] = "";
  }
}

Json declaration(const ToolDefinition& tool) {
  return {{"type", "function"},
          {"function", {{"name", tool.name}, {"description", tool.description}, {"parameters", parameters_of(tool)}}}};
}

std::string json_text(std::string_view text) { return Json(text).dump(-1, ' ', false, Json::error_handler_t::replace); }

std::string written_parameters(std::string_view arguments) {
  const Json object = Json::parse(arguments, nullptr, /*allow_exceptions=*/false);
  std::string text;
  if (!object.is_object()) return text;
  for (auto entry = object.begin(); entry != object.end(); ++entry) {
    text += "<parameter=" + entry.key() + ">\n" + (entry->is_string() ? entry->get<std::string>() : entry->dump()) + "\n</parameter>\n";
  }
  return text;
}

std::string_view without_trailing_blanks(std::string_view text) {
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace

Json fit_messages(const AnswerFormat& format, const ToolRequest& request, const Json& messages) {
  return ConversationFitter(format, request).run(messages);
}

Json template_variables(const AnswerFormat& format, const ToolRequest& request, const ReasoningRequest& reasoning) {
  Json variables = Json::object();
  Json list = Json::array();
  if (request.active() && format.tells_tools) {
    for (const ToolDefinition& tool : request.tools) list.push_back(declaration(tool));
    for (size_t i = 0; format.wants_descriptions && i < list.size(); ++i) add_descriptions(&list[i]["function"]["parameters"]);
  }
  if (!list.empty() || format.wants_tools) variables["tools"] = std::move(list);
  const ReasoningForm& form = format.reasoning;
  const bool said = reasoning.wish != ReasoningWish::kModelDefault || reasoning.budget == 0;
  if (!form.switch_name.empty() && said) variables[form.switch_name] = !reasoning.off();
  if (form.takes_effort && !reasoning.effort.empty()) variables["reasoning_effort"] = reasoning.effort;
  return variables;
}

std::string written_call(const CallForm& form, std::string_view name, std::string_view arguments) {
  std::string text = form.section_begin + (form.is_list ? "[" : "") + form.call_begin;
  switch (form.kind) {
    case CallForm::Kind::kJson:
      text += "{" + json_text(form.name_key) + ": " + json_text(name) + ", " + json_text(form.arguments_key) + ": ";
      text += arguments;
      text += "}";
      break;
    case CallForm::Kind::kNamed: text += std::string(name) + form.name_end + std::string(arguments); break;
    case CallForm::Kind::kParameters: text += std::string(name) + form.name_end + written_parameters(arguments); break;
  }
  return text + form.call_end + (form.is_list ? "]" : "") + form.section_end;
}

std::string tool_instructions(const AnswerFormat& format, const ToolRequest& request) {
  if (!request.active()) return {};
  std::string text = "You can call these tools, declared as one JSON object a line:\n";
  for (const ToolDefinition& tool : request.tools) {
    text += declaration(tool)["function"].dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
  }
  text += "\nTo call a tool, answer with nothing but the call, written exactly so, with the name of the tool and its arguments:\n";
  text += written_call(format.calls, "TOOL_NAME", R"({"ARGUMENT": "VALUE"})");
  text += "\nNever make up the result of a tool: it is given to you afterwards.";
  if (request.choice == ToolChoice::kNamed) return text + " Call the tool " + request.name + " now.";
  if (request.choice == ToolChoice::kRequired) return text + " Call a tool now.";
  return text + " If no tool helps, or you have the results that you need, answer in plain text.";
}

bool opens_reasoning(const AnswerFormat& format, std::string_view rendered) {
  const ReasoningForm& form = format.reasoning;
  return form.exists() && !form.begin.empty() && without_trailing_blanks(rendered).ends_with(form.begin);
}

std::string closed_reasoning(const AnswerFormat& format, std::string_view rendered) {
  const ReasoningForm& form = format.reasoning;
  if (!form.exists() || without_trailing_blanks(rendered).ends_with(form.end)) return {};
  if (opens_reasoning(format, rendered)) return (rendered.ends_with('\n') ? "\n" : "\n\n") + form.end + "\n\n";
  return form.begin + "\n\n" + form.end + "\n\n";
}

}  // namespace hearth::text::tools
