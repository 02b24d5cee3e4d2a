// Requests' fields by name, and the Responder's promise: one answer, in order, from any thread.
//
// Contract: see message.h. The sink is called with `order` held and nothing else, so that calls to it come one after
// the other; what it is told last releases it. Callbacks are called with no lock held. Not here: how an answer becomes
// bytes (connection.cpp).
#include "server/http/message.h"

#include <mutex>

#include "server/http/request_record.h"

namespace hearth::server {

std::optional<std::string_view> Request::header(std::string_view lower_case_name) const {
  for (const auto& [name, value] : headers) {
    if (name == lower_case_name) return value;
  }
  return std::nullopt;
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
  for (const auto& [key, value] : query) {
    if (key == name) return value;
  }
  return std::nullopt;
}

enum class Phase { kUnanswered, kStreaming, kComplete };

struct Responder::State {
  std::mutex order;          // held while the sink is called; taken before `mutex`
  std::optional<Sink> sink;  // under `order`
  mutable std::mutex mutex;
  Phase phase = Phase::kUnanswered;  // under `mutex`, as all below
  bool closed = false;
  std::function<void()> callback;

  // Moves from `from` to `to`; false if the answer is elsewhere or nobody is there to hear it. A callback that can no
  // longer be called is put into `dropped`, so that what it holds dies outside of the lock.
  bool advance(Phase from, Phase to, std::function<void()>* dropped) {
    const std::lock_guard lock(mutex);
    if (phase != from) return false;
    phase = to;
    if (to == Phase::kComplete) dropped->swap(callback);
    return !closed;
  }

  // Calls `use(*sink)` if the move is possible, and lets the sink go with the last call.
  template <class Use>
  void tell(Phase from, Phase to, Use use) {
    std::function<void()> dropped;
    std::optional<Sink> last;
    const std::lock_guard in_order(order);
    if (advance(from, to, &dropped) && sink) use(*sink);
    if (phase_now() == Phase::kComplete) last.swap(sink);
  }

  Phase phase_now() const {
    const std::lock_guard lock(mutex);
    return phase;
  }
};

Responder::Responder(Sink sink, std::shared_ptr<RequestRecord> record)
    : state_(std::make_shared<State>()), record_(std::move(record)) {
  state_->sink = std::move(sink);
}

Responder::~Responder() {
  constexpr char kForgotten[] =
      R"({"error":{"code":500,"message":"The server gave no answer to this request. This is a bug; please report it.",)"
      R"("type":"server_error"}})";
  if (!answered()) send(500, "application/json", kForgotten);
  state_->tell(Phase::kStreaming, Phase::kComplete, [](Sink& sink) {
    if (sink.abort_stream) sink.abort_stream();
  });
}

void Responder::note_status(int status) {
  if (record_) record_->add([status](RequestFacts& facts) { facts.status = status; });
}

static Headers with_content_type(std::string_view content_type, Headers more) {
  Headers headers;
  headers.reserve(more.size() + 1);
  headers.emplace_back("content-type", content_type);
  for (auto& header : more) headers.push_back(std::move(header));
  return headers;
}

void Responder::send(int status, std::string_view content_type, std::string body, Headers more) {
  state_->tell(Phase::kUnanswered, Phase::kComplete, [&](Sink& sink) {
    note_status(status);
    sink.send(status, with_content_type(content_type, std::move(more)), std::move(body));
  });
}

void Responder::begin_stream(int status, std::string_view content_type, Headers more) {
  state_->tell(Phase::kUnanswered, Phase::kStreaming, [&](Sink& sink) {
    note_status(status);
    sink.begin_stream(status, with_content_type(content_type, std::move(more)));
  });
}

void Responder::write(std::string bytes) {
  if (bytes.empty()) return;
  state_->tell(Phase::kStreaming, Phase::kStreaming, [&](Sink& sink) { sink.write(std::move(bytes)); });
}

void Responder::end_stream() {
  state_->tell(Phase::kStreaming, Phase::kComplete, [](Sink& sink) { sink.end_stream(); });
}

bool Responder::answered() const {
  return state_->phase_now() != Phase::kUnanswered;
}

bool Responder::closed() const {
  const std::lock_guard lock(state_->mutex);
  return state_->closed;
}

bool Responder::behind() const {
  const std::lock_guard in_order(state_->order);
  return state_->sink && state_->sink->behind && state_->sink->behind();
}

void Responder::on_closed(std::function<void()> callback) {
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->phase == Phase::kComplete) return;
    if (!state_->closed) {
      state_->callback.swap(callback);
      return;
    }
  }
  callback();
}

void Responder::close() {
  std::function<void()> callback;
  {
    const std::lock_guard lock(state_->mutex);
    if (state_->closed) return;
    state_->closed = true;
    callback.swap(state_->callback);
  }
  if (callback) callback();
}

}  // namespace hearth::server
