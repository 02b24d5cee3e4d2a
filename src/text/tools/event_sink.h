// Where the parts of the parser put their events: joins neighbouring pieces and numbers the calls.
//
// Contract: appends only. Not thread-safe.
// Not here: what the events mean (answer_parser.h).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tools/answer_parser.h"

namespace hearth::text::tools {

class EventSink {
 public:
  explicit EventSink(std::function<std::string()> new_id) : new_id_(std::move(new_id)) {}
  void write_to(std::vector<AnswerEvent>* events) { events_ = events; }

  void text(AnswerEvent::Kind kind, std::string_view text);
  void begin_call(std::string_view name);
  void arguments(std::string_view text);
  void end_call(std::string raw);
  void malformed(std::string raw, std::string what);
  bool call_open() const { return open_; }  // one has begun and not ended
  int ended() const { return ended_; }

 private:
  std::vector<AnswerEvent>* events_ = nullptr;
  std::function<std::string()> new_id_;
  int begun_ = 0, ended_ = 0;
  bool open_ = false;
};

}  // namespace hearth::text::tools
