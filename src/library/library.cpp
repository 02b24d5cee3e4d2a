// The library as the program sees it: names in, files out.
//
// Contract: see library.h. The catalogue is read once, at open(); the folder of models is read at each call, since other
// processes change it.
#include "library/library.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "base/atomic_file.h"
#include "base/nearest.h"
#include "base/os_error.h"
#include "library/catalogue.h"
#include "library/partial.h"
#include "library/pull.h"
#include "library/store.h"

namespace hearth::library {
namespace {

Result<std::string> find_home() {
  const auto variable = [](const char* name) -> std::string {
    const char* value = std::getenv(name);
    return value != nullptr ? value : "";
  };
  std::string home = variable("HEARTH_HOME");
  if (home.empty() && variable("XDG_DATA_HOME").starts_with("/")) home = variable("XDG_DATA_HOME") + "/hearth";
  if (home.empty() && !variable("HOME").empty()) home = variable("HOME") + "/.local/share/hearth";
  if (home.empty()) {
    return Error{ErrorCode::kInvalidArgument, "no folder for models: set HEARTH_HOME (or HOME) to one"};
  }
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(home, error);
  if (error) return os_error(error.value(), "cannot resolve " + home);
  return absolute.lexically_normal().string();
}

Installed to_installed(const Store& store, const Record& record, const std::string& name) {
  Installed installed;
  installed.name = name;
  installed.path = store.path_of(record);
  installed.bytes = record.bytes;
  installed.sha256 = to_hex(record.digest);
  installed.modified = record.installed_at;
  installed.in_place = !record.in_place_path.empty();
  installed.licence = record.licence;
  installed.licence_class = record.licence_class;
  installed.licence_url = record.licence_url;
  installed.licence_note = record.licence_note;
  return installed;
}

bool looks_like_path(const std::string& text) {
  return text.find('/') != std::string::npos || text.ends_with(".gguf") || access(text.c_str(), F_OK) == 0;
}

Result<Installed> resolve_path(const std::string& path) {
  struct stat status {};
  if (stat(path.c_str(), &status) != 0) return os_error(errno, "cannot open " + path);
  if (S_ISDIR(status.st_mode)) return Error{ErrorCode::kInvalidArgument, path + " is a folder, not a .gguf file"};
  Installed installed;
  installed.name = path;
  installed.path = path;
  installed.bytes = static_cast<uint64_t>(status.st_size);
  installed.modified = status.st_mtim.tv_sec;
  installed.in_place = true;
  return installed;
}

bool is_named(const Record& record, const std::string& name) {
  return std::find(record.names.begin(), record.names.end(), name) != record.names.end();
}

}  // namespace

Result<Library> Library::open() { return open_at(TRY(find_home())); }

Result<Library> Library::open_at(const std::string& home) {
  Library library;
  library.home_ = home;
  const std::string path = home + "/catalogue.toml";
  Catalogue theirs;
  const Result<std::string> text = read_small_file(path, kMaxCatalogueBytes);
  if (text.ok()) {
    theirs = TRY(parse_catalogue(*text, path));
  } else if (text.error().code != ErrorCode::kNotFound) {
    return text.error();
  }
  library.catalogue_ = TRY(merge_catalogues(TRY(built_in_catalogue()), std::move(theirs), path));
  return library;
}

const Entry* Library::find(const std::string& name) const {
  for (const Entry& entry : catalogue_) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

const Entry& Library::default_entry() const {
  for (const Entry& entry : catalogue_) {
    if (entry.is_default) return entry;
  }
  CHECK(false && "merge_catalogues() sets a default");
}

Result<std::vector<Installed>> Library::installed() const {
  const Store store(home_);
  std::vector<Installed> out;
  for (const Record& record : TRY(store.records())) {
    for (const std::string& name : record.names) out.push_back(to_installed(store, record, name));
  }
  std::sort(out.begin(), out.end(), [](const Installed& a, const Installed& b) { return a.name < b.name; });
  return out;
}

// The digest in the catalogue decides: a model pulled before its entry changed is no longer what the name means.
Result<Installed> Library::find_installed(const std::string& name) const {
  const Store store(home_);
  const Entry* entry = find(name);
  if (entry != nullptr && !entry->sha256.empty()) {
    const std::optional<Record> record = TRY(store.read(TRY(parse_digest(entry->sha256))));
    if (record && is_named(*record, name)) return to_installed(store, *record, name);
  } else {
    for (const Record& record : TRY(store.records())) {
      if (is_named(record, name)) return to_installed(store, record, name);
    }
  }
  return Error{ErrorCode::kNotFound, "the model '" + name + "' is not here; fetch it with: hearth pull " + name};
}

Result<Installed> Library::resolve(const std::string& model) const {
  const std::string name = model.empty() ? default_entry().name : model;
  const Result<Installed> found = find_installed(name);
  if (found.ok() || find(name) != nullptr || found.error().code != ErrorCode::kNotFound) return found;
  if (looks_like_path(name)) return resolve_path(name);
  std::vector<std::string> names;
  for (const Entry& entry : catalogue_) names.push_back(entry.name);
  const std::vector<std::string> near = nearest(name, names);
  return Error{ErrorCode::kNotFound, "no model is named '" + name + "'" +
                                         (near.empty() ? "" : "; did you mean " + join_or(near) + "?") +
                                         " (hearth list shows all; a path to a .gguf file works too)"};
}

Result<Installed> Library::pull(const std::string& name, const ProgressFn& progress,
                                const std::atomic<bool>* cancel) const {
  const Entry* entry = name.empty() ? &default_entry() : find(name);
  if (entry == nullptr) {
    Result<Installed> found = resolve(name);
    if (found.ok()) return Error{ErrorCode::kInvalidArgument, "'" + name + "' is not in the catalogue; there is nothing to pull"};
    return found;
  }
  const Store store(home_);
  const Record record = TRY(pull_entry(store, home_, *entry, progress, cancel));
  return to_installed(store, record, entry->name);
}

Result<void> Library::add_name(const std::string& name, const std::string& another) const {
  if (!is_model_name(another)) {
    return Error{ErrorCode::kInvalidArgument, "'" + another + "' cannot be a model's name: at most " + std::to_string(kMaxNameLength) +
                                                  " small letters, digits and . _ - with at most one ':' between"};
  }
  const Installed model = TRY(find_installed(name));
  const Store store(home_);
  const Digest digest = TRY(parse_digest(model.sha256));
  TRY(make_directories(home_ + "/partial"));
  const std::optional<DigestLock> lock = TRY(DigestLock::attempt(store.lock_path(digest)));
  if (!lock) return Error{ErrorCode::kResource, "'" + name + "' is being pulled by another program; wait for that"};
  const Entry* entry = find(another);
  bool taken = entry != nullptr && entry->sha256 != model.sha256;
  for (const Record& record : TRY(store.records())) {
    if (is_named(record, another)) taken = taken || record.digest != digest;
  }
  if (taken) return Error{ErrorCode::kInvalidArgument, "the name '" + another + "' means another model"};
  std::optional<Record> record = TRY(store.read(digest));
  if (!record) return Error{ErrorCode::kNotFound, "the model '" + name + "' is not here"};
  if (is_named(*record, another)) return {};
  record->names.push_back(another);
  return store.write(*record);
}

Result<Removed> Library::remove(const std::string& name) const {
  const Store store(home_);
  Removed removed;
  const Entry* entry = find(name);
  std::optional<Digest> digest;
  for (const Record& record : TRY(store.records())) {
    if (is_named(record, name)) digest = record.digest;
  }
  const bool has_record = digest.has_value();
  if (!has_record && entry != nullptr && !entry->sha256.empty()) digest = TRY(parse_digest(entry->sha256));
  if (!digest || (!has_record && access(store.partial_folder(*digest).c_str(), F_OK) != 0)) {
    return Error{ErrorCode::kNotFound, "no model named '" + name + "' is here (hearth list shows what is)"};
  }
  TRY(make_directories(home_ + "/partial"));
  const std::optional<DigestLock> lock = TRY(DigestLock::attempt(store.lock_path(*digest)));
  if (!lock) return Error{ErrorCode::kResource, "'" + name + "' is being pulled by another program; end that first"};
  PartialFile::discard(store.partial_folder(*digest));
  std::optional<Record> record = TRY(store.read(*digest));
  removed.only_partial = !record.has_value();
  if (!record) return removed;
  record->names.erase(std::remove(record->names.begin(), record->names.end(), name), record->names.end());
  removed.kept_file = !record->names.empty() || !record->in_place_path.empty();
  if (!record->names.empty()) {
    TRY(store.write(*record));
    return removed;
  }
  if (unlink(store.record_path(*digest).c_str()) != 0) return os_error(errno, "cannot remove the record of '" + name + "'");
  if (!removed.kept_file) {
    if (unlink(store.model_path(*digest).c_str()) != 0 && errno != ENOENT) {
      return os_error(errno, "cannot remove " + store.model_path(*digest));
    }
    removed.freed_bytes = record->bytes;
  }
  TRY(sync_directory(store.models_folder()));
  return removed;
}

}  // namespace hearth::library
