// What systemd is told of a service of type notify: that it is ready, that it lives, that it stops.
//
// Contract: the protocol of sd_notify(3), without its library: one datagram per message. Without NOTIFY_SOCKET nothing happens.
// The socket is connected at once, so that it still serves behind an air gap; the variables are taken out of the environment,
// so that no program started by this one speaks in its name. A message that cannot be sent is logged once and forgotten.
// Not here: when it is told (server/serve.cpp).
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/os_error.h"

namespace hearth::server {

class ServiceManager {
 public:
  // Reads and unsets NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
  static ServiceManager from_environment();

  bool listens() const { return socket_.valid(); }
  // How often it wants to hear "WATCHDOG=1" at least; none: it does not ask.
  std::optional<std::chrono::microseconds> watchdog() const { return watchdog_; }
  // "READY=1", several of them separated by line ends.
  void tell(std::string_view state);

 private:
  FileDescriptor socket_;
  std::optional<std::chrono::microseconds> watchdog_;
  bool complained_ = false;
};

}  // namespace hearth::server
