// The seccomp filter behind --airgap, and the attempts that show that it holds.
//
// Contract: see airgap.h. The filter allows all but a list. It looks at numbers only, so calls whose meaning lies
// behind a pointer are refused whole: sendmsg may carry an address, recvmsg may bring somebody's open socket. The
// server needs neither: it writes and reads one buffer at a time (send, recv). Calls of another architecture (32-bit,
// x32), where the same work has other numbers, are refused whole, too. Not here: a sandbox against code that runs as
// root and wants out.
#include "server/airgap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>

#include "base/os_error.h"

namespace hearth::server {
namespace {

constexpr const char* kRefusedCalls[] = {
    "connect",
    "sendmsg",
    "sendmmsg",
    "recvmsg",
    "recvmmsg",
    "socketcall",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",  // the same calls in another dress
    "ptrace",
    "process_vm_writev",
    "process_vm_readv",
    "pidfd_getfd",
    "process_madvise",  // other processes' sockets
    "mount",
    "fsopen",
    "fsmount",
    "fsconfig",
    "move_mount",  // network file systems
    "bpf",
    "init_module",
    "finit_module",
    "kexec_load",
    "kexec_file_load",  // another kernel's rules
};

Error filter_error(int number, const std::string& what) {
  Error error = os_error(number, "the network cannot be closed off: " + what);
  if (number == EINVAL || number == ENOSYS || number == EOPNOTSUPP) error.code = ErrorCode::kUnsupported;
  error.message += "; this needs a Linux kernel with seccomp filters, and a container that permits them";
  return error;
}

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

Result<void> refuse(const Filter& filter, const char* call, std::vector<scmp_arg_cmp> when = {}) {
  const int number = seccomp_syscall_resolve_name(call);
  if (number < 0) return {};  // this architecture has no such call
  const int failed = seccomp_rule_add_array(filter.get(), SCMP_ACT_ERRNO(EPERM), number,
                                            static_cast<unsigned>(when.size()), when.data());
  if (failed != 0) return filter_error(-failed, std::string("no rule for ") + call);
  return {};
}

Result<void> add_rules(const Filter& filter) {
  for (const char* call : kRefusedCalls) TRY(refuse(filter, call));
  TRY(refuse(filter, "socket", {SCMP_A0(SCMP_CMP_NE, AF_UNIX)}));
  TRY(refuse(filter, "sendto", {SCMP_A4(SCMP_CMP_NE, 0)}));
  constexpr uint64_t kLowHalf = 0xffffffff;  // all that the kernel takes of a request number
  TRY(refuse(filter, "ioctl", {SCMP_A1(SCMP_CMP_MASKED_EQ, kLowHalf, TUNSETIFF)}));
  return {};
}

}  // namespace

Result<void> apply_airgap() {
  const Filter filter(seccomp_init(SCMP_ACT_ALLOW), seccomp_release);
  if (!filter) return filter_error(ENOMEM, "no filter");
  const std::pair<scmp_filter_attr, uint32_t> kAttributes[] = {
      {SCMP_FLTATR_CTL_TSYNC, 1}, {SCMP_FLTATR_CTL_NNP, 1}, {SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM)}};
  for (const auto& [attribute, value] : kAttributes) {
    const int failed = seccomp_attr_set(filter.get(), attribute, value);
    if (failed != 0) return filter_error(-failed, "the filter cannot be for all threads");
  }
  TRY(add_rules(filter));
  const int failed = seccomp_load(filter.get());
  if (failed != 0) return filter_error(failed < 0 ? -failed : EAGAIN, "the filter is not accepted");
  const FileDescriptor open(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (open.valid()) return filter_error(EINVAL, "the filter has no effect");
  return {};
}

namespace {

// Sockets to try calls on: of the wanted family where that is still to be had, else a unix one, for which the call is
// refused in the same way.
FileDescriptor probe_socket(int family, int type) {
  FileDescriptor wanted(socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (wanted.valid()) return wanted;
  return FileDescriptor(socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

sockaddr_in discard_address() {  // of this machine; nobody listens there
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(9);
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return name;
}

long open_socket(int family, int type) {
  const FileDescriptor made(socket(family, type | SOCK_CLOEXEC, 0));
  return made.get();
}

long connect_ipv4() {
  const FileDescriptor from = probe_socket(AF_INET, SOCK_STREAM);
  const sockaddr_in to = discard_address();
  return connect(from.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to));
}

long connect_unix() {
  const FileDescriptor from = probe_socket(AF_UNIX, SOCK_STREAM);
  sockaddr_un to{};
  to.sun_family = AF_UNIX;
  std::memcpy(to.sun_path + 1, "hearth-probe", 12);
  return connect(from.get(), reinterpret_cast<const sockaddr*>(&to), sizeof(to));
}

long send_to() {
  const FileDescriptor from = probe_socket(AF_INET, SOCK_DGRAM);
  const sockaddr_in to = discard_address();
  return sendto(from.get(), "x", 1, MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&to), sizeof(to));
}

msghdr message_to(sockaddr_in* to, iovec* bytes) {
  msghdr message{};
  message.msg_name = to;
  message.msg_namelen = sizeof(*to);
  message.msg_iov = bytes;
  message.msg_iovlen = 1;
  return message;
}

long send_message(bool many) {
  const FileDescriptor from = probe_socket(AF_INET, SOCK_DGRAM);
  sockaddr_in to = discard_address();
  char byte = 'x';
  iovec bytes{&byte, 1};
  mmsghdr message{message_to(&to, &bytes), 0};
  if (many) return sendmmsg(from.get(), &message, 1, MSG_NOSIGNAL);
  return sendmsg(from.get(), &message.msg_hdr, MSG_NOSIGNAL);
}

long receive_message() {
  const FileDescriptor from = probe_socket(AF_UNIX, SOCK_DGRAM);
  msghdr message{};
  return recvmsg(from.get(), &message, MSG_DONTWAIT);
}

long raw(long number, long a = 0, long b = 0, long c = 0) {
  const long got = syscall(number, a, b, c, 0, 0, 0);
  return got;
}

}  // namespace

std::vector<NetworkProbe> probe_network() {
  const std::pair<const char*, std::function<long()>> kProbes[] = {
      {"open an IPv4 TCP socket", [] { return open_socket(AF_INET, SOCK_STREAM); }},
      {"open an IPv4 UDP socket", [] { return open_socket(AF_INET, SOCK_DGRAM); }},
      {"open an IPv6 TCP socket", [] { return open_socket(AF_INET6, SOCK_STREAM); }},
      {"open an IPv6 UDP socket", [] { return open_socket(AF_INET6, SOCK_DGRAM); }},
      {"open a netlink socket", [] { return open_socket(AF_NETLINK, SOCK_RAW); }},
      {"open a packet socket", [] { return open_socket(AF_PACKET, SOCK_RAW); }},
      {"open a virtual machine socket", [] { return open_socket(AF_VSOCK, SOCK_STREAM); }},
      {"open a Bluetooth socket", [] { return open_socket(AF_BLUETOOTH, SOCK_RAW); }},
      {"connect to an IPv4 address", connect_ipv4},
      {"connect to a unix socket", connect_unix},
      {"sendto with an address", send_to},
      {"sendmsg", [] { return send_message(false); }},
      {"sendmmsg", [] { return send_message(true); }},
      {"recvmsg, which can bring an open socket", receive_message},
      {"io_uring_setup", [] { return raw(SYS_io_uring_setup); }},
      {"io_uring_enter", [] { return raw(SYS_io_uring_enter, -1); }},
      {"io_uring_register", [] { return raw(SYS_io_uring_register, -1); }},
      {"ptrace", [] { return raw(SYS_ptrace, PTRACE_PEEKDATA, 0); }},
      {"process_vm_writev", [] { return raw(SYS_process_vm_writev, -1); }},
      {"pidfd_getfd, which takes an open socket", [] { return raw(SYS_pidfd_getfd, -1, -1); }},
#ifdef __x86_64__
      {"open a socket by its x32 number", [] { return raw(0x40000000 + SYS_socket, AF_INET, SOCK_STREAM); }},
#endif
  };
  std::vector<NetworkProbe> probes;
  for (const auto& [name, attempt] : kProbes) {
    errno = 0;
    const long got = attempt();
    const int number = got < 0 ? errno : 0;
    probes.push_back({name, number == EPERM, number});
  }
  return probes;
}

}  // namespace hearth::server
