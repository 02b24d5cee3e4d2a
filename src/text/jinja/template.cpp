// Compiling and rendering, and where exceptions become errors; see template.h.
#include "text/jinja/template.h"

#include <new>
#include <stdexcept>

#include "nlohmann/json.hpp"
#include "text/jinja/interpreter.h"
#include "text/jinja/parser.h"
#include "text/jinja/scope.h"

namespace hearth::text::jinja {

namespace {

Error to_error(TemplateError error, int line) {
  if (error.verbatim) return Error{error.code, std::move(error.message)};
  if (error.line == 0) error.line = line;
  return Error{error.code, "chat template line " + std::to_string(error.line) + ": " + error.message};
}

Error out_of_memory() {
  return Error{ErrorCode::kResource, "chat template: out of memory"};
}

}  // namespace

Template::Template() : tree_(std::make_unique<TemplateTree>()) {}
Template::~Template() = default;

Result<std::unique_ptr<Template>> Template::compile(std::string_view source) {
  try {
    std::unique_ptr<Template> result(new Template());
    *result->tree_ = parse(source);
    bind_names(result->tree_.get());
    return result;
  } catch (TemplateError& error) {
    return to_error(std::move(error), 1);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  }
}

Result<std::string> Template::render(const nlohmann::ordered_json& variables, const std::tm* now) const {
  if (!variables.is_object())
    return Error{ErrorCode::kInvalidArgument, "the variables of a chat template must be an object"};
  int line = 1;
  try {
    Interpreter interpreter(*tree_, variables, now);
    try {
      return interpreter.run();
    } catch (...) {
      line = interpreter.line();
      throw;
    }
  } catch (TemplateError& error) {
    return to_error(std::move(error), line);
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::length_error&) {
    return out_of_memory();
  }
}

}  // namespace hearth::text::jinja
