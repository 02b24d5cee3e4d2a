// --airgap: from here on no thread of this process, and no program it starts, reaches a network.
//
// Contract: the kernel refuses (EPERM) what opens a way out: sockets other than unix ones, connect, messages with an
// address, io_uring, taking descriptors or sockets from other processes, writing into them, network devices and file
// systems. It cannot be undone. What is open already stays: listeners are opened first and go on accepting, and a
// socket that must send later (systemd's notifications) is connected before. A model folder on a network file system
// still works: that is the kernel's traffic. Not here: which addresses may be listened on then (the command line:
// loopback only).
#pragma once

#include <string>
#include <vector>

#include "hearth/error.h"

namespace hearth::server {

// For all threads at once. Errors: kUnsupported (a kernel without seccomp), kPermission; then nothing has changed.
Result<void> apply_airgap();

struct NetworkProbe {
  std::string name;      // "connect to an IPv4 address"
  bool refused = false;  // by the kernel's rules, not by the far side
  int error_number = 0;  // 0: it succeeded
};
// Tries each way out, in a manner that harms nothing where it is open: nothing leaves this machine.
std::vector<NetworkProbe> probe_network();

}  // namespace hearth::server
