// One client's connection: requests one after the other, each judged, read, handed to a handler and answered.
//
// Contract: everything here runs on the I/O thread. One coroutine per connection waits in exactly one place
// (wait_until) and looks around whenever it is woken: by bytes that came, by room to write, by a handler that wrote, by
// the clock. While a handler works the socket is still read, so that a client that goes away is noticed: a reset at
// once, an orderly end after kHalfClosedTime, because some clients end their half when they have asked, and a quick
// answer still reaches them. Not here: accepting (server.cpp), syntax (request_parser.h), who may ask (gate.h).
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/log.h"
#include "base/units.h"
#include "server/http/core.h"
#include "server/http/exchange.h"
#include "server/http/request_parser.h"

namespace hearth::server {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using Time = Clock::time_point;

constexpr auto kHalfClosedTime = std::chrono::milliseconds(40);
constexpr auto kLongestWait = std::chrono::hours(1);  // then whoever waits looks around
constexpr auto kLingerTime = std::chrono::seconds(2);
constexpr size_t kInputBytes = 128 << 10;  // read ahead of the parser, beyond a whole head
constexpr size_t kBodyProgress = 1 << 10;  // that a body must make within body_idle_time
constexpr const char* kRetrySeconds = "1";

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<Core> core, StreamSocket socket, GateContext gate)
      : core_(std::move(core)), socket_(std::move(socket)), timer_(core_->io), gate_(std::move(gate)) {}

  asio::awaitable<void> serve(bool refuse);
  void wake() { timer_.cancel(); }
  void stop();

 private:
  enum class After { kKeep, kClose };
  struct Asked;

  asio::awaitable<bool> wait_until(Time deadline);
  void watch_input();
  void input_ready(const boost::system::error_code& error);
  void watch_output();

  asio::awaitable<After> one_request();
  asio::awaitable<bool> read_head(RequestParser& parser);
  asio::awaitable<bool> read_body(RequestParser& parser, Asked& asked);
  void feed(RequestParser& parser);
  bool accept_expectation(const RequestHead& head);
  std::shared_ptr<Exchange> make_exchange(const RequestHead& head, const Headers& headers, bool keep_alive);
  // Not a coroutine, and called outside of co_await expressions: g++ 12 destroys temporaries in those twice.
  std::shared_ptr<Exchange> error(const Asked& asked, int status, const std::string& message, Headers more = {});
  std::shared_ptr<Exchange> busy(const Asked& asked, const std::string& message);
  std::shared_ptr<Exchange> refuse_if_busy(const Asked& asked);
  std::shared_ptr<Exchange> judge(Asked& asked, RequestParser& parser);
  void note_request(const Asked& asked) const;
  asio::awaitable<After> dispatch(RequestParser& parser, Asked& asked);
  asio::awaitable<After> deliver(std::shared_ptr<Exchange> exchange);
  asio::awaitable<void> linger();
  void client_gone();

  const std::shared_ptr<Core> core_;
  StreamSocket socket_;
  asio::steady_timer timer_;
  const GateContext gate_;
  std::string input_;     // not parsed yet
  bool first_ = true;     // no request has come yet
  bool reading_ = false;  // input_ready will be called
  bool writing_ = false;  // room to write will wake us
  bool discard_ = false;  // input is thrown away
  bool ended_ = false;    // the client's half has ended
  bool broken_ = false;   // the connection is of no use any more
  std::weak_ptr<Responder> responder_;
};

// What is known of a request when it is answered.
struct Connection::Asked {
  RequestHead head;
  Target target;
  GateDecision decision;
  std::string id;
  std::shared_ptr<RequestRecord> record;  // none if no head came
};

// True if woken, false if it is past the deadline.
asio::awaitable<bool> Connection::wait_until(Time deadline) {
  boost::system::error_code error;
  timer_.expires_at(std::min(deadline, Clock::now() + kLongestWait));
  co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, error));
  co_return error == asio::error::operation_aborted;
}

void Connection::watch_input() {
  if (reading_ || ended_ || broken_) return;
  if (input_.size() >= kInputBytes + static_cast<size_t>(core_->options.limits.header_bytes)) return;
  reading_ = true;
  socket_.async_wait(StreamSocket::wait_read, [self = shared_from_this()](const boost::system::error_code& error) {
    self->reading_ = false;
    self->input_ready(error);
    self->wake();
  });
}

void Connection::input_ready(const boost::system::error_code& error) {
  if (broken_) return;
  boost::system::error_code read_error = error;
  size_t bytes = 0;
  if (!read_error) bytes = socket_.read_some(asio::buffer(core_->scratch), read_error);
  if (read_error == asio::error::would_block || read_error == asio::error::try_again) return watch_input();
  if (read_error == asio::error::eof) {
    ended_ = true;
  } else if (read_error) {
    broken_ = true;
    client_gone();
  } else {
    if (!discard_) input_.append(core_->scratch.data(), bytes);
    watch_input();
  }
}

void Connection::watch_output() {
  if (std::exchange(writing_, true)) return;
  socket_.async_wait(StreamSocket::wait_write, [self = shared_from_this()](const boost::system::error_code&) {
    self->writing_ = false;
    self->wake();
  });
}

void Connection::client_gone() {
  if (const auto responder = responder_.lock()) responder->close();
}

void Connection::stop() {
  broken_ = true;
  client_gone();
  boost::system::error_code ignored;
  socket_.close(ignored);
  wake();
}

void Connection::feed(RequestParser& parser) {
  const size_t before = parser.body_bytes();
  input_.erase(0, parser.feed(input_));
  core_->body_bytes.fetch_add(static_cast<int64_t>(parser.body_bytes() - before));
  watch_input();
}

static std::string in_seconds(std::chrono::milliseconds time) {
  return format_duration(std::chrono::duration<double>(time).count());
}

// False: nothing came that deserves an answer.
asio::awaitable<bool> Connection::read_head(RequestParser& parser) {
  const HttpLimits& limits = core_->options.limits;
  Time deadline = Clock::now() + (first_ ? limits.header_time : limits.keep_alive_time);
  bool begun = false;
  while (true) {
    feed(parser);
    if (parser.state() != RequestParser::State::kHead) co_return true;
    if (broken_ || ended_) co_return false;
    if (!begun && !first_ && (parser.begun() || !input_.empty())) {
      begun = true;
      deadline = Clock::now() + limits.header_time;
    }
    const bool woken = co_await wait_until(deadline);
    if (woken || Clock::now() < deadline) continue;
    if (!parser.begun() && input_.empty()) co_return false;
    auto late = error(Asked{}, 408, "The request's head did not come within " + in_seconds(limits.header_time) + ".");
    co_await deliver(std::move(late));
    co_return false;
  }
}

// False: the client was told to continue for nothing, or cannot be told.
bool Connection::accept_expectation(const RequestHead& head) {
  if (!head.header("expect") || head.version < 11 || !input_.empty()) return true;
  constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  boost::system::error_code error;
  return socket_.write_some(asio::buffer(kContinue), error) == kContinue.size();
}

asio::awaitable<bool> Connection::read_body(RequestParser& parser, Asked& asked) {
  const HttpLimits& limits = core_->options.limits;
  if (parser.state() == RequestParser::State::kBody && !accept_expectation(asked.head)) co_return false;
  Time deadline = Clock::now() + limits.body_idle_time;
  size_t reached = 0;
  while (true) {
    feed(parser);
    if (parser.state() == RequestParser::State::kDone) co_return true;
    if (parser.state() == RequestParser::State::kFailed) {
      auto refused = error(asked, parser.failure_status(), parser.failure());
      co_await deliver(std::move(refused));
      co_return false;
    }
    if (broken_ || ended_) co_return false;
    if (core_->body_bytes.load() > limits.all_bodies_bytes) {
      auto full = busy(asked, "The bodies of all requests together are larger than the server holds; try again soon.");
      co_await deliver(std::move(full));
      co_return false;
    }
    if (parser.body_bytes() >= reached + kBodyProgress) {
      reached = parser.body_bytes();
      deadline = Clock::now() + limits.body_idle_time;
    }
    const bool woken = co_await wait_until(deadline);
    if (woken || Clock::now() < deadline) continue;
    auto late = error(asked, 408, "The body stopped coming for " + in_seconds(limits.body_idle_time) + ".");
    co_await deliver(std::move(late));
    co_return false;
  }
}

std::shared_ptr<Exchange> Connection::make_exchange(const RequestHead& head, const Headers& headers, bool keep_alive) {
  Exchange::Options options;
  options.head_only = head.method == "HEAD";
  options.chunked = head.version >= 11;
  options.keep_alive = keep_alive;
  options.unsent_bytes = core_->options.limits.unsent_bytes;
  options.behind_bytes = core_->options.limits.behind_bytes;
  options.headers = headers;
  // The queue of the io_context must not hold what holds the io_context.
  options.wake = [core = core_, weak = weak_from_this()] {
    asio::post(core->io, [weak] {
      if (const auto connection = weak.lock()) connection->wake();
    });
  };
  return std::make_shared<Exchange>(std::move(options));
}

static Headers headers_of_every_answer(const Headers& gate, const std::string& id) {
  Headers headers = gate;
  headers.emplace_back("x-content-type-options", "nosniff");
  if (!id.empty()) headers.emplace_back("x-request-id", id);
  return headers;
}

std::shared_ptr<Exchange> Connection::error(const Asked& asked, int status, const std::string& message, Headers more) {
  // What follows an error without a body is the next request; a body that was not read is not.
  const bool keep_alive = asked.head.keep_alive && !asked.head.has_body && !asked.head.method.empty();
  auto exchange = make_exchange(asked.head, headers_of_every_answer(asked.decision.every_answer, asked.id), keep_alive);
  more.emplace_back("content-type", "application/json");
  if (asked.record) {
    asked.record->add([&](RequestFacts& facts) {
      facts.status = status;
      if (status >= 400) facts.error = message;
    });
  }
  exchange->send(status, more, status == 204 ? std::string() : error_body(status, message));
  return exchange;
}

std::shared_ptr<Exchange> Connection::busy(const Asked& asked, const std::string& message) {
  return error(asked, 503, message, {{"retry-after", kRetrySeconds}});
}

// What is known of it so far. An owner that is not the connection is a key.
void Connection::note_request(const Asked& asked) const {
  if (!asked.record) return;
  asked.record->add([&](RequestFacts& facts) {
    facts.id = asked.id;
    facts.method = asked.head.method;
    facts.path = asked.target.path;
    if (asked.decision.owner != gate_.connection_name) facts.key = asked.decision.owner;
  });
}

// The answer to a request that goes no further than its head; else null.
std::shared_ptr<Exchange> Connection::judge(Asked& asked, RequestParser& parser) {
  asked.id = core_->request_prefix + std::to_string(++core_->last_request);
  const HttpOptions& options = core_->options;
  if (options.on_request_end) asked.record = std::make_shared<RequestRecord>(options.on_request_end, options.record_texts);
  note_request(asked);
  if (parser.state() == RequestParser::State::kFailed) return error(asked, parser.failure_status(), parser.failure());
  asked.head = parser.head();
  auto target = parse_target(asked.head.method, asked.head.target);
  if (!target) return error(asked, 400, target.error().message);
  asked.target = std::move(*target);
  asked.decision = decide(core_->options.gate, gate_, asked.head, asked.target);
  note_request(asked);
  if (asked.decision.status != 0) {
    return error(asked, asked.decision.status, asked.decision.message, asked.decision.answer_headers);
  }
  const int64_t limit = core_->options.limits.body_bytes;
  if (asked.head.content_length.value_or(0) > static_cast<uint64_t>(limit)) {
    return error(asked, 413, "The body is larger than the limit of " + std::to_string(limit) + " bytes.");
  }
  const auto expectation = asked.head.header("expect");
  if (expectation && *expectation != "100-continue" && *expectation != "100-Continue") {
    return error(asked, 417, "Only the expectation 100-continue can be met.");
  }
  return nullptr;
}

asio::awaitable<Connection::After> Connection::one_request() {
  RequestParser parser(core_->options.limits.header_bytes, core_->options.limits.body_bytes);
  struct BodyBytes {  // counted as long as the parser holds them
    Core& core;
    RequestParser& parser;
    ~BodyBytes() { core.body_bytes.fetch_sub(static_cast<int64_t>(parser.body_bytes())); }
  } counted{*core_, parser};

  const bool came = co_await read_head(parser);
  if (!came) co_return After::kClose;
  first_ = false;
  Asked asked;
  auto refused = judge(asked, parser);
  if (!refused) refused = refuse_if_busy(asked);
  if (refused) co_return co_await deliver(std::move(refused));
  const bool read = co_await read_body(parser, asked);
  if (!read) co_return After::kClose;
  asked.head.has_body = false;  // it is behind us
  refused = refuse_if_busy(asked);
  if (refused) co_return co_await deliver(std::move(refused));
  co_return co_await dispatch(parser, asked);
}

// Asked before the body, so that it need not be sent, and after it, when it counts.
std::shared_ptr<Exchange> Connection::refuse_if_busy(const Asked& asked) {
  if (core_->draining.load()) return busy(asked, "The server is about to stop and takes no new requests.");
  if (core_->requests.load() < core_->options.limits.requests_at_once) return nullptr;
  return busy(asked, "The server handles as many requests as it can at a time; try again soon.");
}

asio::awaitable<Connection::After> Connection::dispatch(RequestParser& parser, Asked& asked) {
  Request request;
  const auto ticket = std::make_shared<Ticket>(core_, static_cast<int64_t>(parser.body_bytes()));
  core_->body_bytes.fetch_sub(static_cast<int64_t>(parser.body_bytes()));  // the ticket's now
  request.body = parser.take_body();
  request.method = asked.head.method;
  request.path = std::move(asked.target.path);
  request.query = std::move(asked.target.query);
  request.headers = std::move(asked.head.headers);
  request.owner = asked.decision.owner;
  request.scope = asked.decision.scope;
  request.id = asked.id;
  if (asked.record && asked.record->keeps_texts()) {
    asked.record->add([&](RequestFacts& facts) { facts.asked = request.body; });
  }

  const auto exchange =
      make_exchange(asked.head, headers_of_every_answer(asked.decision.every_answer, asked.id), asked.head.keep_alive);
  auto responder = std::make_shared<Responder>(Responder::Sink{
      .send = [exchange, ticket](int status, Headers headers,
                                 std::string body) { exchange->send(status, headers, body); },
      .begin_stream = [exchange](int status, Headers headers) { exchange->begin_stream(status, headers); },
      .write = [exchange](std::string bytes) { exchange->write(bytes); },
      .end_stream = [exchange] { exchange->end_stream(); },
      .abort_stream = [exchange] { exchange->abort_stream(); },
      .behind = [exchange] { return exchange->behind(); }}, asked.record);
  responder_ = responder;
  const Busy counted(*core_);
  const bool light = request.body.empty();
  core_->workers.add(
      light, [core = core_.get(), ticket, request = std::move(request), responder = std::move(responder)]() mutable {
        if (!responder->closed()) core->handler(std::move(request), std::move(responder));
      });
  const After after = co_await deliver(exchange);
  if (broken_ && asked.record) asked.record->add([](RequestFacts& facts) { facts.client_gone = true; });
  co_return after;
}

// Writes what the exchange gets until it is complete, or tells its handler that the client has gone.
asio::awaitable<Connection::After> Connection::deliver(std::shared_ptr<Exchange> exchange) {
  const auto stall_time = core_->options.limits.write_stall_time;
  std::string bytes;
  size_t done = 0;
  auto progress = Exchange::Progress::kRunning;
  Time stalled = Time::max();  // when the reader has had its time
  Time gone = Time::max();     // when a client that has ended its half counts as gone
  while (!broken_) {
    if (done == bytes.size()) {
      bytes.clear();
      done = 0;
      stalled = Time::max();
      progress = exchange->take(&bytes);
      if (progress == Exchange::Progress::kComplete && bytes.empty()) {
        co_return exchange->keep_alive() ? After::kKeep : After::kClose;
      }
    }
    progress = exchange->look();
    const Time now = Clock::now();
    if (progress == Exchange::Progress::kBroken || now >= stalled || now >= gone) break;
    if (ended_ && gone == Time::max() && progress == Exchange::Progress::kRunning) gone = now + kHalfClosedTime;
    if (progress == Exchange::Progress::kComplete) gone = Time::max();
    if (done < bytes.size()) {
      boost::system::error_code error;
      const size_t written = socket_.write_some(asio::buffer(bytes.data() + done, bytes.size() - done), error);
      if (!error) {
        done += written;
        exchange->sent(static_cast<int64_t>(written));
        stalled = Time::max();
        continue;
      }
      if (error != asio::error::would_block && error != asio::error::try_again) break;
      if (stalled == Time::max()) stalled = now + stall_time;
      watch_output();
    }
    co_await wait_until(std::min(stalled, gone));
  }
  broken_ = true;
  client_gone();
  co_return After::kClose;
}

// Ends our half and reads what the client still sends, so that it gets the answer and not a reset.
asio::awaitable<void> Connection::linger() {
  boost::system::error_code ignored;
  socket_.shutdown(StreamSocket::shutdown_send, ignored);
  discard_ = true;
  input_.clear();
  watch_input();
  const Time deadline = Clock::now() + kLingerTime;
  while (!broken_ && !ended_ && Clock::now() < deadline) co_await wait_until(deadline);
}

asio::awaitable<void> Connection::serve(bool refuse) {
  boost::system::error_code ignored;
  socket_.non_blocking(true, ignored);
  if (refuse) {
    auto refused = busy(Asked{}, "There are as many connections as the server takes; try again soon.");
    co_await deliver(std::move(refused));
  }
  auto after = refuse ? After::kClose : After::kKeep;
  while (!broken_ && after == After::kKeep && !(ended_ && input_.empty())) after = co_await one_request();
  if (!broken_) co_await linger();
  broken_ = true;
  socket_.close(ignored);
}

static asio::awaitable<void> serve(std::shared_ptr<Connection> connection, std::shared_ptr<Core> core, uint64_t number,
                                   bool refuse) {
  try {
    co_await connection->serve(refuse);
  } catch (const std::exception& error) {  // of Asio or of memory: this connection ends, the others go on
    log(LogLevel::kError, std::string("a connection ended by an error: ") + error.what());
    connection->stop();
  }
  core->connections.erase(number);
  core->open_connections.fetch_sub(1);
}

void serve_connection(const std::shared_ptr<Core>& core, StreamSocket socket, const GateContext& gate, bool refuse) {
  const uint64_t number = ++core->last_connection;
  GateContext own = gate;
  own.connection_name = "connection " + std::to_string(number);
  auto connection = std::make_shared<Connection>(core, std::move(socket), std::move(own));
  core->connections.emplace(number, connection);
  core->open_connections.fetch_add(1);
  asio::co_spawn(core->io, serve(std::move(connection), core, number, refuse), asio::detached);
}

void stop_connection(Connection& connection) {
  connection.stop();
}

}  // namespace hearth::server
