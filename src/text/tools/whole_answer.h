// Answers that are nothing but JSON with calls in it: bare, in a fence, or between tags that small models make up.
//
// Contract: a whole answer is calls only if every value in it names a declared tool and its arguments satisfy that tool's
// schema; the gate says byte by byte whether that can still be. What has no end in sight is let go at kMaxHeldBytes.
// Not here: calls behind marks (call_reader.h).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "text/tools/answer_parser.h"
#include "text/tools/json_scanner.h"

namespace hearth::text::tools {

class WholeAnswerGate {
 public:
  // False: no answer that begins so is calls.
  bool push(char c);

 private:
  enum class Phase : uint8_t { kStart, kTicks, kLanguage, kTag, kBefore, kJson, kBehind };
  bool json(char c);
  Phase phase_ = Phase::kStart;
  std::string word_;          // ticks, language or tag so far
  std::string closing_;       // what may follow the values: ticks or the closing tag
  size_t closed_ = 0;         // of closing_
  JsonScanner scanner_;
  std::string key_;
  bool first_key_ = false;    // of the object at hand, seen
  bool doubled_ = false;      // the object at hand stands in braces of its own
};

// Nothing: it is text.
std::optional<std::vector<ParsedCall>> whole_answer_calls(const ToolRequest& tools, std::string_view answer);

}  // namespace hearth::text::tools
