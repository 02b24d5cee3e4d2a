// Contract and exclusions: event_sink.h.
#include "text/tools/event_sink.h"

namespace hearth::text::tools {

void EventSink::text(EventKind kind, std::string_view text) {
  if (text.empty()) return;
  if (events_->empty() || events_->back().kind != kind) {
    events_->emplace_back();
    events_->back().kind = kind;
  }
  events_->back().text += text;
}

void EventSink::begin_call(std::string_view name) {
  AnswerEvent event;
  event.kind = EventKind::kCallBegin;
  event.call = begun_++;
  event.id = new_id_();
  event.name = name;
  events_->push_back(std::move(event));
  open_ = true;
}

void EventSink::arguments(std::string_view text) {
  if (text.empty()) return;
  if (events_->empty() || events_->back().kind != EventKind::kCallArguments || events_->back().call != begun_ - 1) {
    events_->emplace_back();
    events_->back().kind = EventKind::kCallArguments;
    events_->back().call = begun_ - 1;
  }
  events_->back().text += text;
}

void EventSink::end_call(std::string raw) {
  AnswerEvent event;
  event.kind = EventKind::kCallEnd;
  event.call = begun_ - 1;
  event.raw = std::move(raw);
  events_->push_back(std::move(event));
  ++ended_;
  open_ = false;
}

void EventSink::malformed(std::string raw, std::string what) {
  AnswerEvent event;
  event.kind = EventKind::kMalformedCall;
  event.call = open_ ? begun_ - 1 : -1;
  event.text = std::move(what);
  event.raw = std::move(raw);
  events_->push_back(std::move(event));
  open_ = false;
}

}  // namespace hearth::text::tools
