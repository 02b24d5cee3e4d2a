// Addresses to listen on: written forms in, open sockets out.
//
// Contract: errors name the address and what to do; a taken port names the other program where /proc lets us see it. A
// unix socket is made with mode 0600, over a dead one of the same name only, and removed by remove_unix_socket.
// Not here: accepting (server.cpp).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/os_error.h"
#include "hearth/error.h"

namespace hearth::server {

struct ListenAddress {
  std::string text;     // "127.0.0.1:11434", "[::1]:8080", "unix:/run/hearth.sock"
  std::string address;  // "127.0.0.1", "::1"; empty for a unix socket
  uint16_t port = 0;
  std::string unix_path;
  bool loopback() const;  // only this machine reaches it
};

// "localhost" is 127.0.0.1; other names are refused.
Result<ListenAddress> parse_listen_address(std::string_view text);

struct Listener {
  FileDescriptor socket;
  ListenAddress address;  // with its real port
  dev_t device = 0;       // of a unix socket's file
  ino_t inode = 0;
};
Result<Listener> open_listener(const ListenAddress& address);
// If the path is still the socket that was opened.
void remove_unix_socket(const Listener& listener);

// "ollama (process 1234)": who listens on that port; empty if that cannot be seen.
std::string program_on_port(uint16_t port);

}  // namespace hearth::server
