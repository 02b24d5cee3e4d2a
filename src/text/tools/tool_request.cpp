// Contract and exclusions: tool_request.h.
#include "text/tools/tool_request.h"

#include <set>

#include "text/grammar/json_value.h"

namespace hearth::text::tools {

namespace {

bool is_tool_name(std::string_view name) {
  for (const char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && std::string_view("_-.:/").find(c) == std::string_view::npos) return false;
  }
  return !name.empty() && name.size() <= kMaxToolNameBytes;
}

Error invalid(const std::string& what) { return {ErrorCode::kInvalidArgument, what}; }

}  // namespace

const ToolDefinition* ToolRequest::find(std::string_view tool) const {
  for (const ToolDefinition& definition : tools) {
    if (definition.name == tool) return &definition;
  }
  return nullptr;
}

Result<void> check(const ToolRequest& request) {
  if (request.tools.size() > kMaxTools) {
    return invalid("there are " + std::to_string(request.tools.size()) + " tools, more than " + std::to_string(kMaxTools));
  }
  std::set<std::string_view> names;
  size_t bytes = 0;
  for (size_t i = 0; i < request.tools.size(); ++i) {
    const ToolDefinition& tool = request.tools[i];
    if (!is_tool_name(tool.name)) {
      return invalid("the name of tool " + std::to_string(i) + " ('" + tool.name.substr(0, 60) +
                     "') must be 1 to " + std::to_string(kMaxToolNameBytes) + " letters, digits or any of _ - . : /");
    }
    if (!names.insert(tool.name).second) return invalid("the tool '" + tool.name + "' is declared twice");
    bytes += tool.name.size() + tool.description.size() + tool.parameters.size();
    if (tool.parameters.empty()) continue;
    const auto schema = grammar::parse_json(tool.parameters);
    if (!schema.ok()) return invalid("the parameters of tool '" + tool.name + "' are not JSON: " + schema.error().message);
    if (!schema->is_object()) return invalid("the parameters of tool '" + tool.name + "' must be a JSON schema, an object");
  }
  if (bytes > kMaxToolBytes) {
    return invalid("the tools have " + std::to_string(bytes) + " bytes, more than " + std::to_string(kMaxToolBytes));
  }
  if (request.choice == ToolChoice::kRequired && request.tools.empty()) return invalid("a tool must be called, but none is declared");
  if (request.choice == ToolChoice::kNamed && request.find(request.name) == nullptr) {
    return invalid("the tool '" + request.name.substr(0, 60) + "' is to be called, but it is not declared");
  }
  return {};
}

}  // namespace hearth::text::tools
