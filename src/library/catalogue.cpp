// TOML -> entries, with every field checked.
//
// Contract: see catalogue.h. toml++ reports by exception; they end here.
#include "library/catalogue.h"

#include <algorithm>
#include <sstream>

#include "library/digest.h"
#include "toml++/toml.h"

// The catalogue of the repository, as bytes of the program.
__asm__(
    ".section .rodata\n"
    ".global hearth_catalogue_begin\n.global hearth_catalogue_end\n"
    "hearth_catalogue_begin:\n.incbin \"" HEARTH_CATALOGUE_PATH "\"\n"
    "hearth_catalogue_end:\n.previous\n");
extern "C" const char hearth_catalogue_begin[];
extern "C" const char hearth_catalogue_end[];

namespace hearth::library {
namespace {

constexpr int64_t kFormat = 1;

Error invalid(const std::string& where, const std::string& what) {
  return {ErrorCode::kInvalidArgument, where + ": " + what};
}

Result<std::string> get_text(const toml::table& table, std::string_view key, const std::string& where, bool required) {
  const toml::node* node = table.get(key);
  if (node == nullptr && !required) return std::string();
  if (node == nullptr) return invalid(where, "'" + std::string(key) + "' is missing");
  if (!node->is_string()) return invalid(where, "'" + std::string(key) + "' must be a text");
  return node->as_string()->get();
}

// "scheme:rest"; all parts of a source share the scheme.
Result<void> add_part(const toml::node& node, Source* source, const std::string& where) {
  if (!node.is_string()) return invalid(where, "a part of a source must be a text like \"file:PATH\"");
  const std::string& text = node.as_string()->get();
  const size_t colon = text.find(':');
  if (colon == 0 || colon == std::string::npos || colon + 1 == text.size()) {
    return invalid(where, "the source '" + text + "' does not have the form scheme:rest");
  }
  const std::string scheme = text.substr(0, colon);
  if (!source->parts.empty() && source->scheme != scheme) {
    return invalid(where, "the parts of one source mix '" + source->scheme + ":' and '" + scheme + ":'");
  }
  source->scheme = scheme;
  source->parts.push_back(text.substr(colon + 1));
  return {};
}

Result<std::vector<Source>> get_sources(const toml::table& table, const std::string& where) {
  const toml::array* list = table["sources"].as_array();
  if (list == nullptr || list->empty()) return invalid(where, "'sources' must be a list with at least one source");
  std::vector<Source> sources;
  for (const toml::node& node : *list) {
    Source source;
    if (const toml::array* parts = node.as_array()) {
      if (parts->size() > kMaxParts) return invalid(where, "a source has more than " + std::to_string(kMaxParts) + " parts");
      for (const toml::node& part : *parts) TRY(add_part(part, &source, where));
    } else {
      TRY(add_part(node, &source, where));
    }
    if (source.parts.empty()) return invalid(where, "a source without parts");
    if (source.scheme == "file" && source.parts.size() != 1) {
      return invalid(where, "a file: source is one file, used where it lies; it cannot have parts");
    }
    sources.push_back(std::move(source));
  }
  return sources;
}

Result<void> get_size_and_digest(const toml::table& table, Entry* entry, const std::string& where) {
  const bool in_place = std::all_of(entry->sources.begin(), entry->sources.end(),
                                    [](const Source& source) { return source.scheme == "file"; });
  entry->sha256 = TRY(get_text(table, "sha256", where, !in_place));
  if (!entry->sha256.empty()) {
    const Result<Digest> digest = parse_digest(entry->sha256);
    if (!digest.ok()) return invalid(where, "'sha256' is not a digest: " + digest.error().message);
  }
  const toml::node* bytes = table.get("bytes");
  if (bytes == nullptr && in_place) return {};
  if (bytes == nullptr) return invalid(where, "'bytes' is missing");
  const int64_t value = bytes->is_integer() ? bytes->as_integer()->get() : -1;
  if (value < 1 || static_cast<uint64_t>(value) > kMaxModelBytes) {
    return invalid(where, "'bytes' must be a number from 1 to " + std::to_string(kMaxModelBytes));
  }
  entry->bytes = static_cast<uint64_t>(value);
  return {};
}

Result<Entry> get_entry(const toml::node& node, size_t index, const std::string& path) {
  std::string where = path + ": model number " + std::to_string(index + 1);
  const toml::table* table = node.as_table();
  if (table == nullptr) return invalid(where, "must be a table");
  Entry entry;
  entry.name = TRY(get_text(*table, "name", where, true));
  if (!is_model_name(entry.name)) {
    return invalid(where, "'name' must be at most " + std::to_string(kMaxNameLength) +
                              " small letters, digits and . _ - with at most one ':' between");
  }
  where = path + ": model '" + entry.name + "'";
  entry.description = TRY(get_text(*table, "description", where, false));
  entry.licence = TRY(get_text(*table, "licence", where, false));
  if (entry.licence.empty()) entry.licence = "unknown";
  entry.licence_class = TRY(get_text(*table, "licence_class", where, false));
  if (entry.licence_class.empty()) entry.licence_class = "unknown";
  entry.licence_url = TRY(get_text(*table, "licence_url", where, false));
  entry.licence_note = TRY(get_text(*table, "licence_note", where, false));
  entry.sources = TRY(get_sources(*table, where));
  TRY(get_size_and_digest(*table, &entry, where));
  return entry;
}

Result<Catalogue> read_tables(const toml::table& root, const std::string& path) {
  Catalogue catalogue;
  const toml::node* format = root.get("format");
  if (format != nullptr && (!format->is_integer() || format->as_integer()->get() != kFormat)) {
    return Error{ErrorCode::kUnsupported, path + ": 'format' is not " + std::to_string(kFormat) +
                                              ", the one this version of hearth reads"};
  }
  catalogue.default_name = TRY(get_text(root, "default", path, false));
  const toml::node* models = root.get("model");
  if (models == nullptr) return catalogue;
  const toml::array* list = models->as_array();
  if (list == nullptr) return invalid(path, "models are written as [[model]], with double brackets");
  if (list->size() > kMaxCatalogueEntries) {
    return invalid(path, "more than " + std::to_string(kMaxCatalogueEntries) + " models");
  }
  for (size_t i = 0; i < list->size(); ++i) {
    Entry entry = TRY(get_entry(*list->get(i), i, path));
    for (const Entry& other : catalogue.entries) {
      if (other.name == entry.name) return invalid(path, "model '" + entry.name + "' is there twice");
    }
    catalogue.entries.push_back(std::move(entry));
  }
  return catalogue;
}

}  // namespace

bool is_model_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxNameLength) return false;
  const auto is_alphanumeric = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  bool starts = true;  // of a half: a letter or digit must follow
  int colons = 0;
  for (const char c : name) {
    if (starts && !is_alphanumeric(c)) return false;
    if (c == ':' && ++colons > 1) return false;
    if (!is_alphanumeric(c) && c != '.' && c != '_' && c != '-' && c != ':') return false;
    starts = c == ':';
  }
  return !starts;
}

Result<Catalogue> parse_catalogue(std::string_view toml, const std::string& path) {
  if (toml.size() > kMaxCatalogueBytes) {
    return invalid(path, "larger than " + std::to_string(kMaxCatalogueBytes) + " bytes");
  }
  try {
    return read_tables(toml::parse(toml), path);
  } catch (const toml::parse_error& error) {
    return invalid(path + ", line " + std::to_string(error.source().begin.line), std::string(error.description()));
  }
}

Result<Catalogue> built_in_catalogue() {
  const auto size = static_cast<size_t>(hearth_catalogue_end - hearth_catalogue_begin);
  return parse_catalogue({hearth_catalogue_begin, size}, "built-in catalogue");
}

Result<std::vector<Entry>> merge_catalogues(Catalogue ours, Catalogue theirs, const std::string& path) {
  std::vector<Entry> merged = std::move(ours.entries);
  for (Entry& entry : theirs.entries) {
    const auto same = std::find_if(merged.begin(), merged.end(), [&](const Entry& e) { return e.name == entry.name; });
    if (same != merged.end()) {
      *same = std::move(entry);
    } else {
      merged.push_back(std::move(entry));
    }
  }
  const std::string& wanted = theirs.default_name.empty() ? ours.default_name : theirs.default_name;
  bool found = false;
  for (Entry& entry : merged) {
    entry.is_default = entry.name == wanted;
    found = found || entry.is_default;
  }
  if (!found) return invalid(path, "the default model '" + wanted + "' is not in the catalogue");
  return merged;
}

}  // namespace hearth::library
