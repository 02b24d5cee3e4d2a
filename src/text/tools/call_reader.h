// Reads the calls of one section, byte by byte, from behind the mark that announced them.
//
// Contract: names and arguments go to the sink as soon as they are certain. Until something looks like a call nothing does, and
// the bytes can be read again as text. White space is free where JSON or a form has some. Linear time.
// Not here: text around calls (answer_parser.cpp), whole answers without marks (whole_answer.h).
#pragma once

#include <string>
#include <string_view>

#include "text/tools/event_sink.h"
#include "text/tools/json_scanner.h"

namespace hearth::text::tools {

class CallReader {
 public:
  enum class Step : uint8_t {
    kMore,
    kNotACall,     // unread(): the bytes behind the mark, for the text
    kEnded,        // with this byte
    kEndedBefore,  // unread(): bytes that belong to what follows
    kBroken,       // problem(): why; raw(): what was read since the last call that ended
  };
  // `opening`: what was read of the section, the mark.
  CallReader(const CallForm& form, const ToolRequest& tools, std::string_view opening, EventSink* sink);

  Step push(char c);
  Step finish();  // the answer ends here: never kMore
  const std::string& unread() const { return unread_; }
  const std::string& problem() const { return problem_; }
  std::string take_raw() { return std::move(raw_); }
  // Where what is broken may end.
  std::string_view end_mark() const;

 private:
  enum class Phase : uint8_t { kOpening, kName, kId, kNameEnd, kPayload, kListNext, kParameters, kKey, kValue, kClosing, kBetween };

  Step opening(char c);
  Step begin_payload(char c);
  Step name(char c);
  Step name_end(char c);
  Step id(char c);
  Step arguments(char c);
  Step object(char c);
  Step member_name(char c);
  Step member_value(char c, JsonScanner::Place before, size_t depth_before);
  Step end_member();
  Step end_object();
  Step list_next(char c);
  Step parameters(char c);
  Step parameter_key(char c);
  Step parameter_value(char c);
  void add_parameter();
  Step closing(char c);
  Step between(char c);

  Step fail(std::string what);
  Step call_named(std::string name);
  Step end_call();
  void restart();
  void end_held();
  Step ended_before();
  bool is_name_key(std::string_view key) const;
  bool is_arguments_key(std::string_view key) const;

  const CallForm& form_;
  const ToolRequest& tools_;
  EventSink& sink_;
  std::string opening_, again_, name_end_, call_end_, section_end_;  // without white space
  Phase phase_ = Phase::kOpening;
  size_t matched_ = 0;            // of the literal at hand
  bool committed_ = false;        // it looks like a call
  bool in_list_ = false;
  bool held_end_ = false;         // a call is complete; its end is told when its raw text is
  JsonScanner scanner_;
  std::string key_, value_;       // of the member at hand
  bool in_value_ = false, value_is_object_ = false, streams_ = false;
  std::string name_;
  bool has_name_ = false, has_arguments_ = false;
  std::string held_arguments_;    // before the name is known
  size_t parameters_ = 0;
  std::string raw_, unread_, problem_;
};

}  // namespace hearth::text::tools
