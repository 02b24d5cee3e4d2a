// Bytes of one HTTP/1 request in, a checked request out.
//
// Contract: pure. The same bytes in any pieces give the same request, or are refused, if later in some pieces than in
// others. Whatever two readers could understand differently (repeated or mixed lengths, other transfer codings, several
// hosts) is refused, never interpreted; a refusal has the status to answer with. Field names come out in lower case.
// Not here: who may ask (gate.h), time (connection.cpp).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "hearth/error.h"

namespace hearth::server {

struct RequestHead {
  std::string method;
  std::string target;                                        // as sent
  int version = 11;                                          // 10 or 11
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
  std::optional<uint64_t> content_length;
  bool has_body = false;  // more than zero bytes, or chunks, follow
  bool keep_alive = true;

  std::optional<std::string_view> header(std::string_view lower_case_name) const;
  size_t count(std::string_view lower_case_name) const;
};

class RequestParser {
 public:
  enum class State { kHead, kBody, kDone, kFailed };

  RequestParser(int64_t header_bytes, int64_t body_bytes);
  ~RequestParser();
  // Takes what it can of `bytes` and returns how much; the rest is to be given again, with more behind it. Stops behind
  // the head, so that it can be judged before the body is read, and behind the request.
  size_t feed(std::string_view bytes);
  State state() const;
  bool begun() const;               // at least one byte of a request has come
  const RequestHead& head() const;  // from kBody on
  size_t body_bytes() const;        // so far
  std::string take_body();
  int failure_status() const;  // of kFailed
  const std::string& failure() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The request target in its parts. Refused: anything but a path or a URL of http or https, bad percent-encoding,
// control characters, "." and ".." segments, bytes that are not UTF-8.
struct Target {
  std::string authority;  // of a whole URL; else empty
  std::string path;       // percent-decoded
  std::vector<std::pair<std::string, std::string>> query;
};
Result<Target> parse_target(std::string_view method, std::string_view target);

}  // namespace hearth::server
