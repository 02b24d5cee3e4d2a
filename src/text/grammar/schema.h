// JSON schema (draft-04, -06, -07, 2019-09, 2020-12) as a grammar of JSON texts.
//
// Contract: pure. Every text of the grammar satisfies the schema; not every instance has a text (docs/grammars.md says which
// are left out: other orders of properties, undeclared properties unless the schema asks for them, more white space).
// A keyword that cannot be honoured is an error that names keyword and place; annotations and unknown keywords are ignored.
// Not here: what is told to a model about a schema.
#pragma once

#include <string_view>

#include "hearth/error.h"
#include "text/grammar/json_value.h"
#include "text/grammar/rules.h"

namespace hearth::text::grammar {

struct SchemaOptions {
  bool compact = false;      // no white space between tokens of JSON
  bool only_object = false;  // what it lets through beside objects is left out
};

// Errors: kInvalidArgument (not JSON, a keyword with a wrong value, nothing satisfies it), kUnsupported, kResource.
Result<Rules> compile_schema(std::string_view schema, const SchemaOptions& options = {});
// The same as a part of rules that are not finished; whether anything satisfies it is known when they are.
Result<ExpressionId> add_schema(Rules* rules, std::string_view schema, const SchemaOptions& options = {});
// Whether a value satisfies a schema, all of whose keywords count, whatever order and spelling the grammar would have. Errors as
// compile_schema has them.
Result<bool> satisfies(std::string_view schema, const JsonValue& value);
// Any JSON object.
Result<Rules> compile_json_object(const SchemaOptions& options = {});

}  // namespace hearth::text::grammar
