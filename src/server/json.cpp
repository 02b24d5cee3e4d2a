// Contract and exclusions: server/json.h.
#include "server/json.h"

namespace hearth::server {

namespace {

// nlohmann's parser is a loop, but its writer and destructor recurse: depth is bounded before a tree exists.
bool too_deep(std::string_view text) {
  int depth = 0;
  bool inside_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inside_string) {
      if (c == '\\') {
        ++i;
      } else if (c == '"') {
        inside_string = false;
      }
    } else if (c == '"') {
      inside_string = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMaxJsonDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

Checked<Json> parse_json(std::string_view text) {
  if (too_deep(text)) {
    return bad_request("the request body is nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
  }
  try {
    return Json::parse(text);
  } catch (const Json::exception& problem) {
    // "[json.exception.parse_error.101] parse error at line 1, column 8: syntax error ..."
    std::string reason = problem.what();
    if (const size_t end = reason.find("] "); end != std::string::npos) reason.erase(0, end + 2);
    return bad_request("the request body is not valid JSON: " + reason);
  }
}

Checked<Json> parse_body(std::string_view body) {
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return Json::object();
  Checked<Json> parsed = parse_json(body);
  if (parsed.ok() && !parsed->is_object()) {
    return bad_request(std::string("the request body must be a JSON object, not ") + parsed->type_name());
  }
  return parsed;
}

std::string to_text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

const Json* find_member(const Json& object, std::string_view name) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(name);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

Checked<std::string> string_member(const Json& object, const char* name) {
  const Json* member = find_member(object, name);
  if (member == nullptr) return std::string();
  if (!member->is_string()) return bad_request(std::string("'") + name + "' must be a string, not " + member->type_name(), name);
  return member->get<std::string>();
}

Checked<bool> bool_member(const Json& object, const char* name, bool otherwise) {
  const Json* member = find_member(object, name);
  if (member == nullptr) return otherwise;
  if (!member->is_boolean()) {
    return bad_request(std::string("'") + name + "' must be true or false, not " + member->type_name(), name);
  }
  return member->get<bool>();
}

}  // namespace hearth::server
