// hearth key: makes, lists and removes the keys that clients of `hearth serve` show.
//
// Contract: a new key is printed once, on stdout, and kept only as a hash. A running server reads keys when it starts.
// Not here: who must show a key (server/http/gate.h).
#include <cstdio>
#include <memory>
#include <string>

#include "CLI/CLI.hpp"
#include "cli/exit.h"
#include "cli/verbs.h"
#include "library/library.h"
#include "nlohmann/json.hpp"
#include "server/keys.h"

namespace hearth::cli {
namespace {

Result<std::string> keys_path() {
  const library::Library models = TRY(library::Library::open());
  return models.home() + "/keys.toml";
}

int add(const std::string& name, bool manage) {
  const Result<std::string> path = keys_path();
  if (!path.ok()) return report(path.error());
  const Result<std::string> key = server::add_key(*path, name, manage ? server::Scope::kManage : server::Scope::kInfer);
  if (!key.ok()) return report(key.error());
  std::printf("%s\n", key->c_str());
  std::fprintf(stderr, "hearth: this is the only time that the key is shown; clients send it as \"Authorization: Bearer KEY\".\n"
                       "hearth: a server that runs already knows it after a restart\n");
  return kExitDone;
}

int list(bool as_json) {
  const Result<std::string> path = keys_path();
  if (!path.ok()) return report(path.error());
  const Result<std::vector<server::ApiKey>> keys = server::read_keys(*path);
  if (!keys.ok()) return report(keys.error());
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const server::ApiKey& key : *keys) {
    const char* scope = key.scope == server::Scope::kManage ? "manage" : "infer";
    if (as_json) {
      rows.push_back({{"name", key.name}, {"scope", scope}, {"sha256", key.sha256}});
    } else {
      std::printf("%-24s %s\n", key.name.c_str(), scope);
    }
  }
  if (as_json) std::printf("%s\n", rows.dump(2).c_str());
  if (!as_json && keys->empty()) std::printf("no keys: a server on this machine's loopback needs none\n");
  return kExitDone;
}

int remove(const std::string& name) {
  const Result<std::string> path = keys_path();
  if (!path.ok()) return report(path.error());
  const Result<bool> removed = server::remove_key(*path, name);
  if (!removed.ok()) return report(removed.error());
  if (!*removed) return report(Error{ErrorCode::kNotFound, "there is no key '" + name + "'; 'hearth key list' shows them"});
  return kExitDone;
}

}  // namespace

void add_key(CLI::App& app, int* exit_code) {
  CLI::App* verb = app.add_subcommand("key", "Keys for clients of 'hearth serve'");
  verb->require_subcommand(1);
  auto name = std::make_shared<std::string>();
  auto manage = std::make_shared<bool>(false);
  auto as_json = std::make_shared<bool>(false);
  CLI::App* make = verb->add_subcommand("add", "Make a key and print it");
  make->add_option("NAME", *name, "Whose key it is: letters, digits, -_.@")->required()->type_name("");
  make->add_flag("--manage", *manage, "It may also pull, delete and unload models");
  make->callback([=] { *exit_code = add(*name, *manage); });
  CLI::App* show = verb->add_subcommand("list", "Names and scopes of the keys");
  show->add_flag("--json", *as_json, "Print a JSON list");
  show->callback([=] { *exit_code = list(*as_json); });
  CLI::App* gone = verb->add_subcommand("rm", "Remove a key");
  gone->add_option("NAME", *name, "Whose key")->required()->type_name("");
  gone->callback([=] { *exit_code = remove(*name); });
  verb->footer(
      "Examples:\n"
      "  hearth key add laptop\n"
      "  hearth key add admin --manage\n"
      "  hearth key rm laptop");
}

}  // namespace hearth::cli
