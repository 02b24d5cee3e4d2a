// The gate's rules.
//
// Contract: see gate.h. Names are compared in lower case and whole; addresses are parsed, never matched as text. Keys
// are compared as SHA-256, all of them, in constant time. Not here: reading requests, sending answers.
#include "server/http/gate.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "base/utf8.h"

namespace hearth::server {
namespace {

constexpr std::string_view kDefaultOrigins[] = {"app://obsidian.md", "capacitor://localhost", "http://localhost",
                                                "https://localhost"};
constexpr std::string_view kMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

bool is_port(std::string_view text) {
  if (text.size() > 5) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

bool is_host_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

bool is_token_list(std::string_view text) {  // of header names or a method
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("!#$%&'*+-.^_`|~, \t").find(c) != std::string_view::npos;
  });
}

// An address in its one written form, so that "::1" and "0:0::1" are equal; empty if it is none.
std::string canonical_address(std::string_view text) {
  const std::string copy(text);
  std::array<unsigned char, 16> bytes{};
  std::array<char, INET6_ADDRSTRLEN> written{};
  for (const int family : {AF_INET, AF_INET6}) {
    if (inet_pton(family, copy.c_str(), bytes.data()) != 1) continue;
    if (inet_ntop(family, bytes.data(), written.data(), written.size()) != nullptr) return written.data();
  }
  return {};
}

struct KeyMatch {
  const ApiKey* key = nullptr;
  bool sent = false;
};

KeyMatch find_key(const GateOptions& options, const RequestHead& head) {
  std::vector<std::string_view> tokens;
  if (const auto authorization = head.header("authorization")) {
    const size_t space = std::min(authorization->find(' '), authorization->size());
    if (lower_case(authorization->substr(0, space)) == "bearer") {
      std::string_view token = authorization->substr(space);
      token.remove_prefix(std::min(token.find_first_not_of(' '), token.size()));
      tokens.push_back(token);
    }
  }
  for (const char* name : {"x-api-key", "api-key"}) {
    if (const auto value = head.header(name)) tokens.push_back(*value);
  }
  KeyMatch match;
  match.sent = !tokens.empty();
  for (const std::string_view token : tokens) {
    const std::string hash = sha256_hex(token);
    for (const ApiKey& key : options.keys) {
      const bool same =
          key.sha256.size() == hash.size() && CRYPTO_memcmp(key.sha256.data(), hash.data(), hash.size()) == 0;
      if (same && match.key == nullptr) match.key = &key;
    }
  }
  return match;
}

bool needs_no_key(const RequestHead& head, const Target& target) {
  if (head.method != "GET" && head.method != "HEAD") return false;
  return target.path == "/" || target.path == "/health" || target.path == "/v1/health";
}

GateDecision refuse(GateDecision decision, int status, std::string message, Headers headers = {}) {
  decision.status = status;
  decision.message = std::move(message);
  decision.answer_headers = std::move(headers);
  return decision;
}

GateDecision answer_options(GateDecision decision, const RequestHead& head) {
  decision.status = 204;
  decision.answer_headers.emplace_back("allow", kMethods);
  const auto method = head.header("access-control-request-method");
  if (!method || !head.header("origin")) return decision;
  const std::string_view names = head.header("access-control-request-headers").value_or("");
  if (!is_token_list(*method) || method->empty() || !is_token_list(names)) {
    return refuse(std::move(decision), 400, "The preflight asks for a method or for headers whose names are none.");
  }
  decision.answer_headers.emplace_back("access-control-allow-methods", *method);
  if (!names.empty()) decision.answer_headers.emplace_back("access-control-allow-headers", names);
  decision.answer_headers.emplace_back("access-control-max-age", "600");
  return decision;
}

GateDecision refuse_host(GateDecision decision, std::string_view host) {
  return refuse(
      std::move(decision), 403,
      "The host name \"" + printable(host) +
          "\" is not one of this server's. Use localhost, or start the server with --host-name and that name.");
}

}  // namespace

std::string sha256_hex(std::string_view bytes) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
  std::string hex;
  for (const unsigned char byte : digest) {
    hex.push_back("0123456789abcdef"[byte >> 4]);
    hex.push_back("0123456789abcdef"[byte & 15]);
  }
  return hex;
}

bool split_host(std::string_view text, std::string* host, std::string* port) {
  port->clear();
  if (text.starts_with('[')) {
    const size_t end = text.find(']');
    if (end == std::string_view::npos) return false;
    *host = canonical_address(text.substr(1, end - 1));
    if (host->find(':') == std::string::npos) return false;
    text.remove_prefix(end + 1);
  } else {
    const size_t end = std::min(text.find(':'), text.size());
    *host = lower_case(text.substr(0, end));
    if (host->empty() || !std::all_of(host->begin(), host->end(), is_host_letter)) return false;
    text.remove_prefix(end);
  }
  if (text.empty()) return true;
  if (text.front() != ':' || !is_port(text.substr(1))) return false;
  *port = text.substr(1);
  return true;
}

bool is_loopback_address(std::string_view address) {
  const std::string canonical = canonical_address(address);
  return canonical == "::1" || (canonical.starts_with("127.") && canonical.find(':') == std::string::npos);
}

bool host_allowed(const GateOptions& options, const GateContext& context, std::string_view text) {
  std::string host;
  std::string port;
  if (!split_host(text, &host, &port)) return false;
  if (host == "localhost" || host == "0.0.0.0" || is_loopback_address(host)) return true;
  // An address cannot be rebound as a name can: the one that the client reached is ours.
  if (!context.local_address.empty() && host == canonical_address(context.local_address)) return true;
  for (const std::string& address : context.listen_addresses) {
    if (host == canonical_address(address)) return true;
  }
  return std::any_of(options.host_names.begin(), options.host_names.end(), [&](const std::string& name) {
    std::string name_host;
    std::string name_port;
    return split_host(name, &name_host, &name_port) && name_host == host;
  });
}

bool origin_matches(std::string_view pattern, std::string_view origin) {
  if (pattern == "*") return true;
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == origin;
  const std::string_view before = pattern.substr(0, star);
  const std::string_view after = pattern.substr(star + 1);
  if (origin.size() < before.size() + after.size() || !origin.starts_with(before) || !origin.ends_with(after))
    return false;
  const std::string_view middle = origin.substr(before.size(), origin.size() - before.size() - after.size());
  return !middle.empty() && std::all_of(middle.begin(), middle.end(), is_host_letter);
}

bool origin_allowed(const GateOptions& options, const GateContext& context, std::string_view origin,
                    std::string_view host) {
  for (const std::string_view allowed : kDefaultOrigins) {
    if (origin == allowed) return true;
  }
  if (origin_matches("vscode-webview://*", origin)) return true;
  if (origin != "null") {
    for (const std::string& pattern : options.origins) {
      if (origin_matches(pattern, origin)) return true;
    }
  }
  constexpr std::string_view kHttp = "http://";
  if (!origin.starts_with(kHttp)) return false;
  std::string origin_host;
  std::string origin_port;
  if (!split_host(origin.substr(kHttp.size()), &origin_host, &origin_port)) return false;
  std::string own_host;
  std::string own_port;
  if (split_host(host, &own_host, &own_port) && own_host == origin_host &&
      (own_port.empty() ? "80" : own_port) == (origin_port.empty() ? "80" : origin_port)) {
    return true;  // a page that this server gave; that `host` is ours has been checked
  }
  const bool own_port_listens =
      std::any_of(context.listen_ports.begin(), context.listen_ports.end(),
                  [&](uint16_t port) { return std::to_string(port) == (origin_port.empty() ? "80" : origin_port); });
  return own_port_listens && host_allowed(options, context, origin.substr(kHttp.size()));
}

GateDecision decide(const GateOptions& options, const GateContext& context, const RequestHead& head,
                    const Target& target) {
  GateDecision decision;
  decision.every_answer.emplace_back("vary", "Origin");
  decision.owner = context.connection_name;

  const auto host = head.header("host");
  if (!host && head.version >= 11)
    return refuse(std::move(decision), 400, "HTTP/1.1 asks for a Host header, and there is none.");
  if (host && !host_allowed(options, context, *host)) return refuse_host(std::move(decision), *host);
  if (!target.authority.empty() && !host_allowed(options, context, target.authority)) {
    return refuse_host(std::move(decision), target.authority);
  }
  if (const auto origin = head.header("origin")) {
    if (!origin_allowed(options, context, *origin, host.value_or(""))) {
      return refuse(std::move(decision), 403,
                    "Pages of the origin \"" + printable(*origin) +
                        "\" may not use this server. To allow them, start it with --origins and that origin.");
    }
    decision.every_answer.emplace_back("access-control-allow-origin", *origin);
    decision.every_answer.emplace_back("access-control-expose-headers", "x-request-id, retry-after");
  }
  if (head.method == "OPTIONS") return answer_options(std::move(decision), head);

  decision.scope = Scope::kManage;
  if (options.keys.empty() || context.unix_socket) return decision;
  const KeyMatch match = find_key(options, head);
  if (match.key != nullptr) {
    decision.scope = match.key->scope;
    decision.owner = match.key->name;
    return decision;
  }
  decision.scope = Scope::kInfer;
  if (needs_no_key(head, target)) return decision;
  return refuse(
      std::move(decision), 401,
      match.sent
          ? "This key is not one of the server's. Send a valid one as \"Authorization: Bearer KEY\" or as x-api-key."
          : "This server asks for a key: send it as \"Authorization: Bearer KEY\" or as x-api-key.",
      {{"www-authenticate", "Bearer realm=\"hearth\""}});
}

static std::string_view error_type(int status) {
  switch (status) {
    case 401:
      return "authentication_error";
    case 403:
      return "permission_error";
    case 404:
      return "not_found_error";
    case 408:
      return "timeout_error";
    case 413:
      return "request_too_large";
    case 503:
      return "unavailable_error";
    case 501:
      return "not_supported_error";
    default:
      return status >= 500 ? "server_error" : "invalid_request_error";
  }
}

std::string error_body(int status, std::string_view message) {
  nlohmann::ordered_json body;
  body["error"] = {{"code", status}, {"message", message}, {"type", error_type(status)}};
  return body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace hearth::server
