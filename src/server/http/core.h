// What the connections of one server share. Internal to src/server/http.
//
// Contract: the io_context runs on one thread; whatever is not atomic or said to be locked belongs to that thread. A
// Core lives until the last answer that may still be written is gone; after stop() nothing runs any more. Not here: the
// loops (server.cpp, connection.cpp).
#pragma once

#include <array>
#include <atomic>
#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "server/http/gate.h"
#include "server/http/server.h"
#include "server/http/workers.h"

namespace hearth::server {

using StreamSocket = boost::asio::generic::stream_protocol::socket;

class Connection;

struct Core : std::enable_shared_from_this<Core> {
  Core(const HttpOptions& http_options, Handler request_handler)
      : options(http_options), handler(std::move(request_handler)), workers(http_options.workers) {}

  boost::asio::io_context io{1};
  const HttpOptions options;
  const Handler handler;
  GateContext gate;  // of every connection, but for its own address
  Workers workers;
  std::unordered_map<uint64_t, std::weak_ptr<Connection>> connections;
  uint64_t last_connection = 0;
  uint64_t last_request = 0;
  std::string request_prefix;            // of this process
  std::array<char, 64 << 10> scratch{};  // one read at a time
  bool stopped = false;
  std::atomic<int> open_connections{0};
  std::atomic<bool> draining{false};
  std::atomic<int64_t> knocked_ns{0};  // when the I/O thread was asked whether it is there; 0: it has said so
  std::atomic<int> requests{0};        // being handled, or still known to a handler
  std::atomic<int64_t> body_bytes{0};  // of these, and of those being read

  std::mutex mutex;
  std::condition_variable changed;
  int busy = 0;  // answers that are still being written; under `mutex`
  void add_busy(int change) {
    {
      const std::lock_guard lock(mutex);
      busy += change;
    }
    changed.notify_all();
  }
};

// One of HttpLimits::requests_at_once, with its body's bytes; given back with the last copy of its pointer.
class Ticket {
 public:
  Ticket(std::shared_ptr<Core> core, int64_t bytes) : core_(std::move(core)), bytes_(bytes) {
    core_->requests.fetch_add(1);
    core_->body_bytes.fetch_add(bytes_);
  }
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  ~Ticket() {
    core_->body_bytes.fetch_sub(bytes_);
    core_->requests.fetch_sub(1);
  }

 private:
  std::shared_ptr<Core> core_;
  int64_t bytes_;
};

// An answer that drain() waits for.
class Busy {
 public:
  explicit Busy(Core& core) : core_(core) { core_.add_busy(1); }
  Busy(const Busy&) = delete;
  Busy& operator=(const Busy&) = delete;
  ~Busy() { core_.add_busy(-1); }

 private:
  Core& core_;
};

// Takes the connection over and serves it to its end. `refuse`: there are too many; it is told so.
void serve_connection(const std::shared_ptr<Core>& core, StreamSocket socket, const GateContext& gate, bool refuse);
// Ends it now, on the I/O thread.
void stop_connection(Connection& connection);

}  // namespace hearth::server
