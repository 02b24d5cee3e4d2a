// Contract and exclusions: server/shapes.h.
#include "server/shapes.h"

#include <optional>

namespace hearth::server {

namespace {

using ShapeKind = AnswerShape::Kind;

constexpr size_t kMaxChoices = 10'000;

// Collects the one form of a request.
class ShapeReader {
 public:
  RequestedShape& result() { return result_; }
  const std::optional<ApiError>& error() const { return error_; }

  void fail(ApiError error) {
    if (!error_) error_ = std::move(error);
  }

  void set(ShapeKind kind, std::string source, std::string field) {
    if (result_.shape.kind != ShapeKind::kFree) {
      return fail(bad_request("'" + result_.field + "' and '" + field + "' both say what form the answer has: only one can", field));
    }
    result_ = {{kind, std::move(source), {}}, std::move(field)};
  }

  // A schema as an object, true, or text of one.
  void schema(const Json& value, const std::string& field) {
    if (value.is_object() || value.is_boolean()) return set(ShapeKind::kSchema, to_text(value), field);
    if (value.is_string()) return set(ShapeKind::kSchema, value.get<std::string>(), field);
    fail(bad_request("'" + field + "' must be a JSON schema, not " + value.type_name(), field));
  }

  void text(const Json& value, ShapeKind kind, const std::string& field) {
    if (!value.is_string()) return fail(bad_request("'" + field + "' must be a string, not " + value.type_name(), field));
    if (!value.get_ref<const std::string&>().empty()) set(kind, value.get<std::string>(), field);
  }

  void choices(const Json& value, const std::string& field) {
    if (!value.is_array()) return fail(bad_request("'" + field + "' must be a list of strings, not " + value.type_name(), field));
    if (value.size() > kMaxChoices) {
      return fail(bad_request("'" + field + "' has " + std::to_string(value.size()) + " entries, more than " +
                              std::to_string(kMaxChoices), field));
    }
    if (value.empty()) return;
    std::vector<std::string> list;
    for (const Json& choice : value) {
      if (!choice.is_string()) return fail(bad_request("'" + field + "' must be a list of strings", field));
      list.push_back(choice.get<std::string>());
    }
    set(ShapeKind::kChoices, "", field);
    result_.shape.choices = std::move(list);
  }

  // {"type": "text"}, {"type": "json_object"}, {"type": "json_schema", ...} with the schema here or one level deeper.
  void format(const Json& value, const std::string& field) {
    if (!value.is_object()) return fail(bad_request("'" + field + "' must be an object, not " + value.type_name(), field));
    const Json* type = find_member(value, "type");
    if (type == nullptr || !type->is_string()) return fail(bad_request("'" + field + ".type' must be a string", field));
    const std::string& name = type->get_ref<const std::string&>();
    if (name == "text") return;
    const Json* inner = find_member(value, "json_schema");
    if (inner && !inner->is_object()) return fail(bad_request("'" + field + ".json_schema' must be an object", field));
    const std::string place = inner ? field + ".json_schema.schema" : field + ".schema";
    const Json* schema = find_member(inner ? *inner : value, "schema");
    if (name == "json_schema") {
      if (schema == nullptr) return fail(bad_request("'" + place + "' is missing: a format of type json_schema needs it", place));
      return this->schema(*schema, place);
    }
    if (name == "grammar") {
      const Json* grammar = find_member(value, "grammar");
      return grammar ? text(*grammar, ShapeKind::kGbnf, field + ".grammar")
                     : fail(bad_request("'" + field + ".grammar' is missing", field));
    }
    if (name == "json_object" || name == "json") {
      return schema ? this->schema(*schema, place) : set(ShapeKind::kJsonObject, "", field);
    }
    fail(bad_request("'" + field + ".type' can be \"text\", \"json_object\" or \"json_schema\", not \"" + name.substr(0, 100) + "\"",
                     field));
  }

 private:
  RequestedShape result_;
  std::optional<ApiError> error_;
};

bool is_empty_object(const Json& value) { return value.is_object() && value.empty(); }

// llama-server's and vLLM's own fields, taken in every dialect but Ollama's.
void read_extensions(const Json& body, ShapeReader* reader) {
  if (const Json* schema = find_member(body, "json_schema"); schema && !is_empty_object(*schema)) {
    if (!schema->is_string() || !schema->get_ref<const std::string&>().empty()) reader->schema(*schema, "json_schema");
  }
  if (const Json* grammar = find_member(body, "grammar")) reader->text(*grammar, ShapeKind::kGbnf, "grammar");
  if (const Json* schema = find_member(body, "guided_json")) reader->schema(*schema, "guided_json");
  if (const Json* grammar = find_member(body, "guided_grammar")) reader->text(*grammar, ShapeKind::kGbnf, "guided_grammar");
  if (const Json* pattern = find_member(body, "guided_regex")) reader->text(*pattern, ShapeKind::kPattern, "guided_regex");
  if (const Json* choices = find_member(body, "guided_choice")) reader->choices(*choices, "guided_choice");
  const Json* outputs = find_member(body, "structured_outputs");
  if (outputs == nullptr) return;
  if (!outputs->is_object()) return reader->fail(bad_request("'structured_outputs' must be an object", "structured_outputs"));
  if (const Json* schema = find_member(*outputs, "json")) reader->schema(*schema, "structured_outputs.json");
  if (const Json* grammar = find_member(*outputs, "grammar")) reader->text(*grammar, ShapeKind::kGbnf, "structured_outputs.grammar");
  if (const Json* pattern = find_member(*outputs, "regex")) reader->text(*pattern, ShapeKind::kPattern, "structured_outputs.regex");
  if (const Json* choices = find_member(*outputs, "choice")) reader->choices(*choices, "structured_outputs.choice");
}

// "format": "json", a schema, or nothing.
void read_ollama(const Json& body, ShapeReader* reader) {
  const Json* format = find_member(body, "format");
  if (format == nullptr) return;
  if (format->is_object()) return format->empty() ? void() : reader->schema(*format, "format");
  if (*format == "") return;
  if (*format == "json") return reader->set(ShapeKind::kJsonObject, "", "format");
  reader->fail(bad_request("'format' must be \"json\" or a JSON schema", "format"));
}

void read_anthropic(const Json& body, ShapeReader* reader) {
  if (const Json* format = find_member(body, "output_format")) reader->format(*format, "output_format");
  const Json* config = find_member(body, "output_config");
  if (config == nullptr) return;
  if (!config->is_object()) return reader->fail(bad_request("'output_config' must be an object", "output_config"));
  if (const Json* format = find_member(*config, "format")) reader->format(*format, "output_config.format");
}

}  // namespace

Checked<RequestedShape> read_shape(const Json& body, Dialect dialect) {
  ShapeReader reader;
  if (dialect == Dialect::kOllama) {
    read_ollama(body, &reader);
  } else {
    if (const Json* format = find_member(body, "response_format")) reader.format(*format, "response_format");
    // The responses of OpenAI have it here; elsewhere nobody sends it.
    const Json* text = find_member(body, "text");
    const Json* format = text && text->is_object() ? find_member(*text, "format") : nullptr;
    if (format) reader.format(*format, "text.format");
    if (dialect == Dialect::kAnthropic) read_anthropic(body, &reader);
    read_extensions(body, &reader);
  }
  if (reader.error()) return *reader.error();
  return std::move(reader.result());
}

Checked<std::shared_ptr<text::grammar::Grammar>> compile_shape(const Engine& engine, const RequestedShape& requested) {
  Result<std::shared_ptr<text::grammar::Grammar>> grammar = engine.grammars().get(requested.shape);
  if (grammar.ok()) return std::move(*grammar);
  return bad_request("'" + requested.field + "': " + grammar.error().message, requested.field);
}

}  // namespace hearth::server
