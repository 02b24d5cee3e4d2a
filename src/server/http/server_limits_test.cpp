// Every limit of the HTTP server, over real sockets: its status, and that others are served meanwhile.
#include <atomic>
#include <future>
#include <thread>

#include "server/http/server.h"
#include "server/http/test_client.h"

namespace hearth::server {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n";
const std::string kPost = "POST /x HTTP/1.1\r\nHost: localhost\r\n";

void echo(Request request, std::shared_ptr<Responder> responder) {
  responder->send(200, "text/plain", std::to_string(request.body.size()));
}

TEST(HttpLimits, SizesOfRequests) {
  HttpOptions options;
  options.limits.header_bytes = 1000;
  options.limits.body_bytes = 10'000;
  const auto server = start_server(options, echo);
  const std::pair<std::string, int> kRequests[] = {
      {kPost + "Content-Length: 10000\r\n\r\n" + std::string(10'000, 'x'), 200},
      {kPost + "Content-Length: 10001\r\n\r\n", 413},
      {kPost + "Content-Length: 10001\r\n\r\n" + std::string(10'001, 'x'), 413},
      {kPost + "Transfer-Encoding: chunked\r\n\r\n2711\r\n", 413},
      {kPost + "X: " + std::string(1000, 'x') + "\r\n\r\n", 431},
      {kPost + "X: " + std::string(500'000, 'x'), 431},
      {"GET /" + std::string(500'000, 'x') + " HTTP/1.1\r\nHost: localhost\r\n\r\n", 431},
  };
  for (const auto& [request, status] : kRequests) {
    TestClient client(port_of(*server));
    client.send(request);
    EXPECT_EQ(status_of(client.read_answer()), status) << request.substr(0, 100);
  }
}

TEST(HttpLimits, TheAnswerReachesAClientThatIsStillSending) {
  HttpOptions options;
  options.limits.body_bytes = 1000;
  const auto server = start_server(options, echo);
  TestClient client(port_of(*server));
  client.send(kPost + "Content-Length: 3000000\r\n\r\n" + std::string(3'000'000, 'x'));
  EXPECT_EQ(status_of(client.read_to_end()), 413);
}

TEST(HttpLimits, SlowHeads) {
  HttpOptions options;
  options.limits.header_time = milliseconds(150);
  const auto server = start_server(options, echo);
  TestClient silent(port_of(*server));
  TestClient slow(port_of(*server));
  std::atomic<bool> stop{false};
  std::thread drip([&] {
    slow.send("GET /x HTTP/1.1\r\n");
    while (!stop && slow.send("a: b\r\n")) std::this_thread::sleep_for(milliseconds(10));
  });
  EXPECT_EQ(status_of(slow.read_answer()), 408) << "also if something comes all the time";
  stop = true;
  drip.join();
  EXPECT_TRUE(silent.closed_by_server());
}

TEST(HttpLimits, SlowBodies) {
  HttpOptions options;
  options.limits.body_idle_time = milliseconds(150);
  const auto server = start_server(options, echo);
  TestClient silent(port_of(*server));
  silent.send(kPost + "Content-Length: 5\r\n\r\nhel");
  TestClient slow(port_of(*server));
  slow.send(kPost + "Content-Length: 5000\r\n\r\n");
  std::atomic<bool> stop{false};
  std::thread drip([&] {
    while (!stop && slow.send("x")) std::this_thread::sleep_for(milliseconds(10));
  });
  EXPECT_EQ(status_of(slow.read_answer()), 408) << "a byte now and then is no progress";
  stop = true;
  drip.join();
  EXPECT_EQ(status_of(silent.read_answer()), 408);
}

TEST(HttpLimits, IdleConnectionsAreClosed) {
  HttpOptions options;
  options.limits.keep_alive_time = milliseconds(100);
  const auto server = start_server(options, echo);
  TestClient client(port_of(*server));
  client.send(kGet);
  EXPECT_EQ(status_of(client.read_answer()), 200);
  EXPECT_TRUE(client.closed_by_server());
}

TEST(HttpLimits, Connections) {
  HttpOptions options;
  options.limits.connections = 3;
  const auto server = start_server(options, echo);
  std::vector<TestClient> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back(port_of(*server));
    clients.back().send(kGet);
    EXPECT_EQ(status_of(clients.back().read_answer()), 200);
  }
  TestClient refused(port_of(*server));
  const std::string answer = refused.read_to_end();
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_NE(answer.find("retry-after: 1\r\n"), std::string::npos);
  clients[0].send(kGet);
  EXPECT_EQ(status_of(clients[0].read_answer()), 200) << "the others are served";
  clients.pop_back();
  refused.close();
  while (server->connections() > 2) std::this_thread::sleep_for(milliseconds(1));
  TestClient welcome(port_of(*server));
  welcome.send(kGet);
  EXPECT_EQ(status_of(welcome.read_answer()), 200);
}

TEST(HttpLimits, RequestsAtOnce) {
  std::promise<void> release;
  auto released = release.get_future().share();
  HttpOptions options;
  options.limits.requests_at_once = 2;
  std::atomic<int> handled{0};
  const auto server = start_server(options, [&](Request, std::shared_ptr<Responder> responder) {
    ++handled;
    released.wait();
    responder->send(200, "text/plain", "");
  });
  TestClient first(port_of(*server));
  TestClient second(port_of(*server));
  first.send(kPost + "Content-Length: 1\r\n\r\nx");
  second.send(kPost + "Content-Length: 1\r\n\r\nx");
  while (handled < 2) std::this_thread::sleep_for(milliseconds(1));
  TestClient third(port_of(*server));
  third.send(kGet);
  const std::string answer = third.read_answer();
  EXPECT_EQ(status_of(answer), 503);
  EXPECT_NE(answer.find("retry-after: 1\r\n"), std::string::npos);
  release.set_value();
  EXPECT_EQ(status_of(first.read_answer()), 200);
  EXPECT_EQ(status_of(second.read_answer()), 200);
  third.send(kGet);
  int status = status_of(third.read_answer());
  // The place is free when the worker has let go of the request, a moment after its answer.
  for (int i = 0; i < 1000 && status == 503; ++i) {
    third.send(kGet);
    status = status_of(third.read_answer());
  }
  EXPECT_EQ(status, 200);
}

TEST(HttpLimits, BodiesTogether) {
  std::promise<void> release;
  auto released = release.get_future().share();
  HttpOptions options;
  options.limits.all_bodies_bytes = 150'000;
  std::atomic<int> handled{0};
  const auto server = start_server(options, [&](Request, std::shared_ptr<Responder> responder) {
    ++handled;
    released.wait();
    responder->send(200, "text/plain", "");
  });
  const std::string request = kPost + "Content-Length: 100000\r\n\r\n" + std::string(100'000, 'x');
  TestClient first(port_of(*server));
  first.send(request);
  while (handled < 1) std::this_thread::sleep_for(milliseconds(1));
  TestClient second(port_of(*server));
  second.send(request);
  EXPECT_EQ(status_of(second.read_to_end()), 503);
  release.set_value();
  EXPECT_EQ(status_of(first.read_answer()), 200);
  const std::string closing = kPost + "Connection: close\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x');
  // What was counted is given back when the handler has returned, which may be a moment after its answer has arrived.
  for (int i = 0; i < 5; ++i) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    int status = 503;
    while (status == 503 && std::chrono::steady_clock::now() < deadline) {
      TestClient again(port_of(*server));
      again.send(closing);
      status = status_of(again.read_to_end());
      if (status == 503) std::this_thread::sleep_for(milliseconds(5));
    }
    EXPECT_EQ(status, 200);
  }
}

// Writes until the server gives the stream up, and says how many bytes that were.
struct Flood {
  std::promise<int64_t> written;
  Handler handler(milliseconds pause) {
    return [this, pause](Request request, std::shared_ptr<Responder> responder) {
      if (request.path != "/flood") return responder->send(200, "text/plain", "");
      auto closed = std::make_shared<std::atomic<bool>>(false);
      responder->on_closed([closed] { closed->store(true); });
      responder->begin_stream(200, "text/plain");
      int64_t bytes = 0;
      for (; !closed->load() && bytes < (int64_t{1} << 30); bytes += 65536) {
        responder->write(std::string(65536, 'x'));
        if (pause.count() > 0) std::this_thread::sleep_for(pause);
      }
      written.set_value(bytes);
    };
  }
};

TEST(HttpLimits, UnsentBytesOfAStream) {
  HttpOptions options;
  options.limits.unsent_bytes = 1 << 20;
  Flood flood;
  const auto server = start_server(options, flood.handler(milliseconds(0)));
  TestClient reader(port_of(*server), 4096);
  reader.send("GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_LT(flood.written.get_future().get(), int64_t{1} << 30);
  TestClient other(port_of(*server));
  other.send(kGet);
  EXPECT_EQ(status_of(other.read_answer()), 200);
}

TEST(HttpLimits, AReaderThatStalls) {
  HttpOptions options;
  options.limits.unsent_bytes = int64_t{1} << 40;
  options.limits.write_stall_time = milliseconds(150);
  Flood flood;
  const auto server = start_server(options, flood.handler(milliseconds(1)));
  TestClient reader(port_of(*server), 4096);
  reader.send("GET /flood HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_LT(flood.written.get_future().get(), int64_t{1} << 30);
}

TEST(HttpLimits, AReaderThatStallsOnAWholeAnswer) {
  HttpOptions options;
  options.limits.write_stall_time = milliseconds(150);
  const Handler large = [](Request, std::shared_ptr<Responder> responder) {
    responder->send(200, "text/plain", std::string(20 << 20, 'x'));
  };
  const auto strict = start_server(options, large);
  TestClient reader(port_of(*strict), 4096);
  reader.send(kGet);
  while (strict->connections() == 0) std::this_thread::sleep_for(milliseconds(1));
  while (strict->connections() > 0) std::this_thread::sleep_for(milliseconds(1));

  const auto server = start_server({}, large);
  TestClient good(port_of(*server));
  good.send(kGet);
  EXPECT_EQ(body_of(good.read_answer()).size(), size_t{20} << 20);
}

TEST(HttpLimits, SlowClientsCostOthersNothing) {
  const auto server = start_server({}, echo);
  std::vector<TestClient> slow;
  for (int i = 0; i < 200; ++i) {
    slow.emplace_back(port_of(*server));
    slow.back().send("GET /x HTTP/1.1\r\nHo");
    slow.emplace_back(port_of(*server));
    slow.back().send(kPost + "Content-Length: 100\r\n\r\nx");
  }
  TestClient good(port_of(*server));
  for (int i = 0; i < 100; ++i) {
    good.send(kGet);
    ASSERT_EQ(status_of(good.read_answer()), 200);
  }
}

}  // namespace
}  // namespace hearth::server
