// The request parser: what it accepts in any pieces, what it refuses and with which status.
#include "server/http/request_parser.h"

#include <gtest/gtest.h>

namespace hearth::server {
namespace {

using State = RequestParser::State;

constexpr int64_t kHeader = 4096;
constexpr int64_t kBody = 100'000;

struct Outcome {
  State state;
  int status = 0;
  RequestHead head;
  std::string body;
  size_t taken = 0;
};

// Feeds the bytes as they would come from a socket in pieces that end at `cuts`.
Outcome parse_pieces(const std::string& bytes, const std::vector<size_t>& cuts) {
  RequestParser parser(kHeader, kBody);
  std::string input;
  size_t taken = 0;
  size_t begin = 0;
  auto feed = [&] {
    while (true) {
      const State before = parser.state();
      const size_t step = parser.feed(input);
      input.erase(0, step);
      taken += step;
      if (parser.state() == State::kDone || parser.state() == State::kFailed) return;
      if (step == 0 && parser.state() == before) return;
    }
  };
  for (const size_t cut : cuts) {
    input += bytes.substr(begin, cut - begin);
    begin = cut;
    feed();
  }
  input += bytes.substr(begin);
  feed();
  return {parser.state(), parser.failure_status(), parser.head(), parser.take_body(), taken};
}

Outcome parse(const std::string& bytes) {
  return parse_pieces(bytes, {});
}

TEST(RequestParser, ReadsARequestWithoutABody) {
  const Outcome got = parse("GET /a?b HTTP/1.1\r\nHost: localhost\r\nX-Thing:  two words \r\n\r\n");
  EXPECT_EQ(got.state, State::kDone);
  EXPECT_EQ(got.head.method, "GET");
  EXPECT_EQ(got.head.target, "/a?b");
  EXPECT_EQ(got.head.version, 11);
  EXPECT_TRUE(got.head.keep_alive);
  EXPECT_FALSE(got.head.has_body);
  EXPECT_EQ(got.head.header("x-thing"), "two words");
}

TEST(RequestParser, KnowsWhenTheConnectionEnds) {
  EXPECT_FALSE(parse("GET / HTTP/1.0\r\n\r\n").head.keep_alive);
  EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").head.keep_alive);
  EXPECT_FALSE(parse("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").head.keep_alive);
}

struct Case {
  std::string name, bytes, body;
};

std::vector<Case> bodies() {
  return {
      {"length", "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello", "hello"},
      {"a body of line feeds", "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n\n\na\n\n", "\n\na\n\n"},
      {"zero length", "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", ""},
      {"chunks", "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n",
       "hello"},
      {"Chunks in capitals",
       "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n", "0123456789"},
      {"chunk extensions and trailers",
       "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;x=\"y\";z\r\nhello\r\n0;last\r\nX-T: "
       "1\r\nHost: evil\r\n\r\n",
       "hello"},
      {"a line end before", "\r\nPOST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx", "x"},
  };
}

TEST(RequestParser, GivesTheSameAtEverySplit) {
  for (const Case& c : bodies()) {
    for (size_t cut = 0; cut <= c.bytes.size(); ++cut) {
      for (const size_t second : {cut, std::min(cut + 1, c.bytes.size()), c.bytes.size()}) {
        const Outcome got = parse_pieces(c.bytes, {cut, second});
        ASSERT_EQ(got.state, State::kDone) << c.name << " cut at " << cut;
        ASSERT_EQ(got.body, c.body) << c.name << " cut at " << cut;
        ASSERT_EQ(got.taken, c.bytes.size()) << c.name << " cut at " << cut;
        ASSERT_EQ(got.head.header("host"), "a") << c.name;
      }
    }
  }
}

TEST(RequestParser, GivesTheSameByteByByte) {
  for (const Case& c : bodies()) {
    std::vector<size_t> cuts;
    for (size_t i = 0; i < c.bytes.size(); ++i) cuts.push_back(i);
    EXPECT_EQ(parse_pieces(c.bytes, cuts).body, c.body) << c.name;
  }
}

TEST(RequestParser, LeavesWhatFollows) {
  for (const Case& c : bodies()) EXPECT_EQ(parse(c.bytes + "GET /next HTTP/1.1\r\n").taken, c.bytes.size()) << c.name;
}

TEST(RequestParser, StopsBehindTheHead) {
  RequestParser parser(kHeader, kBody);
  const std::string head = "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n";
  EXPECT_EQ(parser.feed(head + "hello"), head.size());
  EXPECT_EQ(parser.state(), State::kBody);
  EXPECT_EQ(parser.head().content_length, 5u);
}

std::string post(const std::string& fields, const std::string& body = "") {
  return "POST /p HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n" + body;
}

TEST(RequestParser, RefusesWhatTwoReadersUnderstandDifferently) {
  const Case kCases[] = {
      {"two equal lengths", post("Content-Length: 5\r\nContent-Length: 5\r\n", "hello"), ""},
      {"two lengths", post("Content-Length: 5\r\nContent-Length: 6\r\n", "hello"), ""},
      {"a list of lengths", post("Content-Length: 5, 5\r\n", "hello"), ""},
      {"a signed length", post("Content-Length: +5\r\n", "hello"), ""},
      {"a negative length", post("Content-Length: -5\r\n", "hello"), ""},
      {"a hexadecimal length", post("Content-Length: 0x5\r\n", "hello"), ""},
      {"an empty length", post("Content-Length:\r\n"), ""},
      {"a length beyond 64 bits", post("Content-Length: 99999999999999999999\r\n"), ""},
      {"length and chunks", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), ""},
      {"chunks and length", post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n"), ""},
      {"chunks twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"), ""},
      {"chunks in chunks", post("Transfer-Encoding: chunked, chunked\r\n", "0\r\n\r\n"), ""},
      {"another coding", post("Transfer-Encoding: gzip, chunked\r\n", "0\r\n\r\n"), ""},
      {"only another coding", post("Transfer-Encoding: identity\r\n"), ""},
      {"a coding in tabs", post("Transfer-Encoding: x\tchunked\r\n", "0\r\n\r\n"), ""},
      {"chunks in HTTP/1.0", "POST /p HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", ""},
      {"a space before the colon", post("Content-Length : 5\r\n", "hello"), ""},
      {"a field without a colon", post("Content-Length 5\r\n", "hello"), ""},
      {"a field without a name", post(": 5\r\n", "hello"), ""},
      {"bare line feeds", "POST /p HTTP/1.1\nHost: a\nContent-Length: 0\n\n", ""},
      {"a bare line feed in a field", post("X: a\nContent-Length: 5\r\n", "hello"), ""},
      {"a bare carriage return in a field", post("X: a\rContent-Length: 5\r\n", "hello"), ""},
      {"NUL in a field", post(std::string("X: a\0b\r\n", 8)), ""},
      {"two hosts", post("Host: b\r\n"), ""},
      {"two origins", post("Origin: http://a\r\nOrigin: http://b\r\n"), ""},
      {"two authorizations", post("Authorization: Bearer a\r\nAuthorization: Bearer b\r\n"), ""},
      {"a negative chunk", post("Transfer-Encoding: chunked\r\n", "-2\r\nab\r\n0\r\n\r\n"), ""},
      {"a signed chunk", post("Transfer-Encoding: chunked\r\n", "+2\r\nab\r\n0\r\n\r\n"), ""},
      {"a chunk with 0x", post("Transfer-Encoding: chunked\r\n", "0x2\r\nab\r\n0\r\n\r\n"), ""},
      {"a chunk of spaces", post("Transfer-Encoding: chunked\r\n", "  \r\nab\r\n0\r\n\r\n"), ""},
      {"a chunk without a size", post("Transfer-Encoding: chunked\r\n", "\r\nab\r\n0\r\n\r\n"), ""},
      {"a chunk beyond 64 bits", post("Transfer-Encoding: chunked\r\n", "fffffffffffffffff\r\nab\r\n0\r\n\r\n"), ""},
      {"a chunk that is longer than it says", post("Transfer-Encoding: chunked\r\n", "2\r\nabc\r\n0\r\n\r\n"), ""},
      {"line feeds around chunks", post("Transfer-Encoding: chunked\r\n", "2\nab\r\n0\r\n\r\n"), ""},
      {"no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", ""},
      {"two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
      {"a method that is no word", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", ""},
      {"HTTP/0.9", "GET /\r\n\r\n", ""},
      {"no HTTP", "SSH-2.0-OpenSSH\r\n\r\n", ""},
      {"TLS", "\x16\x03\x01\x02\x00\x01", ""},
  };
  for (const Case& c : kCases) {
    for (size_t cut = 0; cut <= c.bytes.size(); ++cut) {
      const Outcome got = parse_pieces(c.bytes, {cut});
      ASSERT_EQ(got.state, State::kFailed) << c.name << " cut at " << cut;
      ASSERT_EQ(got.status, 400) << c.name << " cut at " << cut;
    }
  }
}

TEST(RequestParser, RefusesOtherVersions) {
  EXPECT_EQ(parse("GET / HTTP/2.0\r\nHost: a\r\n\r\n").status, 505);
  EXPECT_EQ(parse("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").status, 505);
}

TEST(RequestParser, BoundsTheHead) {
  const std::string line = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
  const std::string fits(static_cast<size_t>(kHeader) - line.size() - 4, 'x');
  EXPECT_EQ(parse(line + fits + "\r\n\r\n").state, State::kDone);
  for (const size_t cut :
       {size_t{0}, size_t{5}, size_t{100}, static_cast<size_t>(kHeader), static_cast<size_t>(kHeader) + 1}) {
    EXPECT_EQ(parse_pieces(line + fits + "x\r\n\r\n", {cut}).status, 431) << cut;
    EXPECT_EQ(parse_pieces(line + std::string(100'000, 'x'), {cut}).status, 431) << cut;
    EXPECT_EQ(parse_pieces("GET /" + std::string(100'000, 'x'), {cut}).status, 431) << cut;
  }
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 250; ++i) many += "a: b\r\n";
  EXPECT_EQ(parse(many + "\r\n").status, 431);
}

TEST(RequestParser, BoundsTheBody) {
  const std::string full(static_cast<size_t>(kBody), 'x');
  const std::string chunked = post("Transfer-Encoding: chunked\r\n");
  const std::string half = "c350\r\n" + std::string(50'000, 'x') + "\r\n";
  EXPECT_EQ(parse(chunked + half + half + "0\r\n\r\n").body, full);
  EXPECT_EQ(parse(chunked + half + half + "1\r\nx\r\n0\r\n\r\n").status, 413);
  EXPECT_EQ(parse(chunked + "ffffffff\r\n").status, 413);
  EXPECT_EQ(parse(chunked + "ffffffffffffffff\r\n").status, 413);
  EXPECT_EQ(parse(chunked + half + "ffffffffffffffff\r\n").status, 413);
}

TEST(RequestParser, BoundsWhatIsAroundChunks) {
  const std::string chunked = post("Transfer-Encoding: chunked\r\n");
  EXPECT_EQ(parse(chunked + "1;x=" + std::string(20'000, 'y')).status, 400);
  EXPECT_EQ(parse(chunked + "0\r\nX: " + std::string(20'000, 'y')).status, 400);
  EXPECT_EQ(parse(chunked + "1;x=" + std::string(1'000, 'y') + "\r\na\r\n0\r\n\r\n").body, "a");
}

TEST(Target, TakesPathsAndUrlsApart) {
  const auto path = parse_target("GET", "/v1/models/hf.co%2Fa%2Fb:q4?x=1&y=a+b%26c&&z&=v");
  ASSERT_TRUE(path.ok());
  EXPECT_EQ(path->path, "/v1/models/hf.co/a/b:q4");
  EXPECT_EQ(path->authority, "");
  const std::vector<std::pair<std::string, std::string>> query = {{"x", "1"}, {"y", "a b&c"}, {"z", ""}, {"", "v"}};
  EXPECT_EQ(path->query, query);

  const auto url = parse_target("GET", "http://localhost:11434/a%20b?q");
  ASSERT_TRUE(url.ok());
  EXPECT_EQ(url->authority, "localhost:11434");
  EXPECT_EQ(url->path, "/a b");
  EXPECT_EQ((*parse_target("GET", "https://localhost")).path, "/");
  EXPECT_EQ((*parse_target("GET", "http://localhost?a=b")).query.at(0).first, "a");
  EXPECT_EQ((*parse_target("OPTIONS", "*")).path, "*");
  EXPECT_EQ((*parse_target("GET", "/")).path, "/");
  EXPECT_EQ((*parse_target("GET", "/a+b")).path, "/a+b");
  EXPECT_EQ((*parse_target("GET", "/%C3%A9")).path, "/é");
  EXPECT_EQ((*parse_target("GET", "/..a/.b/c..")).path, "/..a/.b/c..");
}

TEST(Target, RefusesTheRest) {
  const char* const kTargets[] = {
      "",          "a",      "*",         "localhost:80", "ftp://localhost/",
      "http:///a", "/%",     "/%4",       "/%zz",         "/a%0",
      "/%00",      "/a%00b", "/%0a",      "/%0D",         "/%7f",
      "/%1b[31m",  "/..",    "/../a",     "/a/..",        "/a/../b",
      "/./a",      "/a/.",   "/%2e%2e/a", "/a%2f..%2fb",  "/a/..%5cb",
      "/..\\a",    "/%ff",   "/%C3",      "/%ED%A0%80",   "/%C0%AE%C0%AE/",
      "/a#b",      "/?a=%",  "/?a=%00",   "/?%ff=1",      "?a",
  };
  for (const char* target : kTargets) EXPECT_FALSE(parse_target("GET", target).ok()) << target;
}

}  // namespace
}  // namespace hearth::server
