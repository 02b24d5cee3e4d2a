// Contract and exclusions: server/serve.h.
#include "server/serve.h"

#include "base/clock.h"
#include "server/airgap.h"
#include "server/http/listen.h"
#include "server/routes.h"

namespace hearth::server {

namespace {

Result<void> check_loopback_only(const std::vector<std::string>& addresses) {
  for (const std::string& text : addresses) {
    const ListenAddress address = TRY(parse_listen_address(text));
    if (address.loopback()) continue;
    return Error{ErrorCode::kInvalidArgument,
                 "--airgap and " + text + " contradict each other: with an air gap only this machine's own addresses are served"};
  }
  return {};
}

}  // namespace

// Members die in reverse order: HTTP first, so that no request reaches models that are going away.
struct Server::Impl {
  Impl(library::Library library, const ServeOptions& options)
      : models(std::move(library), options.models), context{models, options.version, monotonic_ns()} {}

  Models models;
  Context context;
  std::unique_ptr<HttpServer> http;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(library::Library library, const ServeOptions& options) {
  auto impl = std::make_unique<Impl>(std::move(library), options);
  if (options.airgap) TRY(check_loopback_only(options.http.listen));
  impl->http = TRY(HttpServer::start(options.http, make_handler(impl->context)));
  // After the listeners are open: opening them is among the things that are shut off.
  if (options.airgap) TRY(apply_airgap());
  return std::unique_ptr<Server>(new Server(std::move(impl)));
}

std::vector<std::string> Server::addresses() const { return impl_->http->addresses(); }
Models& Server::models() { return impl_->models; }

bool Server::stop(std::chrono::milliseconds drain_time) {
  impl_->context.background.cancel_all();
  return impl_->http->drain(drain_time);
}

}  // namespace hearth::server
