// hearth tokenize: text on standard input to the token ids of a model.
//
// Contract: reads the vocabulary only, never the weights. No start token unless asked for.
// Not here: the tokenizers (text/).
#include <cstdio>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "base/utf8.h"
#include "cli/exit.h"
#include "cli/input.h"
#include "cli/models.h"
#include "cli/verbs.h"
#include "gguf/view.h"
#include "text/tokenizer.h"

namespace hearth::cli {
namespace {

struct TokenizeOptions {
  std::string model;
  bool json = false, no_special = false, start = false;
};

void print_json(const std::vector<int32_t>& ids) {
  std::string line = "[";
  for (size_t i = 0; i < ids.size(); ++i) line += (i > 0 ? "," : "") + std::to_string(ids[i]);
  std::printf("%s]\n", line.c_str());
}

void print_table(const text::Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  for (const int32_t id : ids) {
    const std::string piece(tokenizer.token_bytes(id, /*special=*/true));
    std::printf("%8d  \"%s\"%s\n", id, printable(piece).c_str(), tokenizer.is_control(id) ? "  (control)" : "");
  }
  std::fprintf(stderr, "%zu tokens\n", ids.size());
}

Result<void> tokenize(const TokenizeOptions& options) {
  const library::Library models = TRY(library::Library::open());
  const library::Installed file = TRY(find_or_pull(models, options.model, options.json));
  const std::unique_ptr<gguf::View> view = TRY(gguf::View::open(file.path));
  const std::unique_ptr<text::Tokenizer> tokenizer = TRY(text::Tokenizer::from_gguf(*view));
  const std::string text = TRY(read_standard_input());
  const std::vector<int32_t> ids =
      tokenizer->encode(text, {.add_start = options.start, .parse_special = !options.no_special});
  if (options.json) {
    print_json(ids);
  } else {
    print_table(*tokenizer, ids);
  }
  return {};
}

}  // namespace

void add_tokenize(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* verb = app.add_subcommand("tokenize", "Show the tokens of a text (on standard input)");
  verb->add_option("MODEL", options->model, "A name from 'hearth list' or a .gguf file")->required()->type_name("");
  verb->add_flag("--json", options->json, "Print the ids as one JSON array");
  verb->add_flag("--no-special", options->no_special, "Take control tokens in the text as plain text");
  verb->add_flag("--start", options->start, "Put the start token first, if the model wants one");
  verb->footer(
      "Examples:\n"
      "  echo -n 'Hello world' | hearth tokenize smollm2:135m\n"
      "  hearth tokenize qwen2.5-coder:1.5b --json < main.py\n"
      "  echo -n '<|im_end|>' | hearth tokenize smollm2:135m --no-special");
  verb->callback([options, exit_code] {
    const Result<void> done = tokenize(*options);
    *exit_code = done.ok() ? kExitDone : report(done.error());
  });
}

}  // namespace hearth::cli
