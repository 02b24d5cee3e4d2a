// JSON of requests and answers: parsed under limits whatever the Content-Type says, written compactly.
//
// Contract: parse_json never throws and bounds depth before it builds anything; to_text replaces invalid UTF-8 instead of
// failing, and writes no spaces (some clients search answers for `"content":"`).
// Not here: which fields a route knows (server/parameters.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "nlohmann/json.hpp"
#include "server/api_error.h"

namespace hearth::server {

using Json = nlohmann::ordered_json;

inline constexpr int kMaxJsonDepth = 128;

Checked<Json> parse_json(std::string_view text);
// The same for a request body, which must be an object; an empty body is an empty object.
Checked<Json> parse_body(std::string_view body);
std::string to_text(const Json& json);

// The member `name` of an object, or null if it is absent or JSON null.
const Json* find_member(const Json& object, std::string_view name);
// "" if it is absent; 400 naming the field if it is not a string.
Checked<std::string> string_member(const Json& object, const char* name);
Checked<bool> bool_member(const Json& object, const char* name, bool otherwise);

}  // namespace hearth::server
