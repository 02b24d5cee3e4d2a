// The server as one object: models, routes and HTTP put together.
//
// Contract: start() listens before any model is loaded, so that /health answers at once; the network is shut off after that
// if asked for. A service manager that asks for it (NOTIFY_SOCKET) hears that it is ready, lives and stops. stop() drains: new requests get 503, running answers may end within `drain_time`, the rest is cancelled.
// Not here: options as people write them (cli/serve.cpp).
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "server/http/server.h"
#include "server/models.h"

namespace hearth::server {

struct ServeOptions {
  HttpOptions http;
  ModelsOptions models;
  bool airgap = false;
  bool log_prompts = false;
  double watchdog_seconds = 600;      // that a step of a model may take
  std::string version;
};

class Server {
 public:
  static Result<std::unique_ptr<Server>> start(library::Library library, const ServeOptions& options);
  ~Server();
  std::vector<std::string> addresses() const;
  // Why 'hearth run' of this HEARTH_HOME cannot use this server; none: it can.
  const std::optional<Error>& home_problem() const;
  Models& models();
  // True if everything ended by itself.
  bool stop(std::chrono::milliseconds drain_time);

 private:
  struct Impl;
  explicit Server(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::server
