// --schema, --grammar and --choice: the form that every answer of a command has.
//
// Contract: files are read under a limit; the errors of the compilers name what is wrong in them.
// Not here: compiling (engine/answer_shape.h).
#pragma once

#include <string>
#include <vector>

#include "engine/answer_shape.h"
#include "hearth/error.h"

namespace CLI {
class App;
}  // namespace CLI

namespace hearth::cli {

struct ShapeOptions {
  std::string schema_path, grammar_path;
  std::vector<std::string> choices;
  bool any() const { return !schema_path.empty() || !grammar_path.empty() || !choices.empty(); }
};

void add_shape_options(CLI::App* verb, ShapeOptions* options);

// kFree without options.
Result<AnswerShape> read_shape(const ShapeOptions& options);

}  // namespace hearth::cli
