// hearth list: the models that are here and those that can be fetched.
//
// Contract: a table for people, one JSON array with --json. Not here: what is inside a model (cli/show.cpp).
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/units.h"
#include "base/utf8.h"
#include "cli/exit.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "library/library.h"
#include "nlohmann/json.hpp"

namespace hearth::cli {
namespace {

struct ListOptions {
  bool json = false;
  bool installed_only = false;
};

// One line of the list: an entry of the catalogue, a model that is here, or both.
struct Row {
  std::string name, licence, licence_class, description;
  uint64_t bytes = 0;
  bool is_default = false;
  const library::Installed* installed = nullptr;
};

// What a model is whose name the catalogue does not have.
std::string describe_unlisted(const library::Library& models, const std::vector<library::Installed>& installed,
                              const library::Installed& model) {
  for (const library::Installed& other : installed) {
    if (other.sha256 == model.sha256 && models.find(other.name) != nullptr) return "another name of " + other.name;
  }
  return "not in the catalogue";
}

std::vector<Row> make_rows(const library::Library& models, const std::vector<library::Installed>& installed) {
  std::vector<Row> rows;
  for (const library::Entry& entry : models.catalogue()) {
    rows.push_back({entry.name, entry.licence, entry.licence_class, entry.description, entry.bytes, entry.is_default, nullptr});
  }
  for (const library::Installed& model : installed) {
    const library::Entry* entry = models.find(model.name);
    const bool same = entry != nullptr && (entry->sha256.empty() || entry->sha256 == model.sha256);
    const auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& r) { return r.name == model.name; });
    if (same && row != rows.end()) {
      row->installed = &model;
      row->bytes = model.bytes;
    } else if (entry == nullptr) {
      rows.push_back({model.name, model.licence, model.licence_class, describe_unlisted(models, installed, model), model.bytes,
                      false, &model});
    }
  }
  return rows;
}

void print_json(const std::vector<Row>& rows) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    nlohmann::ordered_json item = {{"name", row.name},
                                   {"default", row.is_default},
                                   {"installed", row.installed != nullptr},
                                   {"bytes", row.bytes},
                                   {"licence", row.licence},
                                   {"licence_class", row.licence_class},
                                   {"description", row.description}};
    if (row.installed != nullptr) {
      item["path"] = row.installed->path;
      item["sha256"] = row.installed->sha256;
      item["in_place"] = row.installed->in_place;
    }
    list.push_back(std::move(item));
  }
  std::printf("%s\n", list.dump(2, ' ', false, nlohmann::json::error_handler_t::replace).c_str());
}

std::string make_table(const std::vector<Row>& rows, bool descriptions) {
  std::vector<std::vector<std::string>> table = {{"NAME", "SIZE", "HERE", "LICENCE"}};
  if (descriptions) table[0].push_back("WHAT IT IS");
  for (const Row& row : rows) {
    std::string licence = row.licence;
    if (row.licence_class != "permissive") licence += " (" + row.licence_class + ")";
    const char* here = row.installed == nullptr ? "-" : row.installed->in_place ? "in place" : "yes";
    table.push_back({row.name + (row.is_default ? " *" : ""), row.bytes > 0 ? format_bytes(row.bytes) : "?", here,
                     printable(licence)});
    if (descriptions) table.back().push_back(printable(row.description));
  }
  return format_table(table);
}

void print_table(const std::vector<Row>& rows) {
  const bool terminal = stdout_is_terminal();
  std::string table = make_table(rows, true);
  // Lines that wrap are no table: what the models are is then left to hearth show.
  if (terminal && widest_line(table) > terminal_columns(STDOUT_FILENO)) table = make_table(rows, false);
  std::fputs(table.c_str(), stdout);
  if (terminal) std::printf("\n* the model that is used when none is named\n");
}

int run_list(const ListOptions& options) {
  const Result<library::Library> models = library::Library::open();
  if (!models.ok()) return report(models.error());
  const Result<std::vector<library::Installed>> installed = models->installed();
  if (!installed.ok()) return report(installed.error());
  std::vector<Row> rows = make_rows(*models, *installed);
  if (options.installed_only) {
    rows.erase(std::remove_if(rows.begin(), rows.end(), [](const Row& row) { return row.installed == nullptr; }), rows.end());
  }
  if (options.json) {
    print_json(rows);
  } else {
    print_table(rows);
  }
  return kExitDone;
}

}  // namespace

void add_list(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<ListOptions>();
  CLI::App* verb = app.add_subcommand("list", "List the models that are here and those that can be fetched");
  verb->alias("ls");
  verb->add_flag("--installed", options->installed_only, "Only the models that are here");
  verb->add_flag("--json", options->json, "Print a JSON array");
  verb->footer(
      "Models of your own go into $HEARTH_HOME/catalogue.toml (docs/formats/library.md).\n\n"
      "Examples:\n"
      "  hearth list\n"
      "  hearth list --installed --json");
  verb->callback([options, exit_code] { *exit_code = run_list(*options); });
}

}  // namespace hearth::cli
