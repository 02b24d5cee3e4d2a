// Pulling with a bar, finding with a pull.
//
// Contract: see models.h.
#include "cli/models.h"

#include <cstdio>
#include <utility>

#include "cli/exit.h"
#include "cli/terminal.h"

namespace hearth::cli {

Result<library::Installed> pull_with_progress(const library::Library& models, const std::string& name, bool quiet) {
  const std::string shown = name.empty() ? models.default_entry().name : name;
  catch_interrupts();
  ProgressBar bar(shown, quiet ? ProgressBar::Mode::kQuiet : ProgressBar::Mode::kAutomatic);
  const auto progress = [&](const library::PullProgress& p) { bar.update(p.phase, p.done_bytes, p.total_bytes); };
  Result<library::Installed> pulled = models.pull(shown, progress, interrupt_flag());
  bar.finish();
  if (!pulled.ok() && pulled.error().code == ErrorCode::kCancelled) {
    return Error{ErrorCode::kCancelled, "interrupted; 'hearth pull " + shown + "' goes on from the last finished part"};
  }
  return pulled;
}

Result<library::Installed> find_or_pull(const library::Library& models, const std::string& model, bool quiet) {
  Result<library::Installed> found = models.resolve(model);
  const std::string name = model.empty() ? models.default_entry().name : model;
  if (found.ok() || found.error().code != ErrorCode::kNotFound || models.find(name) == nullptr) return found;
  return pull_with_progress(models, name, quiet);
}

}  // namespace hearth::cli
