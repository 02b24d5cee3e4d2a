// Contract and exclusions: server/stream.h.
#include "server/stream.h"

#include "base/clock.h"

namespace hearth::server {

namespace {
constexpr int64_t kPulseNs = 1'000'000'000;
}

void EventStream::begin() {
  if (begun_) return;
  begun_ = true;
  written_ns_ = monotonic_ns();
  Headers headers = std::move(headers_);
  headers.emplace_back("cache-control", "no-cache");
  responder_->begin_stream(200, form_ == Form::kEvents ? "text/event-stream; charset=utf-8" : "application/x-ndjson",
                           std::move(headers));
}

void EventStream::write(std::string bytes) {
  begin();
  written_ns_ = monotonic_ns();
  responder_->write(std::move(bytes));
}

void EventStream::send(const Json& data) {
  write(form_ == Form::kEvents ? "data: " + to_text(data) + "\n\n" : to_text(data) + "\n");
}

void EventStream::send(std::string_view event, const Json& data) { send_body(event, to_text(data)); }

void EventStream::send_body(std::string_view event, std::string_view text) {
  write("event: " + std::string(event) + "\ndata: " + std::string(text) + "\n\n");
}

void EventStream::send_text(std::string_view text) { write("data: " + std::string(text) + "\n\n"); }

void EventStream::pulse(std::string_view comment) {
  begin();
  if (form_ == Form::kEvents && monotonic_ns() - written_ns_ >= kPulseNs) write(": " + std::string(comment) + "\n\n");
}

void EventStream::end() {
  begin();
  responder_->end_stream();
}

}  // namespace hearth::server
