// Models on disk: the catalogue, what is installed, pulling, verifying and removing.
//
// Contract: data lies under $HEARTH_HOME, else $XDG_DATA_HOME/hearth, else ~/.local/share/hearth. Nothing half-written is
// ever visible: temporary file, fsync, rename. A digest decides; file: sources are used in place, never copied or removed.
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
  std::string licence_class;  // "open", "use-restricted", ...
  uint64_t bytes = 0;
  std::string sha256;      // 64 lower-case hex digits
  bool is_default = false;
  std::vector<Source> sources;
};

struct Installed {
  std::string name;
  std::string path;
  uint64_t bytes = 0;
  std::string sha256;
  int64_t modified = 0;    // seconds since the epoch
  bool in_place = false;   // a file: source
};

struct PullProgress {
  std::string phase;       // "fetching part 3 of 22", "verifying"
  uint64_t done_bytes = 0, total_bytes = 0;
};

class Library {
 public:
  // Reads the built-in catalogue and $HEARTH_HOME/catalogue.toml. Creates no files.
  static Result<Library> open();
  const std::vector<Entry>& catalogue() const { return catalogue_; }
  const Entry* find(const std::string& name) const;
  const Entry& default_entry() const;
  Result<std::vector<Installed>> installed() const;
  // MODEL as people type it: a catalogue name or a path to a .gguf file. kNotFound says how to pull it.
  Result<Installed> resolve(const std::string& model) const;
  using ProgressFn = std::function<void(const PullProgress&)>;
  Result<Installed> pull(const std::string& name, const ProgressFn& progress, const std::atomic<bool>* cancel) const;
  Result<void> remove(const std::string& name) const;
  const std::string& home() const { return home_; }

 private:
  std::string home_;
  std::vector<Entry> catalogue_;
};

}  // namespace hearth::library
