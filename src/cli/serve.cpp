// hearth serve: the server that clients of Ollama, OpenAI, Anthropic, llama-server and LM Studio talk to.
//
// Contract: stdout stays empty; what happens goes to stderr. Ctrl-C and SIGTERM drain: running answers may end, a second
// signal ends at once. Exit code 0 after a drain, 1 if the server cannot start.
// Not here: what is served (server/).
#include <signal.h>

#include <atomic>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "base/clock.h"
#include "base/log.h"
#include "base/units.h"
#include "base/utf8.h"
#include "cli/exit.h"
#include "cli/models.h"
#include "cli/serve_options.h"
#include "cli/terminal.h"
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
  // What is wrong with an adapter is told now, not to whoever asks first.
  if (!options.engine.adapters.empty()) TRY(Engine::plan(load_options(options.engine, file.path)));
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

constexpr std::chrono::milliseconds kLook{100};
constexpr double kTellSeconds = 2;  // between two lines about how far reading has got

// Loads the default model and tells how its file is being read, until it is there or `stop`.
void load_default(server::Server& running, const std::atomic<bool>& stop) {
  const auto lease = running.models().acquire("");
  if (!lease.ok()) return log(LogLevel::kError, printable(lease.error().message, 1000));
  const std::string name = printable((*lease)->name());
  const int64_t begun = monotonic_ns();
  int64_t told = begun;
  for (;;) {
    const ReadProgress progress = (*lease)->engine().read_progress();
    if (stop || progress.done_bytes >= progress.total_bytes) break;
    if (seconds_since(told) >= kTellSeconds) {
      told = monotonic_ns();
      const double rate = static_cast<double>(progress.done_bytes) / seconds_since(begun);
      log(LogLevel::kInfo, "reading " + name + ": " + format_bytes(static_cast<uint64_t>(progress.done_bytes)) + " of " +
                               format_bytes(static_cast<uint64_t>(progress.total_bytes)) + ", " +
                               format_bytes(static_cast<uint64_t>(rate)) + "/s",
          {{"model", (*lease)->name()}, {"done_bytes", progress.done_bytes}, {"total_bytes", progress.total_bytes}});
    }
    std::this_thread::sleep_for(kLook);
  }
  if (told != begun && !stop) log(LogLevel::kInfo, name + " is in memory");
}

void tell_addresses(const server::Server& running, const ServeVerb& options) {
  for (const std::string& address : running.addresses()) {
    const bool http = !address.starts_with("unix:");
    log(LogLevel::kInfo, "listening on " + (http ? "http://" + address : printable(address)), {{"address", address}});
  }
  const size_t keys = options.serve.http.gate.keys.size();
  if (keys > 0) log(LogLevel::kInfo, std::to_string(keys) + (keys == 1 ? " key may ask" : " keys may ask"), {{"keys", static_cast<int64_t>(keys)}});
  if (options.serve.airgap) log(LogLevel::kInfo, "the kernel refuses this process every way to a network from now on", {{"airgap", true}});
  if (const auto& problem = running.home_problem()) {
    log(LogLevel::kWarning, "'hearth run' will not use this server: " + printable(problem->message, 1000));
  }
}

int run_serve(CLI::App* verb, ServeVerb& options) {
  const sigset_t signals = block_signals();
  Result<std::unique_ptr<server::Server>> started = start(verb, options);
  if (!started.ok()) return report(started.error());
  server::Server& running = **started;
  tell_addresses(running, options);
  std::atomic<bool> stop{false};
  std::thread loader;
  if (!options.engine.model.empty()) loader = std::thread([&] { load_default(running, stop); });
  int number = 0;
  sigwait(&signals, &number);
  stop = true;
  if (stderr_is_terminal()) std::fputs("\n", stderr);  // behind the ^C
  log(LogLevel::kInfo, "stopping: running answers may end within " + std::to_string(options.drain_seconds) +
                           " s, another signal (Ctrl-C) ends them now", {{"drain_seconds", static_cast<int64_t>(options.drain_seconds)}});
  std::thread([signals] {
    int again = 0;
    sigwait(&signals, &again);
    if (stderr_is_terminal()) std::fputs("\n", stderr);
    log(LogLevel::kWarning, "stopped at once");
    _Exit(kExitInterrupted);
  }).detach();
  if (!running.stop(std::chrono::seconds(options.drain_seconds))) log(LogLevel::kWarning, "some answers were cut off");
  if (loader.joinable()) loader.join();
  started->reset();
  log(LogLevel::kInfo, "stopped");
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
      "  hearth serve smollm2:135m --lora a.gguf --lora b.gguf=0.5\n"
      "  hearth serve --listen 127.0.0.1:11434 --listen 127.0.0.1:8080\n"
      "  curl http://127.0.0.1:11434/v1/chat/completions -d '{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}'");
  verb->callback([verb, options, exit_code] { *exit_code = run_serve(verb, *options); });
}

}  // namespace hearth::cli
