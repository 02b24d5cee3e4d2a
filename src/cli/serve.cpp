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
#include "cli/engine_options.h"
#include "cli/exit.h"
#include "cli/models.h"
#include "cli/terminal.h"
#include "cli/verbs.h"
#include "server/serve.h"

namespace hearth::cli {
namespace {

constexpr int kDefaultSessions = 4;
constexpr const char* kDefaultAddress = "127.0.0.1:11434";

struct ServeVerb {
  EngineOptions engine;
  server::ServeOptions serve;
  std::string keep_alive = "5m";
  int drain_seconds = 30;
};

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

Result<std::unique_ptr<server::Server>> start(ServeVerb& options) {
  library::Library models = TRY(library::Library::open());
  TRY(choose_default(models, options));
  server::ModelsOptions& wanted = options.serve.models;
  wanted.load = load_options(options.engine, "");
  wanted.service.max_sessions = wanted.load.max_sessions;
  const server::Checked<server::KeepAlive> keep_alive = server::parse_keep_alive(options.keep_alive);
  if (!keep_alive.ok()) return Error{ErrorCode::kInvalidArgument, "--keep-alive: " + keep_alive.error().message};
  wanted.keep_alive = *keep_alive;
  if (options.serve.http.listen.empty()) options.serve.http.listen = {kDefaultAddress};
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

int run_serve(ServeVerb options) {
  const sigset_t signals = block_signals();
  Result<std::unique_ptr<server::Server>> started = start(options);
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
  options->engine.max_sessions = kDefaultSessions;
  options->serve.version = HEARTH_VERSION;
  CLI::App* verb = app.add_subcommand("serve", "Answer clients over HTTP");
  verb->add_option("MODEL", options->engine.model, "The default model, loaded at once: a name from 'hearth list' or a .gguf file")
      ->type_name("");
  verb->add_option("--listen", options->serve.http.listen,
                   "Address and port, or unix:PATH; may be given several times (default 127.0.0.1:11434)")
      ->type_name("ADDR:PORT");
  verb->add_option("--sessions", options->engine.max_sessions, "Answers that a model makes at the same time (default 4)")
      ->check(CLI::Range(1, 256))
      ->type_name("N");
  verb->add_option("--queue", options->serve.models.service.queue_limit, "Answers that may wait; more get 503 (default 512)")
      ->check(CLI::Range(0, 1000000))
      ->type_name("N");
  verb->add_option("--keep-alive", options->keep_alive, "How long an idle model stays in memory: 5m, 1h30m, 0, -1 for ever")
      ->type_name("TIME");
  verb->add_option("--max-models", options->serve.models.max_loaded, "Models in memory at once; 0: as many as fit")
      ->check(CLI::Range(0, 1000))
      ->type_name("N");
  verb->add_option("--drain", options->drain_seconds, "Seconds that running answers get when the server stops (default 30)")
      ->check(CLI::Range(0, 86400))
      ->type_name("SECONDS");
  verb->add_option("--host-name", options->serve.http.gate.host_names, "More names that clients may reach this server by")
      ->type_name("NAME");
  verb->add_option("--origins", options->serve.http.gate.origins, "More web origins that may call, exact or with one *")
      ->delimiter(',')
      ->type_name("ORIGIN");
  add_engine_options(verb, &options->engine, /*with_context=*/true);
  verb->footer(
      "Clients of Ollama, OpenAI, Anthropic, llama-server and LM Studio need nothing but the address.\n"
      "\n"
      "Examples:\n"
      "  hearth serve                            the installed models, loaded when they are asked for\n"
      "  hearth serve smollm2:135m --sessions 8\n"
      "  hearth serve --listen 127.0.0.1:11434 --listen 127.0.0.1:8080\n"
      "  curl http://127.0.0.1:11434/v1/chat/completions -d '{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}'");
  verb->callback([options, exit_code] { *exit_code = run_serve(*options); });
}

}  // namespace hearth::cli
