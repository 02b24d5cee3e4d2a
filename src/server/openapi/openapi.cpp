// Contract and exclusions: server/openapi/openapi.h.
#include "server/openapi/openapi.h"

#include <cctype>

#include "server/routes.h"

// The shapes of requests and answers, as bytes of the program.
__asm__(
    ".section .rodata\n"
    ".global hearth_shapes_begin\n.global hearth_shapes_end\n"
    "hearth_shapes_begin:\n.incbin \"" HEARTH_SHAPES_PATH "\"\n"
    "hearth_shapes_end:\n.previous\n");
extern "C" const char hearth_shapes_begin[];
extern "C" const char hearth_shapes_end[];

namespace hearth::server {

namespace {

constexpr const char* kOptions = "Options";  // the shape made of the table of parameters
constexpr const char* kForms = "Forms";

Json reference(const std::string& name) { return {{"$ref", "#/components/schemas/" + name}}; }

Json schema_of(const Json& shape);

// One alternative of "a|b".
Json schema_of_word(const std::string& word) {
  if (word.starts_with("'")) return {{"const", word.substr(1, word.size() - 2)}};
  if (word == "any") return Json::object();
  if (!word.empty() && std::isupper(static_cast<unsigned char>(word[0]))) return reference(word);
  return {{"type", word}};
}

Json schema_of_text(const std::string& text) {
  Json alternatives = Json::array();
  for (size_t begin = 0; begin <= text.size();) {
    const size_t end = std::min(text.find('|', begin), text.size());
    alternatives.push_back(schema_of_word(text.substr(begin, end - begin)));
    begin = end + 1;
  }
  return alternatives.size() == 1 ? alternatives[0] : Json{{"anyOf", std::move(alternatives)}};
}

Json schema_of_object(const Json& shape) {
  Json properties = Json::object(), required = Json::array();
  for (const auto& [name, value] : shape.items()) {
    const bool optional = name.ends_with('?');
    const std::string plain = optional ? name.substr(0, name.size() - 1) : name;
    properties[plain] = schema_of(value);
    if (!optional) required.push_back(plain);
  }
  Json schema = {{"type", "object"}, {"properties", std::move(properties)}};
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

Json schema_of(const Json& shape) {
  if (shape.is_string()) return schema_of_text(shape.get_ref<const std::string&>());
  if (shape.is_object()) return schema_of_object(shape);
  return {{"type", "array"}, {"items", shape.empty() ? Json::object() : schema_of(shape[0])}};
}

Json options_schema() {
  Json properties = Json::object();
  for (const ParameterInfo& parameter : known_parameters()) {
    Json schema = Json::object();
    if (!parameter.type.empty()) schema["type"] = Json::array({parameter.type, "null"});
    if (parameter.minimum) schema["minimum"] = *parameter.minimum;
    if (parameter.maximum) schema["maximum"] = *parameter.maximum;
    properties[parameter.name] = std::move(schema);
  }
  return {{"type", "object"}, {"properties", std::move(properties)}};
}

// What asks for an answer of a given form (server/shapes.h), and for adapters.
Json forms_schema() {
  Json properties = Json::object();
  for (const char* name : {"response_format", "structured_outputs"}) properties[name] = {{"type", {"object", "null"}}};
  for (const char* name : {"grammar", "guided_grammar", "guided_regex"}) properties[name] = {{"type", {"string", "null"}}};
  for (const char* name : {"json_schema", "guided_json"}) properties[name] = Json::object();
  properties["guided_choice"] = {{"type", {"array", "null"}}, {"items", {{"type", "string"}}}};
  properties["lora"] = reference("AdapterScales");
  return {{"type", "object"}, {"properties", std::move(properties)}};
}

// A route's own entry, or that of another path with the same handler.
const Json* entry_of(const Json& entries, const Route& route) {
  const auto own = entries.find(std::string(route.method) + " " + route.path);
  if (own != entries.end()) return &*own;
  for (const Route& other : all_routes()) {
    if (other.handler != route.handler || std::string_view(other.method) != route.method) continue;
    const auto found = entries.find(std::string(other.method) + " " + other.path);
    if (found != entries.end()) return &*found;
  }
  return nullptr;
}

Json body_of(const char* media_type, Json schema) { return {{media_type, {{"schema", std::move(schema)}}}}; }

Json request_of(const Json& entry) {
  Json schema = schema_of(entry["asks"]);
  if (entry.contains("sampled")) schema = {{"allOf", Json::array({std::move(schema), reference(kOptions), reference(kForms)})}};
  if (entry.contains("streamed")) schema["properties"]["stream"] = {{"type", "boolean"}};
  return {{"required", true}, {"content", body_of("application/json", std::move(schema))}};
}

Json answer_of(const Json& entry) {
  Json content = Json::object();
  if (entry.contains("text")) content.update(body_of("text/plain", {{"type", "string"}}));
  if (entry.contains("gives")) content.update(body_of("application/json", schema_of(entry["gives"])));
  // Of a stream the schema is that of the data of one event, or of one line.
  if (entry.contains("streams")) content.update(body_of("text/event-stream", schema_of(entry["streams"])));
  if (entry.contains("lines")) content.update(body_of("application/x-ndjson", schema_of(entry["lines"])));
  Json answer = {{"description", "The answer"}};
  if (entry.contains("empty")) answer["description"] = "It is done; the body is empty";
  if (!content.empty()) answer["content"] = std::move(content);
  return answer;
}

Json operation_of(const Route& route, const Json& entry, const Json& errors) {
  std::string id = route.method;
  for (const char* c = route.path; *c; ++c) id += std::isalnum(static_cast<unsigned char>(*c)) ? *c : '_';
  Json operation = {{"operationId", id}, {"summary", route.summary}, {"tags", Json::array({dialect_name(route.dialect)})}};
  if (std::string_view(route.path).ends_with("/*")) {
    operation["parameters"] =
        Json::array({{{"name", "name"}, {"in", "path"}, {"required", true}, {"schema", {{"type", "string"}}}}});
  }
  if (entry.contains("asks")) operation["requestBody"] = request_of(entry);
  if (!entry.contains("refuses")) operation["responses"]["200"] = answer_of(entry);
  operation["responses"]["default"] = {{"description", "What is wrong with the request, or with the server"},
                                       {"content", body_of("application/json", schema_of(errors[dialect_name(route.dialect)]))}};
  return operation;
}

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return result;
}

}  // namespace

Json openapi_document(const std::string& version) {
  const Json source = Json::parse(hearth_shapes_begin, hearth_shapes_end);
  Json schemas = Json::object(), paths = Json::object();
  for (const auto& [name, shape] : source["shapes"].items()) schemas[name] = schema_of(shape);
  schemas[kOptions] = options_schema();
  schemas[kForms] = forms_schema();
  for (const Route& route : all_routes()) {
    const Json* entry = entry_of(source["routes"], route);
    std::string path = route.path;
    if (path.ends_with("/*")) path.replace(path.size() - 1, 1, "{name}");
    paths[path][lower(route.method)] = operation_of(route, entry ? *entry : Json::object(), source["errors"]);
  }
  return {{"openapi", "3.1.0"},
          {"info", {{"title", "Hearth"}, {"version", version}}},
          {"paths", std::move(paths)},
          {"components", {{"schemas", std::move(schemas)},
                          {"securitySchemes", {{"key", {{"type", "http"}, {"scheme", "bearer"}}}}}}}};
}

void openapi(Context& context, const Request&, const ResponderPtr& responder) {
  send_json(*responder, openapi_document(context.version));
}

}  // namespace hearth::server
