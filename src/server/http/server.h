// The HTTP side: listeners, connections, limits and the gate that every request passes before a handler sees it.
//
// Contract: handlers are called on worker threads (they may block, tokenize, read disks), never on the threads that
// serve sockets. Every limit is in HttpLimits. The gate answers 400/401/403/408/413/414/431 by itself. A client that
// goes away is noticed at once, also in a long answer. After drain() no new connection is taken and new requests get
// 503. Not here: routes, dialects, and what a key may do there (server/routes.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "hearth/error.h"
#include "server/http/message.h"
#include "server/http/request_record.h"

namespace hearth::server {

struct HttpLimits {
  int64_t header_bytes = 64 << 10;
  int64_t body_bytes = int64_t{64} << 20;
  int64_t all_bodies_bytes = int64_t{1} << 30;  // of requests being read or handled, together
  int64_t unsent_bytes = 4 << 20;               // of one stream, while its reader is slow
  int64_t behind_bytes = 16 << 10;              // of these, from which on Responder::behind() says so
  int connections = 1024;
  int requests_at_once = 512;  // being handled; more get 503 with Retry-After
  std::chrono::milliseconds header_time = std::chrono::seconds(10);
  std::chrono::milliseconds body_idle_time = std::chrono::seconds(30);
  std::chrono::milliseconds write_stall_time = std::chrono::seconds(30);
  std::chrono::milliseconds keep_alive_time = std::chrono::seconds(75);
};

struct ApiKey {
  std::string name;
  std::string sha256;  // 64 lower-case hex digits of the key
  Scope scope = Scope::kInfer;
};

struct GateOptions {
  std::vector<std::string> host_names;  // more names that Host may have
  std::vector<std::string> origins;     // more origins that may call, exact or with one * ("https://*.example.org")
  std::vector<ApiKey> keys;             // none: no key is asked for
};

struct HttpOptions {
  std::vector<std::string> listen;  // "127.0.0.1:11434", "[::1]:8080", "unix:/run/hearth.sock"; port 0: a free one
  std::string side_door;            // one more, "unix:/path"; the server starts without it if it cannot be opened
  GateOptions gate;
  HttpLimits limits;
  int workers = 4;  // threads that call the handler
  std::function<void(const RequestFacts&)> on_request_end;  // on any thread; may stay unset
  bool record_texts = false;                                // requests' bodies are among what it is told
};

class HttpServer {
 public:
  // Binds and starts. Errors name the address; a taken port also names the program that has it where that can be found.
  // A non-loopback address without a key is refused. A unix socket has mode 0600, needs no key, and takes
  // connections of the same user and of root only.
  static Result<std::unique_ptr<HttpServer>> start(const HttpOptions& options, Handler handler);
  ~HttpServer();                               // stops at once
  std::vector<std::string> addresses() const;  // that are listened on, with their real ports
  const std::optional<Error>& side_door_problem() const;  // why it is not open
  int connections() const;
  // How long the thread that serves sockets has not come round since somebody asked.
  double stalled_seconds();
  // Closes the listeners and waits until running requests have ended, at most so long. False if some had not.
  bool drain(std::chrono::milliseconds wait);

  struct Impl;

 private:
  explicit HttpServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::server
