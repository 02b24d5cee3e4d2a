// Contract and exclusions: server/tools/tool_request.h.
#include "server/tools/tool_request.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace hearth::server {

namespace {

using text::tools::kMaxToolNameBytes;
using text::tools::kMaxTools;
using text::tools::ToolChoice;
using text::tools::ToolDefinition;
using text::tools::ToolRequest;

constexpr size_t kShownNameBytes = 60;

std::string entry_at(const std::string& where, size_t index) { return where + "[" + std::to_string(index) + "]"; }

bool has_name(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// What the vendors' services run themselves, with or without a date behind ("web_search_20250305").
bool runs_elsewhere(std::string_view type) {
  constexpr std::array kTypes = {"web_search",    "web_fetch",    "file_search", "code_interpreter", "code_execution", "image_generation",
                                 "computer",      "local_shell",  "shell",       "bash",             "text_editor",    "apply_patch",
                                 "tool_search",   "memory"};
  // It is told in a header.
  if (type.size() > kShownNameBytes || type.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") != type.npos) return false;
  return std::any_of(kTypes.begin(), kTypes.end(), [&](std::string_view known) {
    return type == known || (type.starts_with(known) && type.size() > known.size() && type[known.size()] == '_');
  });
}

class ToolReader {
 public:
  ToolWishes& wishes() { return wishes_; }

  Checked<Nothing> read_list(const Json& list, const std::string& where, bool functions) {
    if (!list.is_array()) return bad_request("'" + where + "' must be a list, not " + list.type_name(), where);
    if (list.size() > kMaxTools) return bad_request("'" + where + "' has more than " + std::to_string(kMaxTools) + " entries", where);
    for (size_t i = 0; i < list.size(); ++i) {
      const Json& tool = list[i];
      if (!tool.is_object()) return bad_request("'" + entry_at(where, i) + "' must be an object, not " + tool.type_name(), entry_at(where, i));
      Checked<Nothing> read = functions ? add(tool, entry_at(where, i)) : read_tool(tool, entry_at(where, i));
      if (!read.ok()) return read;
    }
    return Nothing{};
  }

 private:
  // OpenAI's and Ollama's have a type; Anthropic's has none, or "custom".
  Checked<Nothing> read_tool(const Json& tool, const std::string& where) {
    Checked<std::string> type = string_member(tool, "type");
    if (!type.ok()) return bad_request("'" + where + ".type' must be a string", where + ".type");
    const Json* nested = find_member(tool, "function");
    if (nested && (type->empty() || *type == "function")) return add(*nested, where + ".function");
    if (type->empty() || *type == "function") return add(tool, where);
    if (*type == "custom") {
      if (const Json* custom = find_member(tool, "custom")) return add_custom(*custom, where + ".custom");
      return find_member(tool, "input_schema") ? add(tool, where) : add_custom(tool, where);
    }
    if (runs_elsewhere(*type)) {
      if (!has_name(wishes_.left_out, *type)) wishes_.left_out.push_back(*type);
      return Nothing{};
    }
    return not_supported("'" + where + "' is of type \"" + type->substr(0, kShownNameBytes) + "\"; known are function and custom", where);
  }

  Checked<std::string> read_name(const Json& function, const std::string& where) {
    if (!function.is_object()) return bad_request("'" + where + "' must be an object, not " + function.type_name(), where);
    const Json* name = find_member(function, "name");
    if (name == nullptr || !name->is_string()) return bad_request("'" + where + ".name' must be a string", where + ".name");
    const std::string& text = name->get_ref<const std::string&>();
    const bool printable = std::all_of(text.begin(), text.end(), [](char byte) { return static_cast<unsigned char>(byte) > 0x20; });
    if (text.empty() || text.size() > kMaxToolNameBytes || !printable) {
      return bad_request("'" + where + ".name' must have 1 to " + std::to_string(kMaxToolNameBytes) + " bytes and no blanks", where + ".name");
    }
    if (has_name(names_, text)) return bad_request("'" + where + ".name': there are two tools \"" + text.substr(0, kShownNameBytes) + "\"", where + ".name");
    names_.push_back(text);
    return text;
  }

  Checked<Nothing> add(const Json& function, const std::string& where) {
    Checked<std::string> name = read_name(function, where);
    if (!name.ok()) return name.error();
    Checked<std::string> description = string_member(function, "description");
    if (!description.ok()) return bad_request("'" + where + ".description' must be a string", where + ".description");
    const char* field = find_member(function, "input_schema") ? "input_schema" : "parameters";
    const Json* parameters = find_member(function, field);
    const std::string place = where + "." + field;
    if (parameters && !parameters->is_object()) {
      return bad_request("'" + place + "' must be a JSON schema of an object, not " + parameters->type_name(), place);
    }
    const Json* type = parameters ? find_member(*parameters, "type") : nullptr;
    if (type && *type != "object") {
      return bad_request("'" + place + ".type' must be \"object\": the arguments of a call are an object", place);
    }
    if (const Checked<bool> strict = bool_member(function, "strict", false); !strict.ok()) {
      return bad_request("'" + where + ".strict' must be true or false", where + ".strict");
    }
    const Json none = {{"type", "object"}, {"properties", Json::object()}};
    const bool empty = parameters == nullptr || parameters->empty();
    wishes_.request.tools.push_back({*name, *description, to_text(empty ? none : *parameters)});
    return Nothing{};
  }

  // A tool that takes any text is a function of one argument to the model.
  Checked<Nothing> add_custom(const Json& custom, const std::string& where) {
    const Json* format = custom.is_object() ? find_member(custom, "format") : nullptr;
    const Json* kind = format && format->is_object() ? find_member(*format, "type") : nullptr;
    if (format && (kind == nullptr || *kind != "text")) {
      return not_supported("'" + where + ".format' can only be {\"type\": \"text\"}: leave it out", where + ".format");
    }
    Checked<std::string> name = read_name(custom, where);
    if (!name.ok()) return name.error();
    Checked<std::string> description = string_member(custom, "description");
    if (!description.ok()) return bad_request("'" + where + ".description' must be a string", where + ".description");
    const Json parameters = {{"type", "object"},
                             {"properties", {{kCustomInput, {{"type", "string"}}}}},
                             {"required", Json::array({kCustomInput})},
                             {"additionalProperties", false}};
    wishes_.custom.push_back(*name);
    wishes_.request.tools.push_back({*name, *description, to_text(parameters)});
    return Nothing{};
  }

  ToolWishes wishes_;
  std::vector<std::string> names_;
};

// "auto", "none", "required" (Anthropic and Mistral: "any").
bool read_mode(const Json& value, ToolChoice* choice) {
  if (!value.is_string()) return false;
  const std::string& mode = value.get_ref<const std::string&>();
  if (mode == "auto" || mode.empty()) {
    *choice = ToolChoice::kAuto;
  } else if (mode == "none") {
    *choice = ToolChoice::kNone;
  } else if (mode == "required" || mode == "any") {
    *choice = ToolChoice::kRequired;
  } else {
    return false;
  }
  return true;
}

// "tool_choice" and "function_call".
class ChoiceReader {
 public:
  explicit ChoiceReader(ToolRequest* request) : request_(*request) {}

  Checked<Nothing> read(const Json& value, const std::string& where) {
    if (read_mode(value, &request_.choice)) return Nothing{};
    if (!value.is_object()) {
      return bad_request("'" + where + "' must be \"auto\", \"none\", \"required\" or an object that names a tool", where);
    }
    const Json* type = find_member(value, "type");
    if (type && read_mode(*type, &request_.choice)) return Nothing{};
    if (type && *type == "allowed_tools") {
      const Json* inner = find_member(value, "allowed_tools");
      return inner ? read_allowed(*inner, where + ".allowed_tools") : read_allowed(value, where);
    }
    Checked<std::string> name = name_in(value, where);
    if (!name.ok()) return name.error();
    request_.choice = ToolChoice::kNamed;
    request_.name = std::move(*name);
    return Nothing{};
  }

 private:
  // {"type": "function", "function": {"name"}}, {"type": "function" or "tool" or "custom", "name"}, {"name"}
  Checked<std::string> name_in(const Json& value, const std::string& where) {
    const Json* place = &value;
    for (const char* inner : {"function", "custom"}) {
      const Json* found = value.is_object() ? find_member(value, inner) : nullptr;
      if (found && found->is_object()) place = found;
    }
    const Json* name = place->is_object() ? find_member(*place, "name") : nullptr;
    if (name == nullptr || !name->is_string()) return bad_request("'" + where + "' must name a tool", where);
    const std::string& text = name->get_ref<const std::string&>();
    if (request_.find(text)) return text;
    return bad_request("'" + where + "' names \"" + text.substr(0, kShownNameBytes) + "\", which is not among the tools", where);
  }

  Checked<Nothing> read_allowed(const Json& value, const std::string& where) {
    const Json* mode = value.is_object() ? find_member(value, "mode") : nullptr;
    const Json* tools = value.is_object() ? find_member(value, "tools") : nullptr;
    if (mode && !read_mode(*mode, &request_.choice)) return bad_request("'" + where + ".mode' must be \"auto\" or \"required\"", where + ".mode");
    if (tools == nullptr || !tools->is_array() || tools->empty()) return bad_request("'" + where + ".tools' must be a list of tools", where + ".tools");
    std::vector<std::string> allowed;
    for (size_t i = 0; i < tools->size(); ++i) {
      const Json& tool = (*tools)[i];
      const Json* type = tool.is_object() ? find_member(tool, "type") : nullptr;
      if (type && type->is_string() && runs_elsewhere(type->get_ref<const std::string&>())) continue;
      Checked<std::string> name = name_in(tool, entry_at(where + ".tools", i));
      if (!name.ok()) return name.error();
      allowed.push_back(std::move(*name));
    }
    std::erase_if(request_.tools, [&](const ToolDefinition& tool) { return !has_name(allowed, tool.name); });
    return Nothing{};
  }

  ToolRequest& request_;
};

Checked<Nothing> read_parallel(const Json& body, const Json* choice, ToolWishes* wishes) {
  const Checked<bool> parallel = bool_member(body, "parallel_tool_calls", true);
  if (!parallel.ok()) return parallel.error();
  wishes->request.parallel = *parallel && !wishes->functions;
  if (choice == nullptr || !choice->is_object()) return Nothing{};
  const Checked<bool> one = bool_member(*choice, "disable_parallel_tool_use", false);
  if (!one.ok()) return one.error();
  if (*one) wishes->request.parallel = false;
  return Nothing{};
}

bool is_filled_list(const Json* list) { return list && !(list->is_array() && list->empty()); }

}  // namespace

bool ToolWishes::is_custom(const std::string& name) const { return has_name(custom, name); }

Checked<ToolWishes> read_tools(const Json& body, Dialect dialect) {
  ToolReader reader;
  ToolWishes& wishes = reader.wishes();
  const Json* tools = find_member(body, "tools");
  const Json* functions = dialect == Dialect::kOpenAi || dialect == Dialect::kLmStudio ? find_member(body, "functions") : nullptr;
  if (is_filled_list(tools) && is_filled_list(functions)) {
    return bad_request("'tools' and 'functions' are both there: leave 'functions' out, which is the older form", "functions");
  }
  wishes.functions = is_filled_list(functions) && !is_filled_list(tools);
  const char* field = wishes.functions ? "functions" : "tools";
  if (const Json* list = wishes.functions ? functions : tools) {
    if (Checked<Nothing> read = reader.read_list(*list, field, wishes.functions); !read.ok()) return read.error();
  }
  const char* choice_field = wishes.functions ? "function_call" : "tool_choice";
  const Json* choice = find_member(body, choice_field);
  if (choice) {
    if (Checked<Nothing> read = ChoiceReader(&wishes.request).read(*choice, choice_field); !read.ok()) return read.error();
  }
  if (wishes.request.choice == ToolChoice::kRequired && wishes.request.tools.empty()) {
    return bad_request(std::string("'") + choice_field + "' asks for a call, and there are no tools", choice_field);
  }
  if (Checked<Nothing> read = read_parallel(body, choice, &wishes); !read.ok()) return read.error();
  return std::move(wishes);
}

}  // namespace hearth::server
