// The fields by which the dialects ask for an answer of a given form: schemas, any JSON, grammars, choices, patterns.
//
// Contract: read_shape takes every spelling that clients use and refuses with 400 what it does not understand; two forms in one
// request are an error, and an empty string or object where llama-server and Ollama have one means no form at all. What a
// schema or grammar holds is checked when it is compiled (compile_shape), and the error then names the field.
// Not here: compiling (engine/answer_shape.h).
#pragma once

#include <string>

#include "engine/answer_shape.h"
#include "hearth/engine.h"
#include "server/api_error.h"
#include "server/json.h"

namespace hearth::server {

struct RequestedShape {
  AnswerShape shape;
  std::string field;  // that asked for it, as "response_format.json_schema.schema"
};

Checked<RequestedShape> read_shape(const Json& body, Dialect dialect);

// Null for no form.
Checked<std::shared_ptr<text::grammar::Grammar>> compile_shape(const Engine& engine, const RequestedShape& requested);

}  // namespace hearth::server
