// Takes an answer apart while it is being made: reasoning, text, tool calls.
//
// Contract: the events are the same however the bytes are cut into pieces, apart from how text and arguments are cut. Nothing is
// lost: what turns out not to be a call is content in its place; the texts of all events with the raw texts of calls are the
// answer without marks and white space around reasoning. Time is linear, memory is bounded by kMaxHeldBytes beside the raw text
// of the call at hand. Any bytes are taken; nothing here fails.
// Not here: what is done about a malformed call (server/), forms (answer_format.h).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/tools/answer_format.h"
#include "text/tools/tool_request.h"

namespace hearth::text::tools {

inline constexpr size_t kMaxHeldBytes = size_t{1} << 20;  // of an answer that could still become a call as a whole

struct AnswerEvent {
  enum class Kind : uint8_t {
    kReasoning,      // text
    kContent,        // text
    kCallBegin,      // call, id, name
    kCallArguments,  // call, text: the next piece of the arguments, a JSON object
    kCallEnd,        // call, raw
    kMalformedCall,  // raw, text: what is wrong; call: the one that began before it broke off, or -1
  };
  Kind kind = Kind::kContent;
  std::string text;
  int call = -1;     // from 0 within the answer
  std::string id;
  std::string name;
  std::string raw;   // the call as it was written, with its marks
};

using EventKind = AnswerEvent::Kind;

struct ParserOptions {
  AnswerFormat format;
  ToolRequest tools;                 // declared; none or choice kNone: calls are not looked for
  bool begins_in_reasoning = false;  // the prompt has opened it
  bool splits_reasoning = true;      // false: reasoning and its marks are content
  std::function<std::string()> new_id;  // of a call; unset: nine random letters and digits, which all templates accept
};

class AnswerParser {
 public:
  explicit AnswerParser(ParserOptions options);
  ~AnswerParser();
  AnswerParser(AnswerParser&&) noexcept;
  AnswerParser& operator=(AnswerParser&&) noexcept;

  // Appends to `events`. Neighbouring pieces of the same text are one event.
  void push(std::string_view bytes, std::vector<AnswerEvent>* events);
  // The answer has ended; what was held back comes out. Afterwards push() has no effect.
  void finish(std::vector<AnswerEvent>* events);
  int calls() const;                 // that have ended well
  bool in_reasoning() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The same for a whole answer.
std::vector<AnswerEvent> parse_answer(const ParserOptions& options, std::string_view answer);

// What a whole answer comes to, for those who do not stream.
struct ParsedCall {
  std::string id, name, arguments;   // JSON text of an object
};
struct MalformedCall {
  std::string raw, what;
};
struct ParsedAnswer {
  std::string reasoning, content;
  std::vector<ParsedCall> calls;
  std::vector<MalformedCall> malformed;
};
ParsedAnswer gather(const std::vector<AnswerEvent>& events);

}  // namespace hearth::text::tools
