// Contract and exclusions: server/serve.h.
#include "server/serve.h"

#include <sys/stat.h>

#include <algorithm>

#include "base/atomic_file.h"
#include "base/clock.h"
#include "server/airgap.h"
#include "server/home/home_socket.h"
#include "server/http/listen.h"
#include "server/request_log.h"
#include "server/routes.h"
#include "server/service_manager.h"
#include "server/watchdog.h"

namespace hearth::server {

namespace {

constexpr std::chrono::milliseconds kLook{1000};
constexpr std::chrono::milliseconds kShortestLook{10};
constexpr std::chrono::seconds kEndTime{15};  // to take models out of memory, after the drain

Result<void> check_loopback_only(const std::vector<std::string>& addresses) {
  for (const std::string& text : addresses) {
    const ListenAddress address = TRY(parse_listen_address(text));
    if (address.loopback()) continue;
    return Error{ErrorCode::kInvalidArgument,
                 "--airgap and " + text + " contradict each other: with an air gap only this machine's own addresses are served"};
  }
  return {};
}

// The folder may be new; one that is made here belongs to its user alone.
Result<void> prepare_home(const std::string& home) {
  struct stat status {};
  if (stat(home.c_str(), &status) != 0) {
    TRY(make_directories(home));
    chmod(home.c_str(), 0700);
  }
  TRY(check_home_folder(home));
  return {};
}

}  // namespace

// Members die in reverse order: HTTP first, so that no request reaches models that are going away.
struct Server::Impl {
  Impl(library::Library library, const ServeOptions& options)
      : manager(ServiceManager::from_environment()), models(std::move(library), options.models),
        context{models, options.version, monotonic_ns()},
        watchdog(options.watchdog_seconds, {[this] { return parts(); }, [this] { all_is_well(); }}) {
    context.watchdog = &watchdog;
  }

  std::vector<Watchdog::Part> parts() {
    std::vector<Watchdog::Part> list = {{"the thread that serves connections", http->stalled_seconds()}};
    for (const auto& [name, seconds] : models.busy()) list.push_back({"the model " + name, seconds});
    return list;
  }

  void all_is_well() {
    if (manager.watchdog()) manager.tell("WATCHDOG=1");
  }

  // The manager hears from every look, and wants to hear at least twice in its interval.
  void watch() {
    auto interval = kLook;
    if (manager.watchdog()) interval = std::min(interval, std::chrono::duration_cast<std::chrono::milliseconds>(*manager.watchdog() / 3));
    watchdog.start(std::max(interval, kShortestLook));
  }

  ServiceManager manager;

  Models models;
  Context context;
  std::unique_ptr<HttpServer> http;
  std::optional<Error> home_problem;
  Watchdog watchdog;  // looks at all of the above
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(library::Library library, const ServeOptions& options) {
  auto impl = std::make_unique<Impl>(std::move(library), options);
  if (options.airgap) TRY(check_loopback_only(options.http.listen));
  HttpOptions http = options.http;
  http.on_request_end = log_request;
  http.record_texts = options.log_prompts;
  const std::string home = impl->models.library().home();
  if (const Result<void> ready = prepare_home(home); ready.ok()) {
    http.side_door = "unix:" + home_socket_path(home);
  } else {
    impl->home_problem = ready.error();
  }
  impl->http = TRY(HttpServer::start(http, make_handler(impl->context)));
  if (!impl->home_problem) impl->home_problem = impl->http->side_door_problem();
  // After the listeners are open: opening them is among the things that are shut off.
  if (options.airgap) TRY(apply_airgap());
  impl->watch();
  impl->manager.tell("READY=1\nSTATUS=listening on " + impl->http->addresses().front());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::vector<std::string> Server::addresses() const { return impl_->http->addresses(); }
const std::optional<Error>& Server::home_problem() const { return impl_->home_problem; }
Models& Server::models() { return impl_->models; }

bool Server::stop(std::chrono::milliseconds drain_time) {
  const auto longest = std::chrono::duration_cast<std::chrono::microseconds>(drain_time + kEndTime).count();
  impl_->manager.tell("STOPPING=1\nEXTEND_TIMEOUT_USEC=" + std::to_string(longest));
  impl_->context.background.cancel_all();
  return impl_->http->drain(drain_time);
}

}  // namespace hearth::server
