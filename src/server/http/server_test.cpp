// The server over real sockets: what a well-behaved client and a badly made request see.
#include "server/http/server.h"

#include <sys/stat.h>

#include <atomic>
#include <condition_variable>
#include <filesystem>
#include <mutex>
#include <thread>

#include "server/http/gate.h"
#include "server/http/test_client.h"

namespace hearth::server {
namespace {

constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n";

void echo(Request request, std::shared_ptr<Responder> responder) {
  responder->send(200, "text/plain", request.method + " " + request.path + " " + request.body);
}

TEST(HttpServer, Answers) {
  const auto server = start_server({}, echo);
  TestClient client(port_of(*server));
  client.send("POST /a%20b?c HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
  const std::string answer = client.read_answer();
  EXPECT_EQ(status_of(answer), 200);
  EXPECT_EQ(body_of(answer), "POST /a b hello");
  EXPECT_NE(answer.find("\r\nx-request-id: req-"), std::string::npos);
  EXPECT_NE(answer.find("\r\nconnection: keep-alive\r\n"), std::string::npos);
}

TEST(HttpServer, AnswersAtEverySplitOfARequest) {
  const auto server = start_server({}, echo);
  TestClient client(port_of(*server));
  const std::string request =
      "POST /p HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
  for (size_t cut = 1; cut < request.size(); ++cut) {
    ASSERT_TRUE(client.send(request.substr(0, cut)));
    std::this_thread::sleep_for(std::chrono::microseconds(300));
    ASSERT_TRUE(client.send(request.substr(cut)));
    ASSERT_EQ(body_of(client.read_answer()), "POST /p hello") << cut;
  }
}

TEST(HttpServer, AnswersPipelinedRequestsInOrder) {
  const auto server = start_server({}, [](Request request, std::shared_ptr<Responder> responder) {
    if (request.path == "/1") std::this_thread::sleep_for(std::chrono::milliseconds(20));
    echo(std::move(request), std::move(responder));
  });
  TestClient client(port_of(*server));
  std::string requests;
  for (int i = 1; i <= 50; ++i) {
    requests += "POST /" + std::to_string(i) + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\n" +
                std::to_string(i % 10);
  }
  client.send(requests);
  for (int i = 1; i <= 50; ++i) {
    EXPECT_EQ(body_of(client.read_answer()), "POST /" + std::to_string(i) + " " + std::to_string(i % 10));
  }
}

TEST(HttpServer, HeadHasNoBody) {
  const auto server = start_server({}, echo);
  TestClient client(port_of(*server));
  client.send("HEAD /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const std::string answer = client.read_until("\r\n\r\n");
  EXPECT_NE(answer.find("content-length: 8\r\n"), std::string::npos) << answer;
  client.send(kGet);
  EXPECT_TRUE(client.read_until("\r\n\r\n").starts_with("HTTP/1.1 200 OK\r\n"))
      << "the next answer follows the head at once";
}

TEST(HttpServer, ClosesWhenItShould) {
  const auto server = start_server({}, echo);
  for (const char* request :
       {"GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", "GET /x HTTP/1.0\r\n\r\n"}) {
    TestClient client(port_of(*server));
    client.send(request);
    EXPECT_EQ(body_of(client.read_to_end()), "GET /x ") << request;
  }
  TestClient client(port_of(*server));
  for (int i = 0; i < 2; ++i) {
    client.send("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_EQ(body_of(client.read_answer()), "GET /x ");
  }
}

TEST(HttpServer, AnswersAClientThatEndsItsHalf) {
  const auto server = start_server({}, echo);
  // Only an answer that is quick is given; on a busy machine this one may be late now and then.
  std::string answer;
  for (int i = 0; i < 100 && answer.empty(); ++i) {
    TestClient client(port_of(*server));
    client.send(kGet);
    client.end_sending();
    answer = client.read_to_end();
  }
  EXPECT_EQ(body_of(answer), "GET /x ");
}

TEST(HttpServer, SaysContinueWhenItWantsTheBody) {
  const auto server = start_server({}, echo);
  TestClient client(port_of(*server));
  client.send("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  EXPECT_EQ(body_of(client.read_answer()), "POST /x hello");

  TestClient foreign(port_of(*server));
  foreign.send("POST /x HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(status_of(foreign.read_to_end()), 403) << "nobody waits for a body that is refused";

  TestClient strange(port_of(*server));
  strange.send("GET /x HTTP/1.1\r\nHost: localhost\r\nExpect: the-unexpected\r\n\r\n");
  EXPECT_EQ(status_of(strange.read_answer()), 417);
}

TEST(HttpServer, AcceptsUrlsAsTargets) {
  const auto server = start_server({}, echo);
  TestClient client(port_of(*server));
  client.send("GET http://localhost/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(body_of(client.read_answer()), "GET /x ");
  client.send("GET http://example.org/x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(status_of(client.read_answer()), 403);
}

TEST(HttpServer, NothingForeignReachesAHandler) {
  std::atomic<int> handled{0};
  HttpOptions options;
  options.gate.keys = {{"reader", sha256_hex("one"), Scope::kInfer}};
  const auto server = start_server(options, [&](Request request, std::shared_ptr<Responder> responder) {
    ++handled;
    echo(std::move(request), std::move(responder));
  });
  const std::pair<const char*, int> kRequests[] = {
      {"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: null\r\n\r\n", 403},
      {"POST /a HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Length: 2\r\n\r\n{}", 403},
      {"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}", 401},
      {"GET /../etc/passwd HTTP/1.1\r\nHost: localhost\r\nx-api-key: one\r\n\r\n", 400},
      {"GET /%00 HTTP/1.1\r\nHost: localhost\r\nx-api-key: one\r\n\r\n", 400},
      {"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST /a HTTP/1.1\r\nHost: localhost\r\nx-api-key: one\r\nContent-Length: 99999999999\r\n\r\n", 413},
      {"CONNECT example.org:80 HTTP/1.1\r\nHost: localhost\r\nx-api-key: one\r\n\r\n", 400},
      {"GET / HTTP/3.0\r\nHost: localhost\r\n\r\n", 505},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", 400},
  };
  for (const auto& [request, status] : kRequests) {
    TestClient client(port_of(*server));
    client.send(request);
    client.end_sending();
    const std::string answer = client.read_to_end();
    EXPECT_EQ(status_of(answer), status) << request << answer;
    EXPECT_NE(body_of(answer).find("{\"error\":{\"code\":" + std::to_string(status)), std::string::npos) << answer;
    EXPECT_EQ(answer.find("HTTP/1.1 200"), std::string::npos);
  }
  EXPECT_EQ(handled.load(), 0);
  TestClient client(port_of(*server));
  client.send("GET /a HTTP/1.1\r\nHost: localhost\r\nx-api-key: one\r\n\r\n");
  EXPECT_EQ(status_of(client.read_answer()), 200);
}

TEST(HttpServer, ARefusedBodyIsNeverTheNextRequest) {
  const auto server = start_server({}, echo);
  TestClient client(port_of(*server));
  const std::string hidden = "GET /hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";
  client.send("POST /a HTTP/1.1\r\nHost: evil.example\r\nContent-Length: " + std::to_string(hidden.size()) +
              "\r\n\r\n" + hidden);
  const std::string answer = client.read_to_end();
  EXPECT_EQ(status_of(answer), 403);
  EXPECT_EQ(answer.find("/hidden"), std::string::npos);
}

TEST(HttpServer, ARefusalWithoutABodyKeepsTheConnection) {
  const auto server = start_server({}, echo);
  TestClient client(port_of(*server));
  client.send("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
  EXPECT_EQ(status_of(client.read_answer()), 403);
  client.send(kGet);
  EXPECT_EQ(status_of(client.read_answer()), 200);
}

TEST(HttpServer, AllowedOriginsMayReadEveryAnswer) {
  const auto server = start_server({}, echo);
  TestClient client(port_of(*server));
  client.send("GET /x HTTP/1.1\r\nHost: localhost\r\nOrigin: app://obsidian.md\r\n\r\n");
  EXPECT_NE(client.read_answer().find("\r\naccess-control-allow-origin: app://obsidian.md\r\n"), std::string::npos);
  client.send(
      "POST /x HTTP/1.1\r\nHost: localhost\r\nOrigin: app://obsidian.md\r\nContent-Length: 99999999999\r\n\r\n");
  const std::string refused = client.read_to_end();
  EXPECT_EQ(status_of(refused), 413);
  EXPECT_NE(refused.find("\r\naccess-control-allow-origin: app://obsidian.md\r\n"), std::string::npos);
}

TEST(HttpServer, ListensOnManyAddresses) {
  const std::string path = testing::TempDir() + "hearth_http_" + std::to_string(getpid()) + ".sock";
  HttpOptions options;
  options.listen = {"127.0.0.1:0", "localhost:0", "unix:" + path};
  options.gate.keys = {{"reader", sha256_hex("one"), Scope::kInfer}};
  {
    const auto server = start_server(options, echo);
    ASSERT_EQ(server->addresses().size(), 3u);
    EXPECT_EQ(server->addresses()[2], "unix:" + path);
    struct stat status {};
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0600u);
    TestClient client(path);
    client.send(kGet);
    EXPECT_EQ(body_of(client.read_answer()), "GET /x ") << "no key is asked for";
    EXPECT_FALSE(HttpServer::start(options, echo).ok()) << "a living server keeps its path";
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(HttpServer, TakesThePathOfADeadServer) {
  const std::string path = testing::TempDir() + "hearth_dead_" + std::to_string(getpid()) + ".sock";
  {
    const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path, path.data(), path.size());
    ASSERT_EQ(bind(dead, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0);
    close(dead);
  }
  HttpOptions options;
  options.listen = {"unix:" + path};
  EXPECT_TRUE(HttpServer::start(options, echo).ok());
  EXPECT_FALSE(std::filesystem::exists(path));

  { std::unique_ptr<FILE, int (*)(FILE*)>(fopen(path.c_str(), "w"), fclose); }
  const auto refused = HttpServer::start(options, echo);
  EXPECT_FALSE(refused.ok()) << "a file that is no socket stays";
  EXPECT_TRUE(std::filesystem::remove(path));
}

TEST(HttpServer, ListensOnIpV6) {
  HttpOptions options;
  options.listen = {"[::1]:0"};
  const auto server = HttpServer::start(options, echo);
  if (!server.ok()) GTEST_SKIP() << "no IPv6 on this machine: " << server.error().message;
  EXPECT_TRUE((*server)->addresses()[0].starts_with("[::1]:"));
}

TEST(HttpServer, NeedsAKeyToListenToTheNetwork) {
  for (const char* address : {"0.0.0.0:0", "[::]:0", "192.0.2.1:0"}) {
    HttpOptions options;
    options.listen = {address};
    const auto server = HttpServer::start(options, echo);
    ASSERT_FALSE(server.ok()) << address;
    EXPECT_NE(server.error().message.find("hearth key"), std::string::npos) << server.error().message;
  }
  HttpOptions options;
  options.listen = {"0.0.0.0:0"};
  options.gate.keys = {{"me", sha256_hex("secret"), Scope::kInfer}};
  EXPECT_TRUE(HttpServer::start(options, echo).ok());
  options.gate.keys[0].sha256 = "secret";
  EXPECT_FALSE(HttpServer::start(options, echo).ok()) << "a key in clear is a mistake";
}

TEST(HttpServer, NamesTheProgramThatHasThePort) {
  const auto server = start_server({}, echo);
  HttpOptions options;
  options.listen = {"127.0.0.1:" + std::to_string(port_of(*server))};
  const auto second = HttpServer::start(options, echo);
  ASSERT_FALSE(second.ok());
  EXPECT_NE(second.error().message.find("(process " + std::to_string(getpid()) + ")"), std::string::npos)
      << second.error().message;
}

TEST(HttpServer, StartsWithoutASideDoorThatIsTaken) {
  const std::string path = "/tmp/hearth-side-door-" + std::to_string(getpid()) + ".sock";
  HttpOptions options;
  options.side_door = "unix:" + path;
  auto first = start_server(options, echo);
  EXPECT_FALSE(first->side_door_problem().has_value());
  EXPECT_EQ(first->addresses().back(), "unix:" + path);
  {
    const auto second = start_server(options, echo);
    ASSERT_TRUE(second->side_door_problem().has_value());
    EXPECT_NE(second->side_door_problem()->message.find(path), std::string::npos);
  }
  TestClient client(path);
  client.send("GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(status_of(client.read_answer()), 200) << "the second server took the socket of the first";
  // A file that somebody else has put there meanwhile stays.
  unlink(path.c_str());
  const auto third = start_server(options, echo);
  first.reset();
  EXPECT_EQ(access(path.c_str(), F_OK), 0);
}

TEST(HttpServer, TellsOfEveryRequestWhenItIsOver) {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<RequestFacts> told;
  HttpOptions options;
  options.on_request_end = [&](const RequestFacts& facts) {
    const std::lock_guard lock(mutex);
    told.push_back(facts);
    changed.notify_all();
  };
  const auto server = start_server(options, echo);
  const auto ask = [&](const std::string& bytes) {
    TestClient client(port_of(*server));
    client.send(bytes);
    client.read_answer();
    std::unique_lock lock(mutex);
    EXPECT_TRUE(changed.wait_for(lock, std::chrono::milliseconds(kPatienceMs), [&] { return !told.empty(); }));
    RequestFacts facts = told.empty() ? RequestFacts() : told.front();
    told.clear();
    return facts;
  };
  const RequestFacts fine = ask("POST /a/b?secret=1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(fine.method + " " + fine.path, "POST /a/b");
  EXPECT_EQ(fine.status, 200);
  EXPECT_FALSE(fine.id.empty());
  EXPECT_TRUE(fine.asked.empty()) << "texts are kept only where somebody wants them";
  EXPECT_EQ(ask("GET /a HTTP/1.1\r\nHost: evil.example\r\n\r\n").status, 403);
  EXPECT_EQ(ask("GET\r\n\r\n").status, 400);
}

TEST(HttpServer, RefusesAddressesThatAreNone) {
  for (const char* address :
       {"", "localhost", "127.0.0.1", "127.0.0.1:", "127.0.0.1:70000", "127.0.0.1:-1", "example.org:80", "[::1]",
        "::1:80", "[::1:80", "unix:", "127.0.0.1:80:80", "127.1:80", "http://127.0.0.1:80"}) {
    HttpOptions options;
    options.listen = {address};
    const auto server = HttpServer::start(options, echo);
    ASSERT_FALSE(server.ok()) << address;
    EXPECT_NE(server.error().message.find("cannot listen on"), std::string::npos) << server.error().message;
  }
  EXPECT_FALSE(HttpServer::start({}, echo).ok()) << "no address at all";
}

}  // namespace
}  // namespace hearth::server
