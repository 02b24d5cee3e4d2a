// hearth serve: the server that clients of Ollama, OpenAI, Anthropic, llama-server and LM Studio talk to.
//
// Contract: stdout stays empty; what happens goes to stderr. Ctrl-C and SIGTERM drain: running answers may end, a second
// signal ends at once. Exit code 0 after a drain, 1 if the server cannot start.
// Not here: what is served (server/).
#include <signal.h>

#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/utf8.h"
#include "cli/exit.h"
#include "cli/models.h"
#include "cli/serve_options.h"
#include "cli/verbs.h"
#include "server/serve.h"

namespace hearth::cli {
namespace {

// The model named on the command line becomes the default one, and is fetched first if it is not here.
Result<void> choose_default(const library::Library& models, ServeVerb& options) {
  if (options.engine.model.empty()) return {};
  library::Installed file = TRY(find_or_pull(models, options.engine.model, /*quiet=*/false));
  if (file.sha256.empty()) {  // a path: served under the name of its file
    file.name = file.path.substr(file.path.rfind('/') + 1);
    if (file.name.ends_with(".gguf")) file.name.resize(file.name.size() - 5);
    options.serve.models.files.push_back(file);
  }
  options.serve.models.default_model = file.name;
  return {};
}

Result<std::unique_ptr<server::Server>> start(CLI::App* verb, ServeVerb& options) {
  library::Library models = TRY(library::Library::open());
  TRY(resolve_serve_options(verb, models.home(), &options));
  TRY(choose_default(models, options));
  return server::Server::start(std::move(models), options.serve);
}

// Signals are taken by one thread that waits for them, so that no handler has to do anything.
sigset_t block_signals() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  return set;
}

void load_now(server::Server& running) {
  auto lease = running.models().acquire("");
  if (!lease.ok()) {
    std::fprintf(stderr, "hearth: %s\n", printable(lease.error().message).c_str());
    return;
  }
  const ModelInfo& info = (*lease)->engine().info();
  std::fprintf(stderr, "hearth: %s is loaded, context %lld of %lld tokens\n", printable((*lease)->name()).c_str(),
               static_cast<long long>(info.context), static_cast<long long>(info.context_trained));
}

int run_serve(CLI::App* verb, ServeVerb& options) {
  const sigset_t signals = block_signals();
  Result<std::unique_ptr<server::Server>> started = start(verb, options);
  if (!started.ok()) return report(started.error());
  server::Server& running = **started;
  for (const std::string& address : running.addresses()) {
    std::fprintf(stderr, "hearth: listening on %s\n", printable(address).c_str());
  }
  if (!options.engine.model.empty()) load_now(running);
  int number = 0;
  sigwait(&signals, &number);
  std::fprintf(stderr, "hearth: stopping; running answers may end within %d s, another signal ends them now\n", options.drain_seconds);
  std::thread([signals] {
    int again = 0;
    sigwait(&signals, &again);
    _Exit(kExitInterrupted);
  }).detach();
  if (!running.stop(std::chrono::seconds(options.drain_seconds))) std::fprintf(stderr, "hearth: some answers were cut off\n");
  return kExitDone;
}

}  // namespace

void add_serve(CLI::App& app, int* exit_code) {
  auto options = std::make_shared<ServeVerb>();
  CLI::App* verb = app.add_subcommand("serve", "Answer clients over HTTP");
  add_serve_options(verb, options.get());
  verb->footer(
      "Clients of Ollama, OpenAI, Anthropic, llama-server and LM Studio need nothing but the address.\n"
      "\n"
      "Examples:\n"
      "  hearth serve                            the installed models, loaded when they are asked for\n"
      "  hearth serve smollm2:135m --sessions 8\n"
      "  hearth serve --listen 127.0.0.1:11434 --listen 127.0.0.1:8080\n"
      "  curl http://127.0.0.1:11434/v1/chat/completions -d '{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}'");
  verb->callback([verb, options, exit_code] { *exit_code = run_serve(verb, *options); });
}

}  // namespace hearth::cli
