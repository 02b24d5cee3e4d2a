// Contract and exclusions: server/home/home_socket.h.
#include "server/home/home_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/os_error.h"
#include "base/utf8.h"

namespace hearth::server {

std::string home_socket_path(const std::string& home) { return home + "/server.sock"; }

Result<uid_t> check_home_folder(const std::string& home) {
  const std::string path = home_socket_path(home);
  if (path.size() > kMaxSocketPath) {
    return Error{ErrorCode::kInvalidArgument, "the path " + printable(path) + " has " + std::to_string(path.size()) +
                                                  " bytes and a socket's may have " + std::to_string(kMaxSocketPath) +
                                                  ": take a shorter HEARTH_HOME"};
  }
  struct stat status {};
  if (stat(home.c_str(), &status) != 0) return os_error(errno, "cannot look at the folder " + printable(home));
  if (!S_ISDIR(status.st_mode)) return Error{ErrorCode::kInvalidArgument, printable(home) + " is no folder"};
  const uid_t self = geteuid();
  if (status.st_uid != self && self != 0) {
    return Error{ErrorCode::kPermission, "the folder " + printable(home) + " belongs to another user"};
  }
  if ((status.st_mode & S_IWOTH) != 0) {
    return Error{ErrorCode::kPermission, "everybody may write to " + printable(home) + ": chmod o-w " + printable(home)};
  }
  return status.st_uid;
}

std::optional<uid_t> peer_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 || size != sizeof peer) return std::nullopt;
  return peer.uid;
}

}  // namespace hearth::server
