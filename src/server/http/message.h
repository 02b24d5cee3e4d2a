// One HTTP request and the way to answer it, without a trace of the library underneath.
//
// Contract: a Request has passed the gate (Host, Origin, key, sizes). A Responder may be used from any thread, also
// after the client has gone (then it does nothing); it answers exactly once, whole or as a stream. A stream that its
// reader does not empty within the limits is closed, and on_closed says so. Not here: sockets and limits
// (http/server.h), what routes answer (server/routes.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace hearth::server {

class RequestRecord;

enum class Scope { kInfer, kManage };  // a manage key may infer, too

struct Request {
  std::string method;  // "GET", "HEAD", "POST", "DELETE", ...
  std::string path;    // "/v1/models/qwen2.5-coder:0.5b": percent-decoded, without the query
  std::vector<std::pair<std::string, std::string>> query;    // percent-decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;  // names in lower case, in order
  std::string body;
  std::string owner;             // the key's name, else the connection's; for fairness and the prefix cache
  Scope scope = Scope::kManage;  // what its key may do; without keys everything
  std::string id;                // unique in this process; goes back as x-request-id

  std::optional<std::string_view> header(std::string_view lower_case_name) const;
  std::optional<std::string_view> query_value(std::string_view name) const;
};

using Headers = std::vector<std::pair<std::string, std::string>>;

class Responder {
 public:
  // What a connection (or a test) does with an answer. Calls come one after the other, from any thread.
  struct Sink {
    std::function<void(int status, Headers headers, std::string body)> send;
    std::function<void(int status, Headers headers)> begin_stream;
    std::function<void(std::string bytes)> write;
    std::function<void()> end_stream;
    std::function<void()> abort_stream = nullptr;  // a stream that nobody will end: its reader must see that it is cut
    std::function<bool()> behind = nullptr;        // of a stream: much of it waits to be read
  };
  explicit Responder(Sink sink, std::shared_ptr<RequestRecord> record = nullptr);
  ~Responder();  // an unanswered request gets 500: somebody forgot it; an unended stream is cut
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  void send(int status, std::string_view content_type, std::string body, Headers more = {});
  void begin_stream(int status, std::string_view content_type, Headers more = {});
  void write(std::string bytes);  // of a stream
  void end_stream();
  // What is told of the request when it is over; null where nobody asked.
  const std::shared_ptr<RequestRecord>& record() const { return record_; }
  bool answered() const;  // send or begin_stream has been called
  bool closed() const;    // the client has gone, or was closed
  bool behind() const;    // the client does not read as fast as it is written to: better wait

  // At most one callback; called once if the client goes before the answer is complete, at once if it has gone already.
  // It may come on any thread and must not block.
  void on_closed(std::function<void()> callback);
  // Of the connection: the client has gone.
  void close();

 private:
  void note_status(int status);

  struct State;
  std::shared_ptr<State> state_;
  const std::shared_ptr<RequestRecord> record_;
};

using Handler = std::function<void(Request request, std::shared_ptr<Responder> responder)>;

}  // namespace hearth::server
