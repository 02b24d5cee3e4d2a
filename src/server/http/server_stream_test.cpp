// Streams, clients that go away, overload and the end of the server, over real sockets.
#include <atomic>
#include <condition_variable>
#include <future>
#include <thread>

#include "server/http/server.h"
#include "server/http/test_client.h"

namespace hearth::server {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n";
constexpr auto kLong = std::chrono::seconds(20);

// Keeps the responders of its requests, for the test to answer.
struct Desk {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::shared_ptr<Responder>> waiting;

  Handler handler() {
    return [this](Request, std::shared_ptr<Responder> responder) {
      const std::lock_guard lock(mutex);
      waiting.push_back(std::move(responder));
      changed.notify_all();
    };
  }
  std::shared_ptr<Responder> next() {
    std::unique_lock lock(mutex);
    if (!changed.wait_for(lock, kLong, [&] { return !waiting.empty(); })) return nullptr;
    auto first = std::move(waiting.front());
    waiting.erase(waiting.begin());
    return first;
  }
};

template <class Condition>
bool becomes_true(Condition condition) {
  const auto end = std::chrono::steady_clock::now() + kLong;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(1));
  }
  return true;
}

std::future<void> closing(Responder& responder) {
  auto promise = std::make_shared<std::promise<void>>();
  auto future = promise->get_future();
  responder.on_closed([promise] { promise->set_value(); });
  return future;
}

TEST(HttpStream, ComesInChunks) {
  Desk desk;
  const auto server = start_server({}, desk.handler());
  TestClient client(port_of(*server));
  client.send(kGet);
  const auto responder = desk.next();
  responder->begin_stream(200, "text/event-stream", {{"x-more", "1"}});
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_NE(head.find("transfer-encoding: chunked\r\n"), std::string::npos);
  EXPECT_NE(head.find("x-more: 1\r\n"), std::string::npos);
  EXPECT_EQ(head.find("content-length"), std::string::npos);
  responder->write("data: 1\n\n");
  EXPECT_EQ(client.read_until("\n\n\r\n"), "9\r\ndata: 1\n\n\r\n") << "each piece arrives while the stream is open";
  responder->write(std::string(20, 'x'));
  responder->end_stream();
  EXPECT_EQ(client.read_until("0\r\n\r\n"), "14\r\n" + std::string(20, 'x') + "\r\n0\r\n\r\n");
  client.send(kGet);
  desk.next()->send(200, "text/plain", "next");
  EXPECT_EQ(body_of(client.read_answer()), "next") << "the connection goes on";
}

TEST(HttpStream, TellsThatItsReaderIsBehindUntilHeCatchesUp) {
  Desk desk;
  const auto server = start_server({}, desk.handler());
  TestClient client(port_of(*server));
  client.send(kGet);
  const auto responder = desk.next();
  EXPECT_FALSE(responder->behind());
  responder->begin_stream(200, "text/event-stream");
  responder->write("x");
  EXPECT_FALSE(responder->behind());
  int64_t written = 0;
  while (!responder->behind() && written < (int64_t{64} << 20)) {
    responder->write(std::string(4096, 'y'));
    written += 4096;
    std::this_thread::sleep_for(milliseconds(1));
  }
  EXPECT_TRUE(responder->behind());
  EXPECT_LT(written, 16 << 20) << "the kernel takes too much before it is noticed";
  EXPECT_FALSE(responder->closed());
  while (responder->behind() && !client.read_until("\r\n").empty()) {}
  EXPECT_FALSE(responder->behind());
  responder->end_stream();
  EXPECT_NE(client.read_until("\r\n0\r\n\r\n"), "");
}

TEST(HttpStream, EndsWithTheConnectionForOldClients) {
  Desk desk;
  const auto server = start_server({}, desk.handler());
  TestClient client(port_of(*server));
  client.send("GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const auto responder = desk.next();
  responder->begin_stream(200, "text/plain");
  responder->write("one ");
  responder->write("two");
  responder->end_stream();
  EXPECT_EQ(body_of(client.read_to_end()), "one two");
}

TEST(HttpStream, AForgottenOneIsCut) {
  Desk desk;
  const auto server = start_server({}, desk.handler());
  TestClient client(port_of(*server));
  client.send(kGet);
  auto responder = desk.next();
  responder->begin_stream(200, "text/plain");
  responder->write("half");
  client.read_until("half\r\n");
  responder.reset();
  EXPECT_EQ(client.read_to_end(), "") << "no last chunk: the reader must see that something is missing";
}

TEST(HttpStream, ForgottenRequestsGetAnError) {
  const auto server = start_server({}, [](Request, std::shared_ptr<Responder>) {});
  TestClient client(port_of(*server));
  client.send(kGet);
  EXPECT_EQ(status_of(client.read_answer()), 500);
}

TEST(HttpGone, IsNoticedWhileAHandlerWorks) {
  for (const bool reset : {false, true}) {
    Desk desk;
    const auto server = start_server({}, desk.handler());
    TestClient client(port_of(*server));
    client.send(kGet);
    const auto responder = desk.next();
    auto closed = closing(*responder);
    EXPECT_FALSE(responder->closed());
    reset ? client.reset() : client.close();
    EXPECT_EQ(closed.wait_for(kLong), std::future_status::ready);
    EXPECT_TRUE(responder->closed());
    responder->send(200, "text/plain", "nobody is there");
    EXPECT_TRUE(becomes_true([&] { return server->connections() == 0; }));
  }
}

TEST(HttpGone, IsNoticedInASilentStreamAndWithPipelinedBytes) {
  for (const char* more : {"", "GET /next HTTP/1.1\r\nHost: localhost\r\n\r\n", "\r\n", "junk"}) {
    Desk desk;
    const auto server = start_server({}, desk.handler());
    TestClient client(port_of(*server));
    client.send(std::string(kGet) + more);
    const auto responder = desk.next();
    responder->begin_stream(200, "text/event-stream");
    client.read_until("\r\n\r\n");
    auto closed = closing(*responder);
    client.close();
    EXPECT_EQ(closed.wait_for(kLong), std::future_status::ready) << more;
  }
}

TEST(HttpGone, ARequestNobodyWaitsForIsNotHandled) {
  std::promise<void> release;
  auto released = release.get_future().share();
  std::atomic<int> handled{0};
  HttpOptions options;
  options.workers = 1;
  const auto server = start_server(options, [&](Request, std::shared_ptr<Responder> responder) {
    ++handled;
    released.wait();
    responder->send(200, "text/plain", "");
  });
  const std::string post = "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx";
  TestClient first(port_of(*server));
  first.send(post);
  ASSERT_TRUE(becomes_true([&] { return handled == 1; }));
  // Two more threads serve light jobs only after this one; posts wait behind `first`.
  TestClient second(port_of(*server));
  second.send(post);
  TestClient third(port_of(*server));
  third.send(post);
  ASSERT_TRUE(becomes_true([&] { return server->connections() == 3; }));
  std::this_thread::sleep_for(milliseconds(20));
  second.reset();
  ASSERT_TRUE(becomes_true([&] { return server->connections() == 2; }));
  release.set_value();
  EXPECT_EQ(status_of(first.read_answer()), 200);
  EXPECT_EQ(status_of(third.read_answer()), 200);
  EXPECT_EQ(handled.load(), 2);
}

TEST(HttpLoad, ThreeHundredStreamsAtOnce) {
  Desk desk;
  const auto server = start_server({}, desk.handler());
  constexpr int kStreams = 300;
  constexpr int kEvents = 20;
  std::vector<TestClient> clients;
  std::vector<std::shared_ptr<Responder>> responders;
  for (int i = 0; i < kStreams; ++i) {
    clients.emplace_back(port_of(*server));
    clients.back().send(kGet);
  }
  for (int i = 0; i < kStreams; ++i) {
    responders.push_back(desk.next());
    ASSERT_NE(responders.back(), nullptr);
    responders.back()->begin_stream(200, "text/event-stream");
  }
  std::string expected;
  for (int event = 0; event < kEvents; ++event) {
    for (const auto& responder : responders) responder->write("data: " + std::to_string(event % 10) + "\n\n");
    expected += "9\r\ndata: " + std::to_string(event % 10) + "\n\n\r\n";
  }
  for (const auto& responder : responders) responder->end_stream();
  for (auto& client : clients) {
    client.read_until("\r\n\r\n");
    EXPECT_EQ(client.read_until("0\r\n\r\n"), expected + "0\r\n\r\n");
  }
}

TEST(HttpLoad, LightRequestsDoNotWaitBehindHeavyOnes) {
  std::promise<void> release;
  auto released = release.get_future().share();
  HttpOptions options;
  options.workers = 2;
  const auto server = start_server(options, [&](Request request, std::shared_ptr<Responder> responder) {
    if (!request.body.empty()) released.wait();
    responder->send(200, "text/plain", "");
  });
  std::vector<TestClient> heavy;
  for (int i = 0; i < 8; ++i) {
    heavy.emplace_back(port_of(*server));
    heavy.back().send("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx");
  }
  TestClient light(port_of(*server));
  light.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(status_of(light.read_answer()), 200);
  release.set_value();
  for (auto& client : heavy) EXPECT_EQ(status_of(client.read_answer()), 200);
}

TEST(HttpDrain, WaitsForWhatRunsAndRefusesTheRest) {
  Desk desk;
  const auto server = start_server({}, desk.handler());
  TestClient running(port_of(*server));
  running.send(kGet);
  const auto responder = desk.next();
  TestClient idle(port_of(*server));
  idle.send(kGet);
  desk.next()->send(200, "text/plain", "");
  EXPECT_EQ(status_of(idle.read_answer()), 200);

  EXPECT_FALSE(server->drain(milliseconds(10))) << "a request still runs";
  idle.send(kGet);
  const std::string refused = idle.read_answer();
  EXPECT_EQ(status_of(refused), 503);
  EXPECT_NE(refused.find("retry-after: 1\r\n"), std::string::npos);
  const int fresh = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in name{};
  name.sin_family = AF_INET;
  name.sin_port = htons(port_of(*server));
  name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_NE(connect(fresh, reinterpret_cast<sockaddr*>(&name), sizeof(name)), 0) << "nobody listens any more";
  close(fresh);

  auto drained = std::async(std::launch::async, [&] { return server->drain(kLong); });
  responder->send(200, "text/plain", "whole");
  EXPECT_TRUE(drained.get());
  EXPECT_EQ(body_of(running.read_answer()), "whole") << "the last answer is written before the wait ends";
}

TEST(HttpStop, TellsEveryHandlerAndClient) {
  Desk desk;
  auto server = start_server({}, desk.handler());
  TestClient client(port_of(*server));
  client.send(kGet);
  const auto responder = desk.next();
  auto closed = closing(*responder);
  server.reset();
  EXPECT_EQ(closed.wait_for(milliseconds(0)), std::future_status::ready);
  EXPECT_TRUE(client.closed_by_server());
  responder->begin_stream(200, "text/plain");  // long after the server: nothing happens
  responder->write("x");
  responder->end_stream();
}

TEST(HttpStop, HandlersMayAnswerWhileItStops) {
  for (int round = 0; round < 20; ++round) {
    auto server = start_server({}, [](Request, std::shared_ptr<Responder> responder) {
      responder->begin_stream(200, "text/plain");
      while (!responder->closed()) responder->write("x");
      responder->end_stream();
    });
    std::vector<TestClient> clients;
    for (int i = 0; i < 4; ++i) {
      clients.emplace_back(port_of(*server));
      clients.back().send(kGet);
    }
    clients[0].read_until("\r\n\r\n");
    server.reset();
  }
}

}  // namespace
}  // namespace hearth::server
