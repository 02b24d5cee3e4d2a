// A client for tests of the HTTP server that sends exactly the bytes it is told to and reads what comes.
//
// Contract: reads wait at most kPatience, then the test fails; nothing here parses more of HTTP than where an answer
// ends. Not here: a library of a client; unmodified ones are driven by the end-to-end tests.
#pragma once

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "server/http/server.h"

namespace hearth::server {

constexpr int kPatienceMs = 20'000;

inline std::unique_ptr<HttpServer> start_server(HttpOptions options, Handler handler) {
  if (options.listen.empty()) options.listen = {"127.0.0.1:0"};
  auto server = HttpServer::start(options, std::move(handler));
  EXPECT_TRUE(server.ok()) << (server.ok() ? "" : server.error().message);
  return server.ok() ? std::move(*server) : nullptr;
}

inline uint16_t port_of(const HttpServer& server) {
  const std::string address = server.addresses().at(0);
  return static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1)));
}

class TestClient {
 public:
  explicit TestClient(uint16_t port, int receive_buffer = 0) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_buffer > 0) setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof(receive_buffer));
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0) << std::strerror(errno);
  }
  explicit TestClient(const std::string& unix_path) : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, unix_path.data(), unix_path.size());
    EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0) << std::strerror(errno);
  }
  TestClient(TestClient&& other) noexcept : fd_(std::exchange(other.fd_, -1)), text_(std::move(other.text_)) {}
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;
  ~TestClient() { close(); }

  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  // The peer gets a reset instead of an orderly end.
  void reset() {
    const linger hard{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    close();
  }
  void end_sending() { shutdown(fd_, SHUT_WR); }

  // False if the server has closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }

  // Adds what comes next to the text; false at the end.
  bool read_more() {
    pollfd wait{fd_, POLLIN, 0};
    const int ready = poll(&wait, 1, kPatienceMs);
    EXPECT_EQ(ready, 1) << "the server neither answers nor closes; so far: " << text_.substr(0, 500);
    if (ready != 1) return false;
    char piece[65536];
    const ssize_t got = recv(fd_, piece, sizeof(piece), 0);
    if (got <= 0) return false;
    text_.append(piece, static_cast<size_t>(got));
    return true;
  }
  std::string read_to_end() {
    while (read_more()) {
    }
    return std::exchange(text_, {});
  }
  // Reads up to and with `end`.
  std::string read_until(std::string_view end) {
    size_t found = text_.find(end);
    while (found == std::string::npos && read_more()) found = text_.find(end);
    if (found == std::string::npos) return std::exchange(text_, {});
    std::string out = text_.substr(0, found + end.size());
    text_.erase(0, out.size());
    return out;
  }
  // One answer with a Content-Length, or none at all.
  std::string read_answer() {
    std::string answer = read_until("\r\n\r\n");
    const size_t field = answer.find("content-length: ");
    if (field == std::string::npos) return answer;
    const size_t length = std::stoul(answer.substr(field + 16));
    while (text_.size() < length && read_more()) {
    }
    answer += text_.substr(0, length);
    text_.erase(0, std::min(length, text_.size()));
    return answer;
  }
  // Waits until the server closes; what it sent before is dropped.
  bool closed_by_server() {
    while (read_more()) {
    }
    return !::testing::Test::HasFailure();
  }

 private:
  int fd_;
  std::string text_;
};

inline int status_of(std::string_view answer) {
  return answer.size() >= 12 && answer.starts_with("HTTP/1.1 ") ? std::stoi(std::string(answer.substr(9, 3))) : 0;
}

inline std::string body_of(std::string_view answer) {
  const size_t end = answer.find("\r\n\r\n");
  return end == std::string_view::npos ? std::string() : std::string(answer.substr(end + 4));
}

}  // namespace hearth::server
