// Models on disk: the catalogue, what is installed, pulling, verifying and removing.
//
// Contract: data lies under $HEARTH_HOME, else $XDG_DATA_HOME/hearth, else ~/.local/share/hearth, as docs/formats/library.md
// says. Nothing half-written is ever visible: temporary file, fsync, rename. A digest decides; file: sources are used in
// place, never copied or removed. Const methods may be called by several threads and processes at once.
// Not here: reading models (gguf, engine), terminal output (cli).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "hearth/error.h"

namespace hearth::library {

struct Source {
  std::string scheme;              // "file", "pypi"
  std::vector<std::string> parts;  // after "scheme:", in order
};

struct Entry {
  std::string name;        // "smollm2:135m"
  std::string description;
  std::string licence;     // SPDX identifier or the licence's own name
  std::string licence_class;  // "permissive", "use-restricted", "unknown", ...
  std::string licence_url;    // where its text is
  std::string licence_note;   // what the user must know beyond it; may be empty
  uint64_t bytes = 0;      // 0: not stated (file: sources only)
  std::string sha256;      // 64 lower-case hex digits; empty: not stated (file: sources only)
  bool is_default = false;
  std::vector<Source> sources;  // tried in order
};

struct Installed {
  std::string name;
  std::string path;
  uint64_t bytes = 0;
  std::string sha256;      // empty for a path that is no installed model
  int64_t modified = 0;    // seconds since the epoch
  bool in_place = false;   // a file: source, or a path
  std::string licence, licence_class, licence_url, licence_note;  // empty for a path
};

struct PullProgress {
  std::string phase;       // "fetching part 3 of 22", "verifying"
  uint64_t done_bytes = 0, total_bytes = 0;
};

struct Removed {
  uint64_t freed_bytes = 0;
  bool kept_file = false;     // another name or a file: source still uses it
  bool only_partial = false;  // an unfinished pull was removed; there was no model
};

class Library {
 public:
  // Reads the built-in catalogue and $HEARTH_HOME/catalogue.toml. Creates no files.
  static Result<Library> open();
  // The same for a given home.
  static Result<Library> open_at(const std::string& home);
  const std::vector<Entry>& catalogue() const { return catalogue_; }
  const Entry* find(const std::string& name) const;
  const Entry& default_entry() const;
  Result<std::vector<Installed>> installed() const;
  // MODEL as people type it: a catalogue name or a path to a .gguf file; empty is the default model. kNotFound says how to
  // pull it, or which names are near.
  Result<Installed> resolve(const std::string& model) const;
  using ProgressFn = std::function<void(const PullProgress&)>;
  // Fetches and verifies; returns at once if the model is there. A pull that was interrupted resumes. kCancelled once
  // *cancel is true. Waits while another process pulls the same model.
  Result<Installed> pull(const std::string& name, const ProgressFn& progress, const std::atomic<bool>* cancel) const;
  // Gives an installed model another name, under which it is found, too. A name that means another model is refused.
  Result<void> add_name(const std::string& name, const std::string& another) const;
  // Removes the model, or what an unfinished pull left. Of a model with several names only this one goes.
  Result<Removed> remove(const std::string& name) const;
  const std::string& home() const { return home_; }

 private:
  Result<Installed> find_installed(const std::string& name) const;

  std::string home_;
  std::vector<Entry> catalogue_;
};

}  // namespace hearth::library
