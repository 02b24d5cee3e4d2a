// Contract and exclusions: server/tools/answer_parts.h.
#include "server/tools/answer_parts.h"

#include <algorithm>

namespace hearth::server {

using text::tools::AnswerEvent;

std::vector<PartEvent> AnswerParts::take(std::string_view text) {
  parser_.push(text, &events_);
  return add_all();
}

std::vector<PartEvent> AnswerParts::finish() {
  parser_.finish(&events_);
  std::vector<PartEvent> out = add_all();
  end(&out);
  return out;
}

std::vector<PartEvent> AnswerParts::add_all() {
  std::vector<PartEvent> out;
  for (AnswerEvent& event : events_) add(event, &out);
  events_.clear();
  return out;
}

void AnswerParts::begin(AnswerPart part, std::vector<PartEvent>* out) {
  end(out);
  parts_.push_back(std::move(part));
  open_ = true;
  out->push_back({PartEvent::Kind::kBegin, parts_.size() - 1, ""});
}

void AnswerParts::more(const std::string& text, std::vector<PartEvent>* out) {
  if (text.empty()) return;
  parts_.back().text += text;
  out->push_back({PartEvent::Kind::kMore, parts_.size() - 1, text});
}

void AnswerParts::end(std::vector<PartEvent>* out) {
  if (!open_) return;
  open_ = false;
  out->push_back({PartEvent::Kind::kEnd, parts_.size() - 1, ""});
}

void AnswerParts::add_text(AnswerPart::Kind kind, const std::string& text, std::vector<PartEvent>* out) {
  if (text.empty()) return;
  if (!open_ || parts_.back().kind != kind) {
    AnswerPart part;
    part.kind = kind;
    begin(std::move(part), out);
  }
  more(text, out);
}

void AnswerParts::add(AnswerEvent& event, std::vector<PartEvent>* out) {
  switch (event.kind) {
    case AnswerEvent::Kind::kReasoning: return add_text(AnswerPart::Kind::kReasoning, event.text, out);
    case AnswerEvent::Kind::kContent: return add_text(AnswerPart::Kind::kText, event.text, out);
    case AnswerEvent::Kind::kMalformedCall: return add_malformed(event, out);
    case AnswerEvent::Kind::kCallBegin: {
      AnswerPart call;
      call.kind = AnswerPart::Kind::kCall;
      call.id = event.id;
      call.name = event.name;
      if (options_.whole_calls) {
        held_ = std::move(call);
      } else {
        begin(std::move(call), out);
      }
      return;
    }
    case AnswerEvent::Kind::kCallArguments:
      if (options_.whole_calls) {
        held_.text += event.text;
      } else {
        more(event.text, out);
      }
      return;
    case AnswerEvent::Kind::kCallEnd:
      if (options_.whole_calls) {
        std::string arguments = std::move(held_.text);
        held_.text.clear();
        begin(std::move(held_), out);
        more(arguments, out);
        held_ = AnswerPart();
      }
      parts_.back().raw = std::move(event.raw);
      return end(out);
  }
}

void AnswerParts::add_malformed(const AnswerEvent& event, std::vector<PartEvent>* out) {
  const bool begun = event.call >= 0;
  if (begun && !options_.whole_calls) {
    parts_.back().broken = true;
    parts_.back().problem = event.text;
    parts_.back().raw = event.raw;
    return end(out);
  }
  if (!options_.bad_calls) return add_text(AnswerPart::Kind::kText, event.raw, out);
  AnswerPart bad;
  bad.kind = AnswerPart::Kind::kBadCall;
  bad.name = begun ? held_.name : "";
  bad.problem = event.text;
  bad.raw = event.raw;
  held_ = AnswerPart();
  begin(std::move(bad), out);
  more(event.raw, out);
  end(out);
}

bool AnswerParts::calls() const {
  return std::any_of(parts_.begin(), parts_.end(),
                     [](const AnswerPart& part) { return part.kind == AnswerPart::Kind::kCall && !part.broken; });
}

std::string AnswerParts::text_of(AnswerPart::Kind kind) const {
  std::string text;
  for (const AnswerPart& part : parts_) {
    if (part.kind == kind) text += part.text;
  }
  return text;
}

Json call_arguments(const AnswerPart& call) {
  Checked<Json> arguments = parse_json(call.text);
  return arguments.ok() && arguments->is_object() ? std::move(*arguments) : Json::object();
}

}  // namespace hearth::server
