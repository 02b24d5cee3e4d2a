// The server's life: listeners, the I/O thread, draining and the end.
//
// Contract: see server.h. Sockets are served on one thread, which never runs a handler.
// Not here: what happens on a connection (connection.cpp), addresses (listen.h).
#include "server/http/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <future>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/utf8.h"
#include "server/http/core.h"
#include "server/http/listen.h"

namespace hearth::server {

namespace asio = boost::asio;

namespace {

constexpr int kUnsentInKernel = 16 << 10;                     // bytes of a connection; its reader's kernel has more
constexpr int kRefusedConnections = 64;                       // that may hear why, beyond the limit
constexpr auto kAcceptPause = std::chrono::milliseconds(50);  // when no descriptor is left

std::string numeric_address(const asio::generic::stream_protocol::endpoint& endpoint) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = nullptr;
  const sockaddr* name = endpoint.data();
  if (name->sa_family == AF_INET) bytes = &reinterpret_cast<const sockaddr_in*>(name)->sin_addr;
  if (name->sa_family == AF_INET6) bytes = &reinterpret_cast<const sockaddr_in6*>(name)->sin6_addr;
  if (bytes == nullptr || inet_ntop(name->sa_family, bytes, text.data(), text.size()) == nullptr) return {};
  return text.data();
}

// The socket's mode keeps others out already; this holds also where the file was given to somebody afterwards.
bool same_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  if (peer.uid == geteuid() || peer.uid == 0) return true;
  log(LogLevel::kWarning, "a connection of user " + std::to_string(peer.uid) + " to a unix socket was closed");
  return false;
}

class Acceptor {
 public:
  Acceptor(std::shared_ptr<Core> core, Listener listener)
      : core_(std::move(core)), listener_(std::move(listener)), acceptor_(core_->io), pause_(core_->io) {}
  ~Acceptor() { remove_unix_socket(listener_); }

  const ListenAddress& address() const { return listener_.address; }

  // On the I/O thread, as all below.
  void start() {
    const int copy = fcntl(listener_.socket.get(), F_DUPFD_CLOEXEC, 0);
    const bool v6 = address().address.find(':') != std::string::npos;
    const int family = !address().unix_path.empty() ? AF_UNIX : v6 ? AF_INET6 : AF_INET;
    boost::system::error_code error;
    acceptor_.assign(asio::generic::stream_protocol(family, family == AF_UNIX ? 0 : IPPROTO_TCP), copy, error);
    if (error) return log(LogLevel::kError, "cannot listen on " + address().text + ": " + error.message());
    accept();
  }

  void close() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    listener_.socket.close();
  }

 private:
  void accept() {
    acceptor_.async_accept([this](const boost::system::error_code& error, StreamSocket socket) {
      if (!acceptor_.is_open()) return;
      if (!error) {
        take(std::move(socket));
        return accept();
      }
      log(LogLevel::kWarning, "cannot take a connection on " + address().text + ": " + error.message());
      pause_.expires_after(kAcceptPause);
      pause_.async_wait([this](const boost::system::error_code&) {
        if (acceptor_.is_open()) accept();
      });
    });
  }

  void take(StreamSocket socket) {
    const int open = core_->open_connections.load();
    const int limit = core_->options.limits.connections;
    if (open >= limit + kRefusedConnections) return;  // closed as it goes out of scope
    GateContext gate = core_->gate;
    gate.unix_socket = !address().unix_path.empty();
    if (gate.unix_socket && !same_user(socket.native_handle())) return;
    if (!gate.unix_socket) {
      boost::system::error_code error;
      gate.local_address = numeric_address(socket.local_endpoint(error));
      const int on = 1;
      setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
      setsockopt(socket.native_handle(), SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
      // A reader that does not read is noticed here, and not megabytes later in the kernel.
      setsockopt(socket.native_handle(), IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentInKernel, sizeof(kUnsentInKernel));
    }
    serve_connection(core_, std::move(socket), gate, open >= limit);
  }

  std::shared_ptr<Core> core_;
  Listener listener_;
  asio::basic_socket_acceptor<asio::generic::stream_protocol> acceptor_;
  asio::steady_timer pause_;
};

Result<void> check_gate(const GateOptions& gate) {
  for (const ApiKey& key : gate.keys) {
    const bool hex = std::all_of(key.sha256.begin(), key.sha256.end(),
                                 [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (key.sha256.size() != 64 || !hex) {
      return Error{
          ErrorCode::kInvalidArgument,
          "the key \"" + printable(key.name) + "\" is not stored as 64 lower-case hexadecimal digits of its SHA-256"};
    }
  }
  for (const std::string& name : gate.host_names) {
    std::string host;
    std::string port;
    if (split_host(name, &host, &port)) continue;
    return Error{ErrorCode::kInvalidArgument, "\"" + printable(name) + "\" is no host name"};
  }
  return {};
}

Result<void> check_limits(const HttpOptions& options) {
  const HttpLimits& limits = options.limits;
  const bool fine = limits.header_bytes >= 256 && limits.header_bytes <= (16 << 20) && limits.body_bytes >= 0 &&
                    limits.all_bodies_bytes >= 0 && limits.unsent_bytes >= 0 && limits.connections > 0 &&
                    limits.requests_at_once > 0 && options.workers > 0 && options.workers <= 1024;
  if (fine) return {};
  return Error{ErrorCode::kInvalidArgument,
               "the limits of the HTTP server are not positive, or its heads may be larger than 16 MiB"};
}

Result<std::vector<Listener>> open_listeners(const HttpOptions& options) {
  std::vector<ListenAddress> addresses;
  for (const std::string& text : options.listen) {
    addresses.push_back(TRY(parse_listen_address(text)));
    if (addresses.back().loopback() || !options.gate.keys.empty()) continue;
    return Error{
        ErrorCode::kPermission,
        "listening on " + addresses.back().text +
            " would let everybody on the network in: make a key first (hearth key add NAME), or listen on 127.0.0.1"};
  }
  if (addresses.empty()) return Error{ErrorCode::kInvalidArgument, "the server has no address to listen on"};
  std::vector<Listener> listeners;
  for (const ListenAddress& address : addresses) listeners.push_back(TRY(open_listener(address)));
  return listeners;
}

Result<Listener> open_side_door(const std::string& text) {
  const ListenAddress address = TRY(parse_listen_address(text));
  if (address.unix_path.empty()) return Error{ErrorCode::kInvalidArgument, "a side door must be a unix socket, not " + text};
  return open_listener(address);
}

std::string random_prefix() {
  uint32_t number = 0;
  if (getrandom(&number, sizeof(number), 0) != sizeof(number)) number = static_cast<uint32_t>(getpid());
  std::array<char, 24> text{};
  std::snprintf(text.data(), text.size(), "req-%08x-", number);
  return text.data();
}

}  // namespace

struct HttpServer::Impl {
  std::shared_ptr<Core> core;
  std::vector<std::unique_ptr<Acceptor>> acceptors;
  asio::executor_work_guard<asio::io_context::executor_type> work;
  std::thread thread;
  std::optional<Error> side_door_problem;

  explicit Impl(std::shared_ptr<Core> shared) : core(std::move(shared)), work(core->io.get_executor()) {}

  void run() {
    while (true) {
      try {
        core->io.run();
        return;
      } catch (const std::exception& error) {
        log(LogLevel::kError, std::string("the HTTP server met an error and goes on: ") + error.what());
      }
    }
  }

  // Runs on the I/O thread and waits for it.
  template <class Function>
  void on_io_thread(Function function) {
    std::promise<void> done;
    asio::post(core->io, [&] {
      function();
      done.set_value();
    });
    done.get_future().wait();
  }

  void close_acceptors() {
    for (const auto& acceptor : acceptors) acceptor->close();
  }

  void stop() {
    on_io_thread([&] {
      close_acceptors();
      std::vector<std::shared_ptr<Connection>> open;  // stopping one may change the map
      for (const auto& [number, weak] : core->connections) open.push_back(weak.lock());
      for (const auto& connection : open) {
        if (connection) stop_connection(*connection);
      }
    });
    work.reset();
    thread.join();
    core->workers.stop();
  }
};

HttpServer::HttpServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<HttpServer>> HttpServer::start(const HttpOptions& options, Handler handler) {
  TRY(check_gate(options.gate));
  TRY(check_limits(options));
  auto listeners = TRY(open_listeners(options));
  auto core = std::make_shared<Core>(options, std::move(handler));
  core->request_prefix = random_prefix();
  auto impl = std::make_unique<Impl>(core);
  if (!options.side_door.empty()) {
    Result<Listener> opened = open_side_door(options.side_door);
    if (opened.ok()) listeners.push_back(std::move(opened).value());
    if (!opened.ok()) impl->side_door_problem = opened.error();
  }
  for (Listener& listener : listeners) {
    if (listener.address.unix_path.empty()) {
      core->gate.listen_addresses.push_back(listener.address.address);
      core->gate.listen_ports.push_back(listener.address.port);
    }
    impl->acceptors.push_back(std::make_unique<Acceptor>(core, std::move(listener)));
  }
  impl->thread = std::thread([raw = impl.get()] { raw->run(); });
  pthread_setname_np(impl->thread.native_handle(), "http");
  impl->on_io_thread([&] {
    for (const auto& acceptor : impl->acceptors) acceptor->start();
  });
  return std::unique_ptr<HttpServer>(new HttpServer(std::move(impl)));
}

HttpServer::~HttpServer() {
  impl_->stop();
}

std::vector<std::string> HttpServer::addresses() const {
  std::vector<std::string> addresses;
  for (const auto& acceptor : impl_->acceptors) addresses.push_back(acceptor->address().text);
  return addresses;
}

const std::optional<Error>& HttpServer::side_door_problem() const {
  return impl_->side_door_problem;
}

int HttpServer::connections() const {
  return impl_->core->open_connections.load();
}

double HttpServer::stalled_seconds() {
  Core& core = *impl_->core;
  const int64_t since = core.knocked_ns.load();
  if (since != 0) return seconds_since(since);
  core.knocked_ns = monotonic_ns();
  asio::post(core.io, [&core] { core.knocked_ns = 0; });
  return 0;
}

bool HttpServer::drain(std::chrono::milliseconds wait) {
  impl_->core->draining.store(true);
  // Behind this point every request that was taken has been counted as busy.
  impl_->on_io_thread([&] { impl_->close_acceptors(); });
  std::unique_lock lock(impl_->core->mutex);
  return impl_->core->changed.wait_for(lock, wait, [&] { return impl_->core->busy == 0; });
}

}  // namespace hearth::server
