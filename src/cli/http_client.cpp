// Contract and exclusions: cli/http_client.h.
//
// Every request asks the server to close the connection afterwards, so that the end of the answer is the end of the bytes.
#include "cli/http_client.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "base/os_error.h"
#include "base/utf8.h"
#include "cli/running_server.h"
#include "cli/serve_options.h"
#include "nlohmann/json.hpp"

namespace hearth::cli {
namespace {

using json = nlohmann::ordered_json;

struct Target {
  std::string host, port, socket;  // socket: of a unix address, else empty
};

Target split(const std::string& address) {
  Target target;
  if (address.starts_with("unix:")) {
    target.socket = address.substr(5);
    target.host = "localhost";
    return target;
  }
  const size_t colon = address.rfind(':');
  target.host = address.substr(0, colon);
  target.port = colon == std::string::npos ? "80" : address.substr(colon + 1);
  if (target.host.size() > 2 && target.host.front() == '[') target.host = target.host.substr(1, target.host.size() - 2);
  if (target.host == "0.0.0.0") target.host = "127.0.0.1";  // where a server listens on all addresses
  if (target.host == "::") target.host = "::1";
  return target;
}

Error nobody(const std::string& address, int number) {
  return {ErrorCode::kNotFound, "no server answers at " + printable(address) + " (" + std::strerror(number) +
                                    "): start one with 'hearth serve', or name another with HEARTH_HOST"};
}

Result<void> wait_for(int socket, short events, Deadline deadline) {
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd entry{socket, events, 0};
    const int ready = left.count() > 0 ? poll(&entry, 1, static_cast<int>(left.count())) : 0;
    if (ready > 0) return {};
    if (ready == 0) return Error{ErrorCode::kIo, "the server did not answer in time"};
    if (errno != EINTR) return os_error(errno, "cannot wait for the server");
    return Error{ErrorCode::kCancelled, "interrupted"};
  }
}

Result<FileDescriptor> connect_tcp(const std::string& address, const Target& target, Deadline deadline) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int problem = getaddrinfo(target.host.c_str(), target.port.c_str(), &hints, &found); problem != 0) {
    return Error{ErrorCode::kInvalidArgument, "cannot find " + printable(address) + ": " + gai_strerror(problem)};
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
  int last_error = ECONNREFUSED;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    FileDescriptor socket(::socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, one->ai_protocol));
    if (!socket.valid()) return os_error(errno, "cannot make a socket");
    last_error = connect(socket.get(), one->ai_addr, one->ai_addrlen) == 0 ? 0 : errno;
    if (last_error == EINPROGRESS) {
      TRY(wait_for(socket.get(), POLLOUT, deadline));
      socklen_t size = sizeof last_error;
      getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &last_error, &size);
    }
    if (last_error == 0) return socket;
  }
  return nobody(address, last_error);
}

Result<void> send_all(int socket, const std::string& bytes, Deadline deadline) {
  for (size_t sent = 0; sent < bytes.size();) {
    TRY(wait_for(socket, POLLOUT, deadline));
    const ssize_t count = send(socket, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count < 0 && errno != EAGAIN && errno != EINTR) return os_error(errno, "cannot send to the server");
    if (count > 0) sent += static_cast<size_t>(count);
  }
  return {};
}

Result<std::string> receive_all(int socket, Deadline deadline) {
  std::string bytes;
  char piece[16384];
  for (;;) {
    TRY(wait_for(socket, POLLIN, deadline));
    const ssize_t count = recv(socket, piece, sizeof piece, MSG_DONTWAIT);
    if (count == 0) return bytes;
    if (count < 0 && errno != EAGAIN && errno != EINTR) return os_error(errno, "cannot read the server's answer");
    if (count > 0) bytes.append(piece, static_cast<size_t>(count));
    if (bytes.size() > kMaxAnswerBytes) return Error{ErrorCode::kResource, "the server's answer is too long"};
  }
}

std::string lower_case(std::string text) {
  for (char& letter : text) letter = letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
  return text;
}

std::optional<size_t> parse_number(std::string_view text, int base) {
  size_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (problem != std::errc() || end == text.data() || value > kMaxAnswerBytes) return std::nullopt;
  return value;
}

Error no_answer() { return {ErrorCode::kCorrupt, "what answers there is no HTTP server, or it broke off"}; }

Result<std::string> join_chunks(std::string_view rest) {
  std::string body;
  for (;;) {
    const size_t line = rest.find("\r\n");
    const std::optional<size_t> size = line == std::string_view::npos ? std::nullopt : parse_number(rest.substr(0, line), 16);
    if (!size || rest.size() - line - 2 < *size) return no_answer();
    if (*size == 0) return body;
    body.append(rest.substr(line + 2, *size));
    rest.remove_prefix(line + 2 + *size);
    if (!rest.starts_with("\r\n")) return no_answer();
    rest.remove_prefix(2);
  }
}

const char* environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr && *value != '\0' ? value : nullptr;
}

}  // namespace

Result<HttpAnswer> parse_http_answer(const std::string& bytes) {
  const size_t end = bytes.find("\r\n\r\n");
  if (end == std::string::npos || !bytes.starts_with("HTTP/1.") || bytes.size() < 12) return no_answer();
  HttpAnswer answer;
  const std::optional<size_t> status = parse_number(std::string_view(bytes).substr(9, 3), 10);
  if (!status || *status < 100) return no_answer();
  answer.status = static_cast<int>(*status);
  const std::string head = lower_case(bytes.substr(0, end + 2));
  const std::string_view rest = std::string_view(bytes).substr(end + 4);
  if (head.find("\r\ntransfer-encoding: chunked\r\n") != std::string::npos) {
    answer.body = TRY(join_chunks(rest));
    return answer;
  }
  constexpr std::string_view kLength = "\r\ncontent-length:";
  if (const size_t at = head.find(kLength); at != std::string::npos) {
    const size_t digits = head.find_first_not_of(' ', at + kLength.size());
    const std::optional<size_t> length = parse_number(std::string_view(head).substr(digits), 10);
    if (!length || rest.size() < *length) return no_answer();
    answer.body = rest.substr(0, *length);
    return answer;
  }
  answer.body = rest;
  return answer;
}

Result<FileDescriptor> connect_unix_socket(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof name.sun_path) {
    return Error{ErrorCode::kInvalidArgument, "the path of a unix socket must have 1 to " +
                                                  std::to_string(sizeof name.sun_path - 1) + " bytes: " + printable(path)};
  }
  std::memcpy(name.sun_path, path.data(), path.size());
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return os_error(errno, "cannot make a socket");
  if (connect(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) return nobody("unix:" + path, errno);
  return socket;
}

Result<void> send_request(int socket, const std::string& host, const std::string& method, const std::string& path,
                          const std::string& body, Deadline deadline) {
  std::string request = method + " " + path + " HTTP/1.1\r\nHost: " + host +
                        "\r\nConnection: close\r\nAccept: application/json\r\nContent-Length: " + std::to_string(body.size());
  if (!body.empty()) request += "\r\nContent-Type: application/json";
  if (const char* key = environment("HEARTH_API_KEY")) {
    if (std::strpbrk(key, "\r\n") != nullptr) return Error{ErrorCode::kInvalidArgument, "HEARTH_API_KEY must be one line"};
    request += std::string("\r\nAuthorization: Bearer ") + key;
  }
  request += "\r\n\r\n" + body;
  return send_all(socket, request, deadline);
}

Result<HttpAnswer> receive_answer(int socket, Deadline deadline) { return parse_http_answer(TRY(receive_all(socket, deadline))); }

Result<std::string> server_address() {
  for (const char* name : {"HEARTH_HOST", "OLLAMA_HOST"}) {
    const char* value = environment(name);
    if (value == nullptr) continue;
    return std::string(value).starts_with("unix:") ? Result<std::string>(value) : address_of_host(value);
  }
  if (const Result<RunningServer> running = find_running_server(); running.ok()) return "unix:" + running->socket;
  return address_of_host("");
}

Result<HttpAnswer> http_request(const std::string& address, const std::string& method, const std::string& path,
                                const std::string& body, std::chrono::seconds limit) {
  const Deadline deadline = std::chrono::steady_clock::now() + limit;
  const Target target = split(address);
  const FileDescriptor socket =
      target.socket.empty() ? TRY(connect_tcp(address, target, deadline)) : TRY(connect_unix_socket(target.socket));
  const bool bracket = target.host.find(':') != std::string::npos;
  const std::string host = (bracket ? "[" + target.host + "]" : target.host) + (target.port.empty() ? "" : ":" + target.port);
  TRY(send_request(socket.get(), host, method, path, body, deadline));
  return receive_answer(socket.get(), deadline);
}

Result<json> ask_server(const std::string& address, const std::string& method, const std::string& path, const json& body,
                        std::chrono::seconds limit) {
  const std::string text = body.is_null() ? "" : body.dump(-1, ' ', false, json::error_handler_t::replace);
  const HttpAnswer answer = TRY(http_request(address, method, path, text, limit));
  const json parsed = json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
  if (answer.status < 300) {
    if (parsed.is_discarded()) return Error{ErrorCode::kCorrupt, "what answers at " + printable(address) + " does not speak JSON"};
    return parsed;
  }
  std::string reason = "status " + std::to_string(answer.status);
  if (parsed.is_object() && parsed.contains("error")) {
    const json& error = parsed["error"];
    if (error.is_string()) reason = error.get<std::string>();
    if (error.is_object() && error.contains("message") && error["message"].is_string()) reason = error["message"].get<std::string>();
  }
  const ErrorCode code = answer.status == 404 ? ErrorCode::kNotFound : answer.status < 500 ? ErrorCode::kPermission : ErrorCode::kIo;
  return Error{code, printable(reason, 2000)};
}

}  // namespace hearth::cli
