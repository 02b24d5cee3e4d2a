// The parsing of answers: whole ones, and everything that is none.
#include "cli/http_client.h"

#include <gtest/gtest.h>

namespace hearth::cli {
namespace {

TEST(HttpClient, ReadsBodiesByLengthByChunksAndToTheEnd) {
  const auto by_length = parse_http_answer("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello and more");
  ASSERT_TRUE(by_length.ok());
  EXPECT_EQ(by_length->status, 200);
  EXPECT_EQ(by_length->body, "hello");
  const auto by_chunks =
      parse_http_answer("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0123456789\r\n0\r\n\r\n");
  ASSERT_TRUE(by_chunks.ok()) << by_chunks.error().message;
  EXPECT_EQ(by_chunks->status, 404);
  EXPECT_EQ(by_chunks->body, "abc0123456789");
  const auto to_the_end = parse_http_answer("HTTP/1.0 200 OK\r\n\r\nall of it");
  ASSERT_TRUE(to_the_end.ok());
  EXPECT_EQ(to_the_end->body, "all of it");
}

TEST(HttpClient, RefusesWhatIsNoAnswer) {
  for (const char* bytes : {"", "HTTP/1.1", "SSH-2.0-x\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello",
                            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nabc\r\n0\r\n\r\n",
                            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcX\r\n0\r\n\r\n"}) {
    EXPECT_FALSE(parse_http_answer(bytes).ok()) << bytes;
  }
}

TEST(HttpClient, SaysThatNobodyListens) {
  const auto answer = http_request("unix:/nonexistent/socket", "GET", "/", "", std::chrono::seconds(5));
  ASSERT_FALSE(answer.ok());
  EXPECT_EQ(answer.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace hearth::cli
