// The verbs of the program. Each is one file, cli/<verb>.cpp, that adds itself to the command line with add_<verb>().
//
// Contract: add_<verb> creates the sub-command, its options, its footer of examples, and a callback that does the work and
// stores the exit code (cli/exit.h). A callback throws nothing; it reports errors with report() and returns.
// Not here: parsing and dispatch (cli/main.cpp), terminal output (cli/terminal.h).
#pragma once

namespace CLI {
class App;
}  // namespace CLI

namespace hearth::cli {

void add_bench(CLI::App& app, int* exit_code);
void add_doctor(CLI::App& app, int* exit_code);
void add_key(CLI::App& app, int* exit_code);
void add_list(CLI::App& app, int* exit_code);
void add_logits(CLI::App& app, int* exit_code);
void add_perplexity(CLI::App& app, int* exit_code);
void add_plan(CLI::App& app, int* exit_code);
void add_ps(CLI::App& app, int* exit_code);
void add_pull(CLI::App& app, int* exit_code);
void add_rm(CLI::App& app, int* exit_code);
void add_run(CLI::App& app, int* exit_code);
void add_serve(CLI::App& app, int* exit_code);
void add_show(CLI::App& app, int* exit_code);
void add_stop(CLI::App& app, int* exit_code);
void add_tokenize(CLI::App& app, int* exit_code);
void add_tools(CLI::App& app, int* exit_code);

}  // namespace hearth::cli
