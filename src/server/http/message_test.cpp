// The Responder's promise, against a sink that writes down what it is told.
#include "server/http/message.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace hearth::server {
namespace {

struct Record {
  std::vector<std::string> calls;

  Responder::Sink sink() {
    return {.send =
                [this](int status, Headers headers, std::string body) {
                  calls.push_back("send " + std::to_string(status) + " " + headers.at(0).second + " " + body);
                },
            .begin_stream = [this](int status, Headers) { calls.push_back("begin " + std::to_string(status)); },
            .write = [this](std::string bytes) { calls.push_back("write " + bytes); },
            .end_stream = [this] { calls.push_back("end"); },
            .abort_stream = [this] { calls.push_back("abort"); }};
  }
};

TEST(Responder, AnswersOnce) {
  Record record;
  {
    Responder responder(record.sink());
    EXPECT_FALSE(responder.answered());
    responder.send(200, "text/plain", "a");
    EXPECT_TRUE(responder.answered());
    responder.send(500, "text/plain", "b");
    responder.begin_stream(200, "text/plain");
    responder.write("c");
    responder.end_stream();
  }
  EXPECT_EQ(record.calls, std::vector<std::string>{"send 200 text/plain a"});
}

TEST(Responder, StreamsInOrder) {
  Record record;
  {
    Responder responder(record.sink());
    responder.write("too early");
    responder.begin_stream(200, "text/plain");
    responder.send(500, "text/plain", "b");
    responder.write("a");
    responder.write("");
    responder.write("b");
    responder.end_stream();
    responder.write("too late");
  }
  EXPECT_EQ(record.calls, (std::vector<std::string>{"begin 200", "write a", "write b", "end"}));
}

TEST(Responder, ForgottenRequestsGetAnError) {
  Record record;
  { Responder responder(record.sink()); }
  ASSERT_EQ(record.calls.size(), 1u);
  EXPECT_TRUE(record.calls[0].starts_with("send 500 application/json {\"error\":")) << record.calls[0];
}

TEST(Responder, AForgottenStreamIsCut) {
  Record record;
  {
    Responder responder(record.sink());
    responder.begin_stream(200, "text/plain");
    responder.write("half");
  }
  EXPECT_EQ(record.calls, (std::vector<std::string>{"begin 200", "write half", "abort"}));
}

TEST(Responder, SaysOnceThatTheClientHasGone) {
  Record record;
  int called = 0;
  {
    Responder responder(record.sink());
    responder.on_closed([&] { ++called; });
    responder.begin_stream(200, "text/plain");
    EXPECT_FALSE(responder.closed());
    responder.close();
    responder.close();
    EXPECT_TRUE(responder.closed());
    responder.write("nobody hears");
    responder.end_stream();
  }
  EXPECT_EQ(called, 1);
  EXPECT_EQ(record.calls, std::vector<std::string>{"begin 200"});
}

TEST(Responder, SaysAtOnceThatTheClientHasGoneAlready) {
  Record record;
  Responder responder(record.sink());
  responder.close();
  int called = 0;
  responder.on_closed([&] { ++called; });
  EXPECT_EQ(called, 1);
}

TEST(Responder, NobodyHearsOfAClientThatGoesAfterItsAnswer) {
  Record record;
  Responder responder(record.sink());
  int called = 0;
  const auto held = std::make_shared<int>(0);
  responder.on_closed([&called, held] { ++called; });
  responder.send(200, "text/plain", "a");
  EXPECT_EQ(held.use_count(), 1) << "a callback that cannot be called any more must not keep things alive";
  responder.close();
  responder.on_closed([&] { ++called; });
  EXPECT_EQ(called, 0);
}

TEST(Responder, LetsTheSinkGoWithTheLastCall) {
  const auto held = std::make_shared<int>(0);
  Responder responder({.send = [held](int, Headers, std::string) {},
                       .begin_stream = [](int, Headers) {},
                       .write = [](std::string) {},
                       .end_stream = [] {}});
  EXPECT_EQ(held.use_count(), 2);
  responder.send(200, "text/plain", "");
  EXPECT_EQ(held.use_count(), 1);
}

TEST(Responder, ManyThreadsWriteAndOneCloses) {
  for (int round = 0; round < 50; ++round) {
    std::atomic<int> inside{0};
    std::atomic<int> writes{0};
    std::atomic<int> closed{0};
    bool overlapped = false;
    Responder responder({.send = [](int, Headers, std::string) {},
                         .begin_stream = [](int, Headers) {},
                         .write =
                             [&](std::string) {
                               overlapped = overlapped || inside.fetch_add(1) != 0;
                               ++writes;
                               inside.fetch_sub(1);
                             },
                         .end_stream = [] {}});
    responder.begin_stream(200, "text/plain");
    responder.on_closed([&] { ++closed; });
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        for (int k = 0; k < 50; ++k) {
          if (i == 0 && k == 25) responder.close();
          responder.write("x");
        }
      });
    }
    for (auto& thread : threads) thread.join();
    EXPECT_FALSE(overlapped);
    EXPECT_EQ(closed.load(), 1);
    EXPECT_GE(writes.load(), 25);
  }
}

TEST(Request, FindsFieldsByName) {
  Request request;
  request.headers = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
  request.query = {{"q", "x y"}};
  EXPECT_EQ(request.header("a"), "1");
  EXPECT_EQ(request.header("c"), std::nullopt);
  EXPECT_EQ(request.query_value("q"), "x y");
  EXPECT_EQ(request.query_value("p"), std::nullopt);
}

}  // namespace
}  // namespace hearth::server
