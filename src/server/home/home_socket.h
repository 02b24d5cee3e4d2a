// The unix socket in HEARTH_HOME by which a server shows that it is the one of this folder and user.
//
// Contract: only a folder that no stranger can write to is trusted. Who is at the other end of a connection is told by the
// kernel, never by what it says.
// Not here: listening (server/http/listen.h), what is asked (server/home/home.h).
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "hearth/error.h"

namespace hearth::server {

// "HOME/server.sock".
std::string home_socket_path(const std::string& home);

// What a unix socket's path may have: the kernel's limit.
inline constexpr size_t kMaxSocketPath = 107;

// kPermission if the folder belongs to somebody else or everybody may write to it; kInvalidArgument if its socket's path is
// too long for the kernel; kNotFound if it is not there. Returns who owns it.
Result<uid_t> check_home_folder(const std::string& home);

// The user of the process at the other end; none if the kernel does not tell.
std::optional<uid_t> peer_user(int socket);

}  // namespace hearth::server
