// hearth rm: removes models, or what an unfinished pull left of them.
//
// Contract: a file: source is forgotten, never removed. Not here: the catalogue, which keeps its entry.
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/units.h"
#include "cli/exit.h"
#include "cli/verbs.h"
#include "library/library.h"

namespace hearth::cli {
namespace {

int run_rm(const std::vector<std::string>& names) {
  const Result<library::Library> models = library::Library::open();
  if (!models.ok()) return report(models.error());
  int exit_code = kExitDone;
  for (const std::string& name : names) {
    const Result<library::Removed> removed = models->remove(name);
    if (!removed.ok()) {
      exit_code = report(removed.error());
    } else if (removed->only_partial) {
      std::printf("removed what an unfinished pull left of %s\n", name.c_str());
    } else if (removed->kept_file) {
      std::printf("forgot %s; its file stays where it is\n", name.c_str());
    } else {
      std::printf("removed %s: %s freed\n", name.c_str(), format_bytes(removed->freed_bytes).c_str());
    }
  }
  return exit_code;
}

}  // namespace

void add_rm(CLI::App& app, int* exit_code) {
  auto names = std::make_shared<std::vector<std::string>>();
  CLI::App* verb = app.add_subcommand("rm", "Remove models from this computer");
  verb->add_option("MODEL", *names, "Names from 'hearth list'")->required()->type_name("");
  verb->footer(
      "Examples:\n"
      "  hearth rm smollm2:135m");
  verb->callback([names, exit_code] { *exit_code = run_rm(*names); });
}

}  // namespace hearth::cli
