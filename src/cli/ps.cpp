// hearth ps and hearth stop: what a running server has in memory, and taking a model out of it.
//
// Contract: asks the server at HEARTH_HOST or OLLAMA_HOST, else that of this HEARTH_HOME, else at the default address. stdout has
// the table, or with --json what the server said. Exit code 1 if no server answers.
// Not here: models on disk (cli/list.cpp).
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/units.h"
#include "base/utf8.h"
#include "cli/exit.h"
#include "cli/http_client.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "nlohmann/json.hpp"

namespace hearth::cli {
namespace {

using json = nlohmann::ordered_json;

constexpr std::chrono::seconds kListLimit{30};
constexpr std::chrono::seconds kStopLimit{60};
constexpr size_t kShownDigest = 12;
constexpr double kForeverSeconds = 100.0 * 365 * 86400;

std::string text_member(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? printable(found->get<std::string>()) : "";
}

uint64_t number_member(const json& object, const char* name) {
  const auto found = object.find(name);
  return found != object.end() && found->is_number_unsigned() ? found->get<uint64_t>() : 0;
}

// "4 min 59 s" of "2026-01-02T03:04:05.5Z"; the server gives times in UTC.
std::string time_left(const std::string& until) {
  std::tm parts{};
  if (strptime(until.c_str(), "%Y-%m-%dT%H:%M:%S", &parts) == nullptr) return "?";
  const double seconds = std::difftime(timegm(&parts), std::time(nullptr));
  if (seconds > kForeverSeconds) return "forever";
  return seconds <= 0 ? "stopping" : format_duration(seconds) + " from now";
}

void print_models(const json& models) {
  std::vector<std::vector<std::string>> rows = {{"NAME", "ID", "SIZE", "CONTEXT", "UNTIL"}};
  for (const json& model : models) {
    if (!model.is_object()) continue;
    rows.push_back({text_member(model, "name"), text_member(model, "digest").substr(0, kShownDigest),
                    format_bytes(number_member(model, "size")), std::to_string(number_member(model, "context_length")),
                    time_left(text_member(model, "expires_at"))});
  }
  std::fputs(format_table(rows).c_str(), stdout);
}

Result<void> list_loaded(bool as_json) {
  const std::string address = TRY(server_address());
  const json answer = TRY(ask_server(address, "GET", "/api/ps", nullptr, kListLimit));
  if (!answer.is_object() || !answer.contains("models") || !answer["models"].is_array()) {
    return Error{ErrorCode::kCorrupt, "the server at " + printable(address) + " does not tell which models it has"};
  }
  if (as_json) {
    std::printf("%s\n", answer["models"].dump(2, ' ', false, json::error_handler_t::replace).c_str());
  } else {
    print_models(answer["models"]);
  }
  return {};
}

Result<void> stop_model(const std::string& name) {
  const std::string address = TRY(server_address());
  TRY(ask_server(address, "POST", "/api/generate", {{"model", name}, {"keep_alive", 0}, {"stream", false}}, kStopLimit));
  return {};
}

}  // namespace

void add_ps(CLI::App& app, int* exit_code) {
  auto as_json = std::make_shared<bool>(false);
  CLI::App* verb = app.add_subcommand("ps", "List the models that a running server has in memory");
  verb->add_flag("--json", *as_json, "Print a JSON array");
  verb->footer(
      "The server is the one at HEARTH_HOST or OLLAMA_HOST, else the running one of this user and HEARTH_HOME, else that at\n"
      "127.0.0.1:11434. HEARTH_API_KEY is shown to it.\n\n"
      "Examples:\n"
      "  hearth ps\n"
      "  HEARTH_HOST=127.0.0.1:8080 hearth ps --json");
  verb->callback([as_json, exit_code] {
    const Result<void> done = list_loaded(*as_json);
    *exit_code = done.ok() ? kExitDone : report(done.error());
  });
}

void add_stop(CLI::App& app, int* exit_code) {
  auto names = std::make_shared<std::vector<std::string>>();
  CLI::App* verb = app.add_subcommand("stop", "Take models out of a running server's memory");
  verb->add_option("MODEL", *names, "Names from 'hearth ps'")->required()->type_name("");
  verb->footer(
      "Answers that are being made end first. The server is found as by 'hearth ps'.\n\n"
      "Examples:\n"
      "  hearth stop smollm2:135m");
  verb->callback([names, exit_code] {
    for (const std::string& name : *names) {
      const Result<void> done = stop_model(name);
      if (!done.ok()) *exit_code = report(done.error());
    }
  });
}

}  // namespace hearth::cli
