// Lines out of answers that come in any pieces, and answers that break off.
#include "cli/line_stream.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <string_view>
#include <thread>

namespace hearth::cli {
namespace {

constexpr std::string_view kHead = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

// A stream whose other end sends `bytes`, `piece` at a time, and closes.
class Sender {
 public:
  Sender(std::string bytes, size_t piece) {
    int ends[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    stream = std::make_unique<LineStream>(FileDescriptor(ends[0]));
    thread_ = std::thread([end = ends[1], bytes = std::move(bytes), piece] {
      for (size_t i = 0; i < bytes.size(); i += piece) {
        const std::string_view part = std::string_view(bytes).substr(i, piece);
        if (send(end, part.data(), part.size(), MSG_NOSIGNAL) < 0) break;
      }
      close(end);
    });
  }
  ~Sender() { thread_.join(); }
  std::unique_ptr<LineStream> stream;

 private:
  std::thread thread_;
};

TEST(LineStream, PutsLinesTogetherWhateverThePieces) {
  const std::string bytes = std::string(kHead) + "6\r\none\ntw\r\n3\r\no\n\n\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n";
  const std::string plain = std::string(kHead) + "6\r\none\ntw\r\n3\r\no\n\n\r\n0\r\n\r\n";
  for (size_t piece = 1; piece < plain.size() + 1; piece += 3) {
    Sender sender(plain, piece);
    const Result<int> status = sender.stream->begin(nullptr);
    ASSERT_TRUE(status.ok()) << status.error().message;
    EXPECT_EQ(*status, 200);
    for (const char* expected : {"one", "two", ""}) {
      const auto line = sender.stream->next(nullptr);
      ASSERT_TRUE(line.ok() && *line) << piece;
      EXPECT_EQ(**line, expected);
    }
    const auto end = sender.stream->next(nullptr);
    ASSERT_TRUE(end.ok());
    EXPECT_FALSE(end->has_value());
  }
  Sender extended(bytes, bytes.size());  // no server of ours writes extensions
  EXPECT_FALSE(extended.stream->begin(nullptr).ok());
}

TEST(LineStream, AnAnswerWithoutItsEndIsAnError) {
  const std::string whole = std::string(kHead) + "4\r\none\n\r\n4\r\ntwo\n\r\n0\r\n\r\n";
  for (size_t length = 0; length < whole.size(); ++length) {
    Sender sender(whole.substr(0, length), whole.size());
    bool broken = false;
    Result<int> status = sender.stream->begin(nullptr);
    broken = !status.ok();
    for (int i = 0; i < 4 && !broken; ++i) broken = !sender.stream->next(nullptr).ok();
    EXPECT_TRUE(broken) << length;
  }
}

TEST(LineStream, WhatIsNoAnswerIsRefused) {
  for (const char* bytes : {"SSH-2.0-x\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffff\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc"}) {
    Sender sender(bytes, 1000);
    const Result<int> status = sender.stream->begin(nullptr);
    EXPECT_TRUE(!status.ok() || !sender.stream->next(nullptr).ok()) << bytes;
  }
}

TEST(LineStream, ABodyWithoutChunksIsWhole) {
  Sender sender("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello", 7);
  const Result<int> status = sender.stream->begin(nullptr);
  ASSERT_TRUE(status.ok());
  EXPECT_EQ(*status, 404);
  const Result<std::string> body = sender.stream->rest(nullptr);
  ASSERT_TRUE(body.ok());
  EXPECT_EQ(*body, "hello");
}

TEST(LineStream, WaitingEndsWithTheFlag) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const FileDescriptor other(ends[1]);
  LineStream stream{FileDescriptor(ends[0])};
  const std::atomic<bool> cancel{true};
  const Result<int> status = stream.begin(&cancel);
  ASSERT_FALSE(status.ok());
  EXPECT_EQ(status.error().code, ErrorCode::kCancelled);
}

}  // namespace
}  // namespace hearth::cli
