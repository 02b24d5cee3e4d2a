// The request parser on Beast's, with what it tolerates and we do not.
//
// Contract: see request_parser.h. Beast splits lines, fields and chunks; repeated lengths, transfer codings other than
// "chunked", repeated Host and Authorization, and the limits are judged here.
// Not here: targets (target.cpp).
#include "server/http/request_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>

#include "base/ascii.h"

namespace hearth::server {
namespace {

namespace http = boost::beast::http;
using ParseStatus = boost::beast::error_code;
using StringView = boost::beast::string_view;

constexpr size_t kMaxHeaders = 200;
constexpr size_t kMaxChunkLine = 16 << 10;  // a chunk's size and extensions, or all trailers

// "GET / HTTP/2.0": well formed, but of another time.
bool names_a_version(std::string_view bytes) {
  const std::string_view line = bytes.substr(0, bytes.find("\r\n"));
  if (line.size() == bytes.size() || line.size() < 9) return false;
  const std::string_view version = line.substr(line.size() - 9);
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  return version.starts_with(" HTTP/") && digit(version[6]) && version[7] == '.' && digit(version[8]);
}

}  // namespace

std::optional<std::string_view> RequestHead::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return std::nullopt;
}

size_t RequestHead::count(std::string_view lower_case_name) const {
  return static_cast<size_t>(std::count_if(headers.begin(), headers.end(),
                                           [&](const auto& header) { return header.first == lower_case_name; }));
}

struct RequestParser::Impl final : http::basic_parser<true> {
  size_t header_limit_bytes = 0;
  size_t body_limit_bytes = 0;
  size_t head_taken = 0;  // bytes of the head that are consumed
  size_t scanned = 0;     // of the bytes behind them, by has_bare_line_feed
  bool first_line_skipped = false;
  State state = State::kHead;
  RequestHead head;
  std::string body;
  int failure_status = 0;
  std::string failure;

  void fail(int status, std::string message) {
    state = State::kFailed;
    failure_status = status;
    failure = std::move(message);
  }
  void refuse(int status, std::string message, ParseStatus& ec) {
    fail(status, std::move(message));
    ec = http::error::bad_field;
  }
  void add_to_body(StringView bytes, ParseStatus& ec) {
    if (bytes.size() > body_limit_bytes - body.size()) return refuse_body(ec);
    body.append(bytes.data(), bytes.size());
  }
  void refuse_body(ParseStatus& ec) {
    refuse(413, "The body is larger than the limit of " + std::to_string(body_limit_bytes) + " bytes.", ec);
  }

  void check_head(ParseStatus& ec);
  void fail_of(const ParseStatus& ec, std::string_view line);
  bool has_bare_line_feed(std::string_view bytes);
  size_t feed_head(std::string_view bytes);
  size_t feed_body(std::string_view bytes);

  void on_request_impl(http::verb, StringView method, StringView target, int version, ParseStatus&) override {
    head.method.assign(method.data(), method.size());
    head.target.assign(target.data(), target.size());
    head.version = version;
  }
  void on_response_impl(int, StringView, int, ParseStatus&) override {}
  void on_field_impl(http::field, StringView name, StringView value, ParseStatus& ec) override {
    if (is_header_done()) return;  // a trailer: nothing that we read
    if (head.headers.size() >= kMaxHeaders) {
      return refuse(431, "The request has more than " + std::to_string(kMaxHeaders) + " header fields.", ec);
    }
    head.headers.emplace_back(lower_case({name.data(), name.size()}), std::string(value.data(), value.size()));
  }
  void on_header_impl(ParseStatus& ec) override { check_head(ec); }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, ParseStatus&) override {}
  std::size_t on_body_impl(StringView bytes, ParseStatus& ec) override {
    add_to_body(bytes, ec);
    return bytes.size();
  }
  void on_chunk_header_impl(std::uint64_t size, StringView, ParseStatus& ec) override {
    if (size > body_limit_bytes - body.size()) refuse_body(ec);
  }
  std::size_t on_chunk_body_impl(std::uint64_t, StringView bytes, ParseStatus& ec) override {
    add_to_body(bytes, ec);
    return bytes.size();
  }
  void on_finish_impl(ParseStatus&) override {}
};

void RequestParser::Impl::check_head(ParseStatus& ec) {
  for (const char* name : {"host", "content-length", "transfer-encoding", "authorization", "origin", "content-type"}) {
    if (head.count(name) > 1) return refuse(400, std::string("The header ") + name + " is there more than once.", ec);
  }
  const auto length = head.header("content-length");
  if (length && !std::all_of(length->begin(), length->end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return refuse(400, "Content-Length is not a number.", ec);
  }
  if (const auto coding = head.header("transfer-encoding")) {
    if (lower_case(*coding) != "chunked" || head.version < 11) {
      return refuse(400, "Only Transfer-Encoding: chunked is understood, and only in HTTP/1.1.", ec);
    }
    if (length) return refuse(400, "Content-Length and Transfer-Encoding exclude each other.", ec);
  }
  if (length) head.content_length = content_length() ? *content_length() : 0;
  head.has_body = chunked() || head.content_length.value_or(0) > 0;
  head.keep_alive = keep_alive();
}

void RequestParser::Impl::fail_of(const ParseStatus& ec, std::string_view line) {
  if (state == State::kFailed) return;
  if (ec == http::error::header_limit) {
    return fail(431,
                "The request's head is larger than the limit of " + std::to_string(header_limit_bytes) + " bytes.");
  }
  if (ec == http::error::bad_version && names_a_version(line)) {
    return fail(505, "Only HTTP/1.0 and HTTP/1.1 are spoken here.");
  }
  fail(400, "This is not a well-formed HTTP request: " + ec.message() + ".");
}

// Beast waits for the end of a head that came in pieces, which lines without carriage returns never reach.
bool RequestParser::Impl::has_bare_line_feed(std::string_view bytes) {
  if (got_some() && bytes.starts_with("\r\n")) return false;  // the head's last line; what follows is none of it
  const std::string_view head = bytes.substr(0, bytes.find("\r\n\r\n", scanned - std::min<size_t>(scanned, 3)));
  size_t at = head.find('\n', scanned);
  while (at != std::string_view::npos && at > 0 && head[at - 1] == '\r') at = head.find('\n', at + 1);
  scanned = head.size();
  return at != std::string_view::npos;
}

size_t RequestParser::Impl::feed_head(std::string_view bytes) {
  size_t skipped = 0;
  // Some clients end a body with a line of its own; one is ignored, as RFC 9112 recommends.
  if (!got_some() && !first_line_skipped && bytes.starts_with("\r")) {
    if (bytes == "\r") return 0;
    if (bytes.starts_with("\r\n")) {
      skipped = 2;
      first_line_skipped = true;
      bytes.remove_prefix(2);
    }
  }
  if (bytes.empty()) return skipped;
  if (bytes.front() == '\x16') {
    fail(400, "This port speaks plain HTTP: use http://, not https://.");
    return skipped;
  }
  if (has_bare_line_feed(bytes)) {
    fail(400, "This is not a well-formed HTTP request: a line of its head does not end in CR LF.");
    return skipped;
  }
  ParseStatus ec;
  const size_t taken = put({bytes.data(), bytes.size()}, ec);
  scanned -= std::min(scanned, taken);
  head_taken += taken;
  const size_t pending = is_header_done() ? 0 : bytes.size() - taken;
  if (head_taken + pending > header_limit_bytes && (!ec || ec == http::error::need_more))
    ec = http::error::header_limit;
  if (ec == http::error::need_more && !is_header_done()) return skipped + taken;
  if (ec && ec != http::error::need_more) {
    fail_of(ec, bytes);
    return skipped + taken;
  }
  state = is_done() ? State::kDone : State::kBody;
  return skipped + taken;
}

size_t RequestParser::Impl::feed_body(std::string_view bytes) {
  if (bytes.empty()) return 0;
  ParseStatus ec;
  const size_t taken = put({bytes.data(), bytes.size()}, ec);
  if (ec && ec != http::error::need_more) {
    fail_of(ec, {});
  } else if (is_done()) {
    state = State::kDone;
  } else if (ec == http::error::need_more && bytes.size() - taken > kMaxChunkLine) {
    fail(400, "A chunk's first line, or the trailers, are longer than " + std::to_string(kMaxChunkLine) + " bytes.");
  }
  return taken;
}

RequestParser::RequestParser(int64_t header_bytes, int64_t body_bytes) : impl_(std::make_unique<Impl>()) {
  impl_->header_limit_bytes = static_cast<size_t>(header_bytes);
  impl_->body_limit_bytes = static_cast<size_t>(body_bytes);
  // Beast's own limit counts pieces; one byte more than ours lets ours decide.
  impl_->header_limit(static_cast<std::uint32_t>(std::min<int64_t>(header_bytes + 1, UINT32_MAX)));
  impl_->body_limit(boost::none);
  impl_->eager(false);
}

RequestParser::~RequestParser() = default;

size_t RequestParser::feed(std::string_view bytes) {
  if (impl_->state == State::kHead) return impl_->feed_head(bytes);
  size_t taken = 0;
  while (impl_->state == State::kBody && taken < bytes.size()) {
    const size_t step = impl_->feed_body(bytes.substr(taken));
    if (step == 0) break;
    taken += step;
  }
  return taken;
}

RequestParser::State RequestParser::state() const {
  return impl_->state;
}
bool RequestParser::begun() const {
  return impl_->got_some() || impl_->first_line_skipped;
}
const RequestHead& RequestParser::head() const {
  return impl_->head;
}
size_t RequestParser::body_bytes() const {
  return impl_->body.size();
}
std::string RequestParser::take_body() {
  return std::move(impl_->body);
}
int RequestParser::failure_status() const {
  return impl_->failure_status;
}
const std::string& RequestParser::failure() const {
  return impl_->failure;
}

}  // namespace hearth::server
