// The gate: every host, origin and key against every kind of route.
#include "server/http/gate.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace hearth::server {
namespace {

GateContext loopback_context() {
  GateContext context;
  context.local_address = "127.0.0.1";
  context.listen_addresses = {"127.0.0.1", "192.0.2.7"};
  context.listen_ports = {11434, 8080};
  context.connection_name = "connection 7";
  return context;
}

struct Sent {
  std::string method = "GET";
  std::string target = "/api/tags";
  Headers headers = {{"host", "localhost:11434"}};
  int version = 11;
};

GateDecision judge(const Sent& sent, const GateOptions& options = {}, const GateContext& context = loopback_context()) {
  RequestHead head;
  head.method = sent.method;
  head.target = sent.target;
  head.version = sent.version;
  head.headers = sent.headers;
  auto target = parse_target(sent.method, sent.target);
  EXPECT_TRUE(target.ok()) << sent.target;
  return decide(options, context, head, *target);
}

std::string field(const GateDecision& decision, std::string_view name) {
  for (const Headers* headers : {&decision.answer_headers, &decision.every_answer}) {
    for (const auto& [key, value] : *headers) {
      if (key == name) return value;
    }
  }
  return "";
}

bool has_cors(const GateDecision& decision) {
  for (const Headers* headers : {&decision.answer_headers, &decision.every_answer}) {
    for (const auto& [key, value] : *headers) {
      if (key.starts_with("access-control-")) return true;
    }
  }
  return false;
}

const std::pair<const char*, const char*> kRoutes[] = {{"GET", "/"},
                                                       {"GET", "/health"},
                                                       {"GET", "/api/tags"},
                                                       {"HEAD", "/"},
                                                       {"GET", "/v1/models"},
                                                       {"POST", "/api/chat"},
                                                       {"DELETE", "/api/delete"},
                                                       {"OPTIONS", "/"},
                                                       {"PUT", "/nothing"},
                                                       {"POST", "/v1/chat/completions"}};

TEST(Gate, HostsThatAreOurs) {
  const char* const kHosts[] = {
      "localhost",       "localhost:11434", "LOCALHOST:1", "localhost:",    "127.0.0.1",
      "127.0.0.1:11434", "127.8.9.10:80",   "[::1]",       "[::1]:11434",   "0.0.0.0",
      "0.0.0.0:11434",   "192.0.2.7:11434", "my-box.lan",  "My-Box.lan:99", "[0:0:0:0:0:0:0:1]"};
  GateOptions options;
  options.host_names = {"my-box.lan"};
  for (const char* host : kHosts) {
    for (const auto& [method, target] : kRoutes) {
      const int status = judge({method, target, {{"host", host}}}, options).status;
      EXPECT_EQ(status, std::string_view(method) == "OPTIONS" ? 204 : 0) << host << ' ' << method << ' ' << target;
    }
  }
}

TEST(Gate, HostsThatAreForeign) {
  const char* const kHosts[] = {"example.org",
                                "localhost.example.org",
                                "127.0.0.1.example.org",
                                "evil.localhost",
                                "localhost.",
                                "127.1",
                                "0x7f.0.0.1",
                                "2130706433",
                                "017700000001",
                                "128.0.0.1",
                                "[::2]",
                                "[::ffff:127.0.0.1]",
                                "[::1",
                                "::1",
                                "192.0.2.8",
                                "localhost:99999x",
                                "localhost:-1",
                                "localhost@example.org",
                                "a b",
                                "",
                                ":11434",
                                "user@localhost",
                                "localhost/evil",
                                "my-box.lan"};
  for (const char* host : kHosts) {
    for (const auto& [method, target] : kRoutes) {
      const GateDecision decision = judge({method, target, {{"host", host}}});
      EXPECT_EQ(decision.status, 403) << host << ' ' << method << ' ' << target;
      EXPECT_FALSE(has_cors(decision));
    }
  }
}

TEST(Gate, TheAddressThatWasReachedIsOurs) {
  GateContext context = loopback_context();
  context.listen_addresses = {"0.0.0.0"};
  context.local_address = "198.51.100.4";
  EXPECT_EQ(judge({.headers = {{"host", "198.51.100.4:11434"}}}, {}, context).status, 0);
  EXPECT_EQ(judge({.headers = {{"host", "198.51.100.5:11434"}}}, {}, context).status, 403);
}

TEST(Gate, MissingHosts) {
  for (const auto& [method, target] : kRoutes) {
    EXPECT_EQ(judge({method, target, {}}).status, 400);
    EXPECT_EQ(judge({method, target, {}, 10}).status, std::string_view(method) == "OPTIONS" ? 204 : 0);
  }
}

TEST(Gate, BothHostsOfAUrlAreJudged) {
  EXPECT_EQ(judge({.target = "http://127.0.0.1:11434/api/tags"}).status, 0);
  EXPECT_EQ(judge({.target = "http://example.org/api/tags"}).status, 403);
  EXPECT_EQ(judge({.target = "http://localhost/api/tags", .headers = {{"host", "example.org"}}}).status, 403);
}

TEST(Gate, OriginsThatAreOurs) {
  GateOptions options;
  options.origins = {"https://chat.example.org", "https://*.example.com", "http://localhost:*"};
  const char* const kOrigins[] = {"http://localhost:11434",   "http://127.0.0.1:11434",  "http://127.0.0.1:8080",
                                  "http://[::1]:11434",       "app://obsidian.md",       "capacitor://localhost",
                                  "http://localhost",         "https://localhost",       "vscode-webview://0a1b2c3d4e",
                                  "https://chat.example.org", "https://a.b.example.com", "http://localhost:3000"};
  for (const char* origin : kOrigins) {
    for (const auto& [method, target] : kRoutes) {
      const GateDecision decision = judge({method, target, {{"host", "localhost:11434"}, {"origin", origin}}}, options);
      EXPECT_EQ(decision.status, std::string_view(method) == "OPTIONS" ? 204 : 0)
          << origin << ' ' << method << ' ' << target;
      EXPECT_EQ(field(decision, "access-control-allow-origin"), origin);
      EXPECT_EQ(field(decision, "vary"), "Origin");
      EXPECT_EQ(field(decision, "access-control-allow-credentials"), "");
    }
  }
}

TEST(Gate, OriginsThatAreForeign) {
  GateOptions options;
  options.origins = {"https://*.example.com", "https://chat.example.org", "http://10.0.0.1:*"};
  const char* const kOrigins[] = {"null",
                                  "",
                                  "http://example.org",
                                  "https://evil.example",
                                  "http://localhost:3000",
                                  "https://localhost:3000",
                                  "http://localhost.evil.example",
                                  "http://127.0.0.1:3000",
                                  "https://localhost:11434",
                                  "app://obsidian.md.evil",
                                  "app://obsidian",
                                  "capacitor://localhost:80",
                                  "vscode-webview://",
                                  "vscode-webview://a/b",
                                  "vscode-webviewer://a",
                                  "https://example.com",
                                  "https://evil.org/.example.com",
                                  "https://evil.org:1.example.com:2",
                                  "https://chat.example.org.evil",
                                  "http://chat.example.org",
                                  "http://10.0.0.1",
                                  "file://",
                                  "http://localhost:11434/",
                                  "HTTP://LOCALHOST:11434x",
                                  "http://localhost:11434 http://evil.example"};
  for (const char* origin : kOrigins) {
    for (const auto& [method, target] : kRoutes) {
      const GateDecision decision = judge({method, target, {{"host", "localhost:11434"}, {"origin", origin}}}, options);
      EXPECT_EQ(decision.status, 403) << origin << ' ' << method << ' ' << target;
      EXPECT_FALSE(has_cors(decision)) << origin;
    }
  }
}

TEST(Gate, EveryOriginIfThatIsWhatTheUserSays) {
  GateOptions options;
  options.origins = {"*"};
  const auto with = [&](const char* origin) {
    return judge({.headers = {{"host", "localhost"}, {"origin", origin}}}, options);
  };
  EXPECT_EQ(field(with("https://any.example:1"), "access-control-allow-origin"), "https://any.example:1");
  EXPECT_EQ(with("null").status, 403);
}

TEST(Gate, APageOfAnotherPortOfThisMachineIsForeign) {
  GateContext context = loopback_context();
  context.listen_ports = {80};
  const auto with = [&](const char* host, const char* origin) {
    return judge({.headers = {{"host", host}, {"origin", origin}}}, {}, context).status;
  };
  EXPECT_EQ(with("127.0.0.1", "http://127.0.0.1"), 0);
  EXPECT_EQ(with("127.0.0.1:80", "http://127.0.0.1"), 0);
  EXPECT_EQ(with("127.0.0.1", "http://127.0.0.1:81"), 403);
  EXPECT_EQ(with("127.0.0.1:9999", "http://127.0.0.1:9999"), 0) << "through a forwarded port";
}

TEST(Gate, PreflightsEchoWhatTheyAskFor) {
  const Sent sent{"OPTIONS",
                  "/v1/chat/completions",
                  {{"host", "localhost:11434"},
                   {"origin", "app://obsidian.md"},
                   {"access-control-request-method", "POST"},
                   {"access-control-request-headers", "authorization,x-stainless-os, x-stainless-poll-helper"},
                   {"access-control-request-private-network", "true"}}};
  GateOptions options;
  options.keys = {{"me", sha256_hex("secret"), Scope::kInfer}};
  const GateDecision decision = judge(sent, options);
  EXPECT_EQ(decision.status, 204) << "a preflight carries no key";
  EXPECT_EQ(field(decision, "access-control-allow-origin"), "app://obsidian.md");
  EXPECT_EQ(field(decision, "access-control-allow-methods"), "POST");
  EXPECT_EQ(field(decision, "access-control-allow-headers"), "authorization,x-stainless-os, x-stainless-poll-helper");
  EXPECT_EQ(field(decision, "access-control-allow-private-network"), "");

  Sent bad = sent;
  bad.headers[3].second = "a: b";
  EXPECT_EQ(judge(bad, options).status, 400);
}

TEST(Gate, Keys) {
  GateOptions options;
  options.keys = {{"reader", sha256_hex("one"), Scope::kInfer}, {"boss", sha256_hex("two"), Scope::kManage}};
  const auto with = [&](const char* name, const char* value) {
    return judge({"POST", "/api/chat", {{"host", "localhost"}, {name, value}}}, options);
  };
  for (const auto& [name, value] : {std::pair{"authorization", "Bearer one"},
                                    {"authorization", "bearer   one"},
                                    {"x-api-key", "one"},
                                    {"api-key", "one"}}) {
    const GateDecision decision = with(name, value);
    EXPECT_EQ(decision.status, 0) << name << ": " << value;
    EXPECT_EQ(decision.owner, "reader");
    EXPECT_EQ(decision.scope, Scope::kInfer);
  }
  EXPECT_EQ(with("x-api-key", "two").scope, Scope::kManage);
  EXPECT_EQ(with("x-api-key", "two").owner, "boss");
  const std::string hash = sha256_hex("one");
  for (const auto& [name, value] : {std::pair{"authorization", "Bearer three"},
                                    {"authorization", "Basic one"},
                                    {"authorization", "one"},
                                    {"authorization", "Bearer"},
                                    {"authorization", "Bearer one two"},
                                    {"x-api-key", ""},
                                    {"x-api-key", "One"},
                                    {"api-key", "on"},
                                    {"api-key", "one "},
                                    {"x-other", "one"},
                                    {"x-api-key", hash.c_str()}}) {
    const GateDecision decision = with(name, value);
    EXPECT_EQ(decision.status, 401) << name << ": " << value;
    EXPECT_EQ(field(decision, "www-authenticate"), "Bearer realm=\"hearth\"");
  }
}

TEST(Gate, RoutesThatNeedNoKey) {
  GateOptions options;
  options.keys = {{"reader", sha256_hex("one"), Scope::kInfer}};
  const auto status = [&](const char* method, const char* target) { return judge({method, target}, options).status; };
  for (const char* target : {"/", "/health", "/v1/health"}) {
    EXPECT_EQ(status("GET", target), 0) << target;
    EXPECT_EQ(status("HEAD", target), 0) << target;
    EXPECT_EQ(status("POST", target), 401) << target;
    EXPECT_EQ(status("DELETE", target), 401) << target;
  }
  EXPECT_EQ(status("OPTIONS", "/api/chat"), 204);
  for (const char* target :
       {"/health/", "/Health", "//health", "/v1/health/x", "/metrics", "/slots", "/api/version", "/v1/models"}) {
    EXPECT_EQ(status("GET", target), 401) << target;
  }
}

TEST(Gate, WithoutKeysEveryTokenIsFine) {
  const GateDecision decision =
      judge({"POST", "/api/chat", {{"host", "localhost"}, {"authorization", "Bearer sk-anything"}}});
  EXPECT_EQ(decision.status, 0);
  EXPECT_EQ(decision.scope, Scope::kManage);
  EXPECT_EQ(decision.owner, "connection 7");
}

TEST(Gate, AUnixSocketNeedsNoKey) {
  GateOptions options;
  options.keys = {{"reader", sha256_hex("one"), Scope::kInfer}};
  GateContext context = loopback_context();
  context.unix_socket = true;
  EXPECT_EQ(judge({"POST", "/api/chat"}, options, context).status, 0);
  EXPECT_EQ(judge({"POST", "/api/chat"}, options, context).scope, Scope::kManage);
  EXPECT_EQ(judge({"POST", "/api/chat", {{"host", "example.org"}}}, options, context).status, 403);
}

TEST(Gate, HashesAsEverybodyElse) {  // FIPS 180-4, and the empty string
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Gate, ErrorsAreJsonWhateverTheySay) {
  const auto body = nlohmann::json::parse(error_body(403, "a \"quoted\" \xff name\n"));
  EXPECT_EQ(body["error"]["code"], 403);
  EXPECT_EQ(body["error"]["type"], "permission_error");
  EXPECT_EQ(body["error"]["message"], "a \"quoted\" \xEF\xBF\xBD name\n");
}

}  // namespace
}  // namespace hearth::server
