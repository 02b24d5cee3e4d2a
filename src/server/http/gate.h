// Who may ask: Host, Origin and key of a request, judged before its body is read and before any route sees it.
//
// Contract: pure; the same for every method and path, except that a browser's preflight, `GET /` and the health routes
// need no key. Host: loopback names and addresses, the addresses listened on, GateOptions::host_names; this is what
// keeps a web page that rebinds its own name to 127.0.0.1 out. Origin, where sent: our own, known local applications,
// GateOptions::origins; any other, and `null`, is refused whatever it asks.
// Not here: sizes and syntax (request_parser.h), what a scope allows (server/routes.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/http/message.h"
#include "server/http/request_parser.h"
#include "server/http/server.h"

namespace hearth::server {

// What the gate knows of a connection.
struct GateContext {
  std::string local_address;                  // "127.0.0.1", "::1"; empty for a unix socket
  std::vector<std::string> listen_addresses;  // without ports
  std::vector<uint16_t> listen_ports;
  bool unix_socket = false;     // only the user who runs the server can open it: no key is asked for
  std::string connection_name;  // the owner where no key says who it is
};

struct GateDecision {
  int status = 0;          // 0: goes on to the routes; 204: a preflight, answered; else an error
  std::string message;     // of an error
  Headers answer_headers;  // of this decision
  Headers every_answer;    // of any answer to this request: what lets an allowed origin read it
  Scope scope = Scope::kInfer;
  std::string owner;
};

GateDecision decide(const GateOptions& options, const GateContext& context, const RequestHead& head,
                    const Target& target);

// The parts of decide().
bool host_allowed(const GateOptions& options, const GateContext& context, std::string_view host);
bool origin_allowed(const GateOptions& options, const GateContext& context, std::string_view origin,
                    std::string_view host);
// `pattern` is exact or has one * that stands for any host letters ("https://*.example.org",
// "http://localhost:*"); "*" alone is every origin.
bool origin_matches(std::string_view pattern, std::string_view origin);

// "host", "host:80", "[::1]:80" in their parts, the host in lower case and without brackets; false if it is none of
// these.
bool split_host(std::string_view text, std::string* host, std::string* port);
bool is_loopback_address(std::string_view address);  // 127/8 or ::1, written as an address

std::string sha256_hex(std::string_view bytes);

// The body of an error that every client can read: {"error":{"code":...,"message":...,"type":...}}.
std::string error_body(int status, std::string_view message);

}  // namespace hearth::server
