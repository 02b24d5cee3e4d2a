// hearth: the program. Reads the command line and dispatches to one verb (cli/<verb>.cpp).
//
// Contract: exit codes and error lines as cli/exit.h says; nothing thrown below here leaves the program as a crash.
// Not here: what any verb does.
#include <clocale>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/nearest.h"
#include "cli/exit.h"
#include "cli/verbs.h"

namespace hearth::cli {
namespace {

constexpr const char* kAbout = "Runs small AI models on this computer: offline, the same answer bit for bit everywhere.";
constexpr const char* kExamples =
    "Examples:\n"
    "  hearth run                      chat with the default model\n"
    "  hearth run smollm2:135m 'Hi'    one answer\n"
    "  hearth list                     models that are here and models that can be fetched\n"
    "  hearth pull smollm2:135m        fetch one\n"
    "  hearth show smollm2:135m        what it is, its licence, where its file lies\n"
    "  hearth VERB --help              options and examples of a verb\n"
    "\n"
    "Data lies under $HEARTH_HOME, else $XDG_DATA_HOME/hearth, else ~/.local/share/hearth.\n"
    "Exit codes: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted.";

void add_verbs(CLI::App& app, int* exit_code) {
  add_run(app, exit_code);
  add_serve(app, exit_code);
  add_ps(app, exit_code);
  add_stop(app, exit_code);
  add_key(app, exit_code);
  add_doctor(app, exit_code);
  add_pull(app, exit_code);
  add_list(app, exit_code);
  add_show(app, exit_code);
  add_rm(app, exit_code);
  add_plan(app, exit_code);
  add_tokenize(app, exit_code);
  add_tools(app, exit_code);
  add_logits(app, exit_code);
  add_perplexity(app, exit_code);
  add_bench(app, exit_code);
}

std::vector<std::string> verb_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* verb : app.get_subcommands({})) names.push_back(verb->get_name());
  return names;
}

// "hearth help" and "hearth help VERB" mean the same as --help.
void rewrite_help(std::vector<std::string>* arguments) {
  if (arguments->empty() || arguments->front() != "help") return;
  arguments->erase(arguments->begin());
  arguments->resize(arguments->empty() ? 0 : 1);
  arguments->push_back("--help");
}

// A first word that is no verb gets an answer of its own; CLI11 would call it an unexpected argument.
bool known_verb(const CLI::App& app, const std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments.front().starts_with("-")) return true;
  const std::vector<std::string> names = verb_names(app);
  for (const std::string& name : names) {
    if (name == arguments.front()) return true;
  }
  const std::vector<std::string> near = nearest(arguments.front(), names);
  std::string message = "no verb '" + arguments.front() + "'";
  message += near.empty() ? "; there are " : "; did you mean " + join_or(near) + "?";
  if (near.empty()) {
    for (size_t i = 0; i < names.size(); ++i) message += (i > 0 ? ", " : "") + names[i];
  }
  report_usage("", message);
  return false;
}

int parse_and_run(CLI::App& app, std::vector<std::string> arguments, const int* exit_code) {
  std::string verb = arguments.empty() || arguments.front().starts_with("-") ? "" : arguments.front();
  try {
    app.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));  // CLI11 takes them last first
  } catch (const CLI::Success& request) {  // --help, --version
    return app.exit(request);
  } catch (const CLI::ParseError& error) {
    return report_usage(verb, (verb.empty() ? "" : verb + ": ") + error.what());
  }
  return *exit_code;
}

int run(int argc, char** argv) {
  int exit_code = kExitDone;
  CLI::App app(kAbout, "hearth");
  app.set_version_flag("--version", "hearth " HEARTH_VERSION, "Print the version and end");
  app.set_help_flag("-h,--help", "Print this help and end");
  app.footer(kExamples);
  app.get_formatter()->column_width(34);
  app.require_subcommand(0, 1);
  add_verbs(app, &exit_code);

  std::vector<std::string> arguments(argv + (argc > 0 ? 1 : 0), argv + argc);
  rewrite_help(&arguments);
  if (!known_verb(app, arguments)) return kExitUsage;
  if (arguments.empty()) {
    std::fputs(app.help().c_str(), stdout);
  } else {
    exit_code = parse_and_run(app, std::move(arguments), &exit_code);
  }
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
    return report({ErrorCode::kIo, "cannot write to standard output"});
  }
  return exit_code;
}

}  // namespace
}  // namespace hearth::cli

int main(int argc, char** argv) {
  // Characters only: numbers keep their point whatever the language of the terminal.
  std::setlocale(LC_CTYPE, "");
  try {
    return hearth::cli::run(argc, argv);
  } catch (const std::bad_alloc&) {
    return hearth::cli::report({hearth::ErrorCode::kResource, "out of memory"});
  } catch (const std::exception& error) {
    return hearth::cli::report({hearth::ErrorCode::kInternal, std::string("internal error: ") + error.what()});
  }
}
