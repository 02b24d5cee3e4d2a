// Streams of events: server-sent events (OpenAI, Anthropic, llama-server) and lines of JSON (Ollama).
//
// Contract: headers go out with the first event, so that an error found before it still has its own status. pulse() says with
// a comment that a long prompt is being worked on, at most once a second; lines of JSON have no comments. Used by one thread
// at a time.
// Not here: what the events say.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "server/http/message.h"
#include "server/json.h"

namespace hearth::server {

class EventStream {
 public:
  enum class Form { kEvents, kLines };
  EventStream(std::shared_ptr<Responder> responder, Form form, Headers headers = {})
      : responder_(std::move(responder)), form_(form), headers_(std::move(headers)) {}

  bool begun() const { return begun_; }
  void send(const Json& data);                            // "data: {...}" or a line
  void send(std::string_view event, const Json& data);    // "event: name" and its data
  void send_text(std::string_view text);                  // "data: [DONE]"
  void send_body(std::string_view event, std::string_view text);  // "event: name" and data that is text of JSON
  void pulse(std::string_view comment);
  void end();

 private:
  void begin();
  void write(std::string bytes);

  std::shared_ptr<Responder> responder_;
  Form form_;
  Headers headers_;
  bool begun_ = false;
  int64_t written_ns_ = 0;
};

}  // namespace hearth::server
