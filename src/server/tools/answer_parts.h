// An answer as the parts that every dialect writes: reasoning, text, tool calls, and what was meant as a call and is none.
//
// Contract: parts() holds what has come so far, in order; take() and finish() say what changed, for those who stream. Streamed
// or not it is the same parts. A call that broke off after it began stays a call (`broken`); with `whole_calls` calls
// come all at once, and one that breaks off is no call. Used by one thread at a time.
// Not here: how calls look in a model's text (text/tools/), names of fields.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "server/json.h"
#include "text/tools/answer_parser.h"

namespace hearth::server {

struct AnswerPart {
  enum class Kind { kReasoning, kText, kCall, kBadCall };
  Kind kind = Kind::kText;
  std::string text;      // of a call its arguments, JSON text; of a bad call what the model wrote
  std::string id, name;  // of a call
  std::string problem;   // of a bad or broken call
  std::string raw;       // of a call: as the model wrote it
  bool broken = false;   // the arguments have no end
};

struct PartEvent {
  enum class Kind { kBegin, kMore, kEnd };
  Kind kind;
  size_t part;
  std::string more;      // of kMore: what has been added to the part's text
};

struct PartsOptions {
  bool whole_calls = false;    // calls are told when they have ended
  bool bad_calls = false;      // the dialect has a form for what is no call; else it is text
};

class AnswerParts {
 public:
  AnswerParts(text::tools::ParserOptions parser, PartsOptions options) : parser_(std::move(parser)), options_(options) {}

  std::vector<PartEvent> take(std::string_view text);
  // The answer has ended.
  std::vector<PartEvent> finish();

  const std::vector<AnswerPart>& parts() const { return parts_; }
  // Whether there is a call that can be carried out.
  bool calls() const;
  std::string text_of(AnswerPart::Kind kind) const;  // of all parts of this kind

 private:
  std::vector<PartEvent> add_all();
  void add(text::tools::AnswerEvent& event, std::vector<PartEvent>* out);
  void begin(AnswerPart part, std::vector<PartEvent>* out);
  void more(const std::string& text, std::vector<PartEvent>* out);
  void end(std::vector<PartEvent>* out);
  void add_text(AnswerPart::Kind kind, const std::string& text, std::vector<PartEvent>* out);
  void add_malformed(const text::tools::AnswerEvent& event, std::vector<PartEvent>* out);

  text::tools::AnswerParser parser_;
  PartsOptions options_;
  std::vector<text::tools::AnswerEvent> events_;
  std::vector<AnswerPart> parts_;
  AnswerPart held_;      // a call that is told when it has ended
  bool open_ = false;    // the last part can get more
};

// The arguments of a call that has ended, as an object.
Json call_arguments(const AnswerPart& call);

}  // namespace hearth::server
