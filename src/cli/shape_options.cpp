// Contract and exclusions: cli/shape_options.h.
#include "cli/shape_options.h"

#include "CLI/CLI.hpp"
#include "base/atomic_file.h"

namespace hearth::cli {

namespace {

constexpr uint64_t kMaxShapeFileBytes = uint64_t{4} << 20;

}  // namespace

void add_shape_options(CLI::App* verb, ShapeOptions* options) {
  CLI::Option* schema = verb->add_option("--schema", options->schema_path, "Answers are JSON of the schema in this file")->type_name("FILE");
  CLI::Option* grammar = verb->add_option("--grammar", options->grammar_path, "Answers are texts of the GBNF grammar in this file")
                             ->type_name("FILE")->excludes(schema);
  verb->add_option("--choice", options->choices, "Answers are one of these texts: --choice yes,no")
      ->type_name("A,B,...")->delimiter(',')->allow_extra_args(false)->excludes(schema)->excludes(grammar);
}

Result<AnswerShape> read_shape(const ShapeOptions& options) {
  if (!options.choices.empty()) return AnswerShape{AnswerShape::Kind::kChoices, "", options.choices};
  if (!options.schema_path.empty()) {
    return AnswerShape{AnswerShape::Kind::kSchema, TRY(read_small_file(options.schema_path, kMaxShapeFileBytes)), {}};
  }
  if (!options.grammar_path.empty()) {
    return AnswerShape{AnswerShape::Kind::kGbnf, TRY(read_small_file(options.grammar_path, kMaxShapeFileBytes)), {}};
  }
  return AnswerShape{};
}

}  // namespace hearth::cli
