// Contract and exclusions: server/service_manager.h.
#include "server/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>

#include "base/log.h"
#include "base/utf8.h"

namespace hearth::server {

namespace {

std::string take_variable(const char* name) {
  const char* value = std::getenv(name);
  std::string text = value == nullptr ? "" : value;
  unsetenv(name);
  return text;
}

std::optional<int64_t> positive(const std::string& text) {
  int64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size() || number <= 0) return std::nullopt;
  return number;
}

// A path, or a name that begins with @ and has no file.
FileDescriptor connect_to(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const bool known = name.size() > 1 && (name.front() == '/' || name.front() == '@') && name.size() < sizeof address.sun_path;
  if (!known) {
    log(LogLevel::kWarning, "NOTIFY_SOCKET names no unix socket: " + printable(name));
    return FileDescriptor();
  }
  std::memcpy(address.sun_path, name.data(), name.size());
  if (name.front() == '@') address.sun_path[0] = '\0';
  FileDescriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  if (socket.valid() && connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0) return socket;
  log(LogLevel::kWarning, os_error(errno, "cannot reach the service manager at " + printable(name)).message);
  return FileDescriptor();
}

}  // namespace

ServiceManager ServiceManager::from_environment() {
  ServiceManager manager;
  const std::string name = take_variable("NOTIFY_SOCKET");
  const std::optional<int64_t> interval = positive(take_variable("WATCHDOG_USEC"));
  const std::string process = take_variable("WATCHDOG_PID");
  if (name.empty()) return manager;
  manager.socket_ = connect_to(name);
  const bool ours = process.empty() || process == std::to_string(getpid());
  if (manager.listens() && interval && ours) manager.watchdog_ = std::chrono::microseconds(*interval);
  return manager;
}

void ServiceManager::tell(std::string_view state) {
  if (!listens()) return;
  const ssize_t sent = send(socket_.get(), state.data(), state.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent == static_cast<ssize_t>(state.size()) || complained_) return;
  complained_ = true;
  log(LogLevel::kWarning, os_error(errno, "the service manager does not hear").message);
}

}  // namespace hearth::server
