// A small HTTP/1.1 client for talking to a server of ours: one request, one answer, whole.
//
// Contract: connects to loopback, to the address of HEARTH_HOST or OLLAMA_HOST, or to a unix socket; nothing else is asked or
// followed. Answers are bounded (kMaxAnswerBytes), waiting is, too. A key in HEARTH_API_KEY is shown to the server.
// Not here: TLS, redirects, proxies.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "base/os_error.h"
#include "hearth/error.h"
#include "nlohmann/json_fwd.hpp"

namespace hearth::cli {

inline constexpr size_t kMaxAnswerBytes = 64 << 20;

struct HttpAnswer {
  int status = 0;
  std::string body;
};

// The server that the environment names, else the running one of this HEARTH_HOME ("unix:..."), else the default address.
Result<std::string> server_address();

using Deadline = std::chrono::steady_clock::time_point;

// The parts of a request, for those who read its answer themselves. kNotFound: nobody listens there.
Result<FileDescriptor> connect_unix_socket(const std::string& path);
// `host`: as the Host header has it. The server closes the connection after its answer.
Result<void> send_request(int socket, const std::string& host, const std::string& method, const std::string& path,
                          const std::string& body, Deadline deadline);

Result<HttpAnswer> receive_answer(int socket, Deadline deadline);

// `address`: "127.0.0.1:11434", "[::1]:8080", "unix:/run/hearth.sock". Error kNotFound: nobody listens there.
Result<HttpAnswer> http_request(const std::string& address, const std::string& method, const std::string& path,
                                const std::string& body, std::chrono::seconds limit);

// The same for JSON: what the server answered, or its error in words.
Result<nlohmann::ordered_json> ask_server(const std::string& address, const std::string& method, const std::string& path,
                                          const nlohmann::ordered_json& body, std::chrono::seconds limit);

// The answer's head and body out of what came over the wire; an error if it is no answer, or not complete.
Result<HttpAnswer> parse_http_answer(const std::string& bytes);

}  // namespace hearth::cli
