// --airgap in a child process of its own, since it cannot be undone.
#include "server/airgap.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <thread>

#include "server/http/test_client.h"

namespace hearth::server {
namespace {

// Runs the function in a child; "" if it returns "", else what it says.
template <class Function>
std::string in_child(Function function) {
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    const std::string said = function();
    const ssize_t written = write(ends[1], said.data(), said.size());
    _exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
  }
  close(ends[1]);
  std::string said;
  char piece[4096];
  for (ssize_t got; (got = read(ends[0], piece, sizeof(piece))) > 0;) said.append(piece, static_cast<size_t>(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) said += " the child ended with status " + std::to_string(status);
  return said;
}

std::string close_off() {
  const auto applied = apply_airgap();
  return applied.ok() ? "" : applied.error().message;
}

TEST(Airgap, EveryWayOutIsRefused) {
  EXPECT_EQ(in_child([] {
              std::string said = close_off();
              for (const NetworkProbe& probe : probe_network()) {
                if (!probe.refused) said += probe.name + " gave " + std::to_string(probe.error_number) + "; ";
              }
              return said;
            }),
            "");
}

TEST(Airgap, TheProbesCanTellTheDifference) {
  const auto probes = probe_network();
  const auto find = [&](std::string_view name) {
    return std::find_if(probes.begin(), probes.end(), [&](const NetworkProbe& probe) { return probe.name == name; });
  };
  for (const char* name : {"open an IPv4 TCP socket", "open an IPv4 UDP socket", "connect to an IPv4 address",
                           "connect to a unix socket", "sendto with an address", "sendmsg", "sendmmsg"}) {
    ASSERT_NE(find(name), probes.end()) << name;
    EXPECT_FALSE(find(name)->refused) << name;
  }
}

TEST(Airgap, HoldsForThreadsThatRanBefore) {
  EXPECT_EQ(in_child([] {
              std::atomic<int> phase{0};
              int number = 0;
              std::thread before([&] {
                phase = 1;
                while (phase != 2) std::this_thread::yield();
                number = socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
              });
              while (phase != 1) std::this_thread::yield();
              std::string said = close_off();
              phase = 2;
              before.join();
              return number == EPERM ? said : said + "the thread could open a socket";
            }),
            "");
}

TEST(Airgap, HoldsForProgramsThatAreStarted) {
  EXPECT_EQ(in_child([] {
              std::string said = close_off();
              const pid_t child = fork();
              if (child == 0) {
                execl(
                    "/bin/bash", "bash", "-c",
                    "exec 2>/dev/null; : < /dev/tcp/127.0.0.1/9 && exit 1; : < /dev/udp/127.0.0.1/9 && exit 1; exit 42",
                    static_cast<char*>(nullptr));
                _exit(42);
              }
              int status = 0;
              waitpid(child, &status, 0);
              return WIFEXITED(status) && WEXITSTATUS(status) == 42 ? said : said + "a program reached the network";
            }),
            "");
}

#ifdef __x86_64__
TEST(Airgap, HoldsForThe32BitDoor) {
  EXPECT_EQ(in_child([] {
              std::string said = close_off();
              long got = 359;  // socket, for 32-bit programs; on a kernel without that door the child dies here instead
              asm volatile("int $0x80"
                           : "+a"(got)
                           : "b"(AF_INET), "c"(SOCK_STREAM), "d"(0)
                           : "memory", "r8", "r9", "r10", "r11");
              return got < 0 ? said : said + "a socket could be opened by its 32-bit number";
            }),
            "");
}
#endif

TEST(Airgap, TheServerGoesOn) {
  EXPECT_EQ(in_child([]() -> std::string {
              HttpOptions options;
              options.listen = {"127.0.0.1:0"};
              auto server = HttpServer::start(options, [](Request, std::shared_ptr<Responder> responder) {
                responder->begin_stream(200, "text/plain");
                responder->write(std::string(300'000, 'x'));
                responder->end_stream();
              });
              if (!server.ok()) return server.error().message;
              TestClient client(port_of(**server));
              std::string said = close_off();
              client.send("POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}");
              if (client.read_until("0\r\n\r\n").size() < 300'000) said += "no whole answer";
              return said;
            }),
            "");
}

TEST(Airgap, UnixSocketsMayBeOpened) {
  EXPECT_EQ(in_child([] {
              std::string said = close_off();
              return socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? said : said + "no unix socket";
            }),
            "");
}

}  // namespace
}  // namespace hearth::server
