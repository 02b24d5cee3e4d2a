// Listening sockets, and who else has the port.
//
// Contract: see listen.h. Sockets are non-blocking and close-on-exec.
// Not here: which addresses need a key (server.cpp).
#include "server/http/listen.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <vector>

#include "base/utf8.h"
#include "server/http/gate.h"

namespace hearth::server {
namespace {

constexpr int kBacklog = 1024;

Error bad_address(std::string_view text, std::string_view why) {
  return {ErrorCode::kInvalidArgument, "cannot listen on \"" + printable(text) + "\": " + std::string(why) +
                                           "; write it as 127.0.0.1:11434, [::1]:11434 or unix:/path/to.sock"};
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress socket_address(const ListenAddress& address) {
  SocketAddress out;
  if (!address.unix_path.empty()) {
    auto* name = reinterpret_cast<sockaddr_un*>(&out.storage);
    name->sun_family = AF_UNIX;
    std::memcpy(name->sun_path, address.unix_path.data(), address.unix_path.size());
    out.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + address.unix_path.size() + 1);
  } else if (address.address.find(':') == std::string::npos) {
    auto* name = reinterpret_cast<sockaddr_in*>(&out.storage);
    name->sin_family = AF_INET;
    name->sin_port = htons(address.port);
    inet_pton(AF_INET, address.address.c_str(), &name->sin_addr);
    out.size = sizeof(sockaddr_in);
  } else {
    auto* name = reinterpret_cast<sockaddr_in6*>(&out.storage);
    name->sin6_family = AF_INET6;
    name->sin6_port = htons(address.port);
    inet_pton(AF_INET6, address.address.c_str(), &name->sin6_addr);
    out.size = sizeof(sockaddr_in6);
  }
  return out;
}

Error listen_error(int number, const ListenAddress& address) {
  Error error = os_error(number, "cannot listen on " + address.text);
  if (number != EADDRINUSE) return error;
  const std::string program = address.unix_path.empty() ? program_on_port(address.port) : std::string();
  error.code = ErrorCode::kResource;
  error.message = "cannot listen on " + address.text + ": " + (program.empty() ? "another program" : program) +
                  " already does; stop it, or choose another address with --listen";
  return error;
}

// Makes way for a socket at a path where a dead one lies. A living server or another kind of file stays.
Result<void> clear_unix_path(const ListenAddress& address) {
  struct stat status {};
  if (lstat(address.unix_path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) {
    return Error{ErrorCode::kInvalidArgument,
                 "cannot listen on " + address.text + ": there is a file of that name that is no socket"};
  }
  const FileDescriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  SocketAddress name = socket_address(address);
  if (connect(probe.get(), name.get(), name.size) == 0) return listen_error(EADDRINUSE, address);
  if (errno == ECONNREFUSED) unlink(address.unix_path.c_str());
  return {};
}

Result<void> protect(Listener* listener) {
  const std::string& path = listener->address.unix_path;
  struct stat status {};
  if (chmod(path.c_str(), 0600) != 0 || lstat(path.c_str(), &status) != 0) {
    return os_error(errno, "cannot protect " + listener->address.text);
  }
  listener->device = status.st_dev;
  listener->inode = status.st_ino;
  return {};
}

uint16_t bound_port(int socket) {
  SocketAddress name;
  name.size = sizeof(name.storage);
  if (getsockname(socket, name.get(), &name.size) != 0) return 0;
  if (name.storage.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in*>(&name.storage)->sin_port);
  return ntohs(reinterpret_cast<sockaddr_in6*>(&name.storage)->sin6_port);
}

std::string with_port(const ListenAddress& address) {
  const bool v6 = address.address.find(':') != std::string::npos;
  return (v6 ? "[" + address.address + "]" : address.address) + ":" + std::to_string(address.port);
}

// Inodes of the sockets that listen on the port, from one of the tables in /proc/net.
void add_listening_inodes(const char* table, uint16_t port, std::vector<std::string>* inodes) {
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);
  char wanted[8];
  std::snprintf(wanted, sizeof(wanted), ":%04X", port);
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string index, local, remote, state, queues, timer, retransmits, user, timeout, inode;
    words >> index >> local >> remote >> state >> queues >> timer >> retransmits >> user >> timeout >> inode;
    if (local.ends_with(wanted) && state == "0A") inodes->push_back("socket:[" + inode + "]");
  }
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> open(opendir(folder.c_str()), closedir);
  if (!open) return names;
  while (const dirent* entry = readdir(open.get())) names.emplace_back(entry->d_name);
  return names;
}

bool has_descriptor(const std::string& process, const std::vector<std::string>& targets) {
  const std::string folder = "/proc/" + process + "/fd";
  for (const std::string& name : names_in(folder)) {
    char target[64];
    const ssize_t length = readlink((folder + "/" + name).c_str(), target, sizeof(target));
    if (length <= 0) continue;
    if (std::find(targets.begin(), targets.end(), std::string_view(target, static_cast<size_t>(length))) !=
        targets.end())
      return true;
  }
  return false;
}

}  // namespace

bool ListenAddress::loopback() const {
  return !unix_path.empty() || is_loopback_address(address);
}

Result<ListenAddress> parse_listen_address(std::string_view text) {
  ListenAddress out;
  constexpr std::string_view kUnix = "unix:";
  if (text.starts_with(kUnix)) {
    out.text = text;
    out.unix_path = text.substr(kUnix.size());
    if (out.unix_path.empty() || out.unix_path.find('\0') != std::string::npos)
      return bad_address(text, "it names no path");
    if (out.unix_path.size() >= sizeof(sockaddr_un::sun_path))
      return bad_address(text, "the path is longer than 107 bytes");
    return out;
  }
  std::string port;
  if (!split_host(text, &out.address, &port)) return bad_address(text, "it is no address");
  if (port.empty()) return bad_address(text, "it has no port");
  if (out.address == "localhost") out.address = "127.0.0.1";
  in6_addr bytes{};
  const int family = out.address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (inet_pton(family, out.address.c_str(), &bytes) != 1)
    return bad_address(text, "names of machines are not looked up");
  const int number = std::stoi(port);
  if (number > 65535) return bad_address(text, "ports end at 65535");
  out.port = static_cast<uint16_t>(number);
  out.text = with_port(out);
  return out;
}

Result<Listener> open_listener(const ListenAddress& address) {
  Listener listener;
  listener.address = address;
  const bool is_unix = !address.unix_path.empty();
  if (is_unix) TRY(clear_unix_path(address));
  SocketAddress name = socket_address(address);
  listener.socket = FileDescriptor(socket(name.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener.socket.valid()) return os_error(errno, "cannot listen on " + address.text);
  const int fd = listener.socket.get();
  const int on = 1;
  if (!is_unix) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (name.storage.ss_family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  // The mode of the inode that bind makes is the descriptor's; chmod after bind would leave a moment open to others.
  if (is_unix) fchmod(fd, 0600);
  if (bind(fd, name.get(), name.size) != 0) return listen_error(errno, address);
  if (is_unix) TRY(protect(&listener));
  if (listen(fd, kBacklog) != 0) return listen_error(errno, address);
  if (!is_unix) {
    listener.address.port = bound_port(fd);
    listener.address.text = with_port(listener.address);
  }
  return listener;
}

void remove_unix_socket(const Listener& listener) {
  const std::string& path = listener.address.unix_path;
  struct stat status {};
  if (path.empty() || lstat(path.c_str(), &status) != 0) return;
  if (status.st_dev == listener.device && status.st_ino == listener.inode) unlink(path.c_str());
}

std::string program_on_port(uint16_t port) {
  std::vector<std::string> inodes;
  add_listening_inodes("/proc/net/tcp", port, &inodes);
  add_listening_inodes("/proc/net/tcp6", port, &inodes);
  if (inodes.empty()) return {};
  for (const std::string& process : names_in("/proc")) {
    if (process.empty() || !std::all_of(process.begin(), process.end(), [](char c) { return c >= '0' && c <= '9'; }))
      continue;
    if (!has_descriptor(process, inodes)) continue;
    std::ifstream file("/proc/" + process + "/comm");
    std::string name;
    std::getline(file, name);
    return printable(name) + " (process " + process + ")";
  }
  return {};
}

}  // namespace hearth::server
