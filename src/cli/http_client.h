// A small HTTP/1.1 client for talking to a server of ours: one request, one answer, whole.
//
// Contract: connects to loopback, to the address of HEARTH_HOST or OLLAMA_HOST, or to a unix socket; nothing else is asked or
// followed. Answers are bounded (kMaxAnswerBytes), waiting is, too. A key in HEARTH_API_KEY is shown to the server.
// Not here: TLS, redirects, proxies.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include "hearth/error.h"
#include "nlohmann/json_fwd.hpp"

namespace hearth::cli {

inline constexpr size_t kMaxAnswerBytes = 64 << 20;

struct HttpAnswer {
  int status = 0;
  std::string body;
};

// "ADDR:PORT" of the server that the environment names, else of the default one.
Result<std::string> server_address();

// `address`: "127.0.0.1:11434", "[::1]:8080", "unix:/run/hearth.sock". Error kNotFound: nobody listens there.
Result<HttpAnswer> http_request(const std::string& address, const std::string& method, const std::string& path,
                                const std::string& body, std::chrono::seconds limit);

// The same for JSON: what the server answered, or its error in words.
Result<nlohmann::ordered_json> ask_server(const std::string& address, const std::string& method, const std::string& path,
                                          const nlohmann::ordered_json& body, std::chrono::seconds limit);

// The answer's head and body out of what came over the wire; an error if it is no answer, or not complete.
Result<HttpAnswer> parse_http_answer(const std::string& bytes);

}  // namespace hearth::cli
