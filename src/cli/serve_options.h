// The options of hearth serve, from the command line, the environment and a TOML file, in this order of precedence.
//
// Contract: variables of Ollama (OLLAMA_HOST, OLLAMA_KEEP_ALIVE, ...) mean what they mean there. resolve() checks what needs
// more than one option and reads keys.
// Not here: starting the server (cli/serve.cpp).
#pragma once

#include <string>

#include "cli/engine_options.h"
#include "server/serve.h"

namespace CLI {
class App;
}  // namespace CLI

namespace hearth::cli {

struct ServeVerb {
  EngineOptions engine;            // with the default model's name
  server::ServeOptions serve;
  std::string config;              // --config; empty: serve.toml of the home folder, if it is there
  std::string keep_alive = "5m";
  std::string ollama_host;         // OLLAMA_HOST, where --listen says nothing
  std::string prefix_cache = "256MiB", prefix_cache_disk = "off";
  int drain_seconds = 30;
  std::string memory;              // --memory: for all models together; empty: what there is
  std::string log_format = "text", log_level = "info";
};

void add_serve_options(CLI::App* verb, ServeVerb* options);

// Reads the file and the keys and fills in `serve`; `home` is the library's folder.
Result<void> resolve_serve_options(CLI::App* verb, const std::string& home, ServeVerb* options);

// "0.0.0.0", ":8080", "http://127.0.0.1:11434/" -> "ADDR:PORT".
Result<std::string> address_of_host(const std::string& text);

}  // namespace hearth::cli
