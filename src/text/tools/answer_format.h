// How a model writes tool calls and reasoning, found from its chat template.
//
// Contract: plain values that parser, grammar and instructions share, so that they cannot disagree. detect() reads the
// template's source for its marks and renders small conversations with it to see what it does with tools; it never fails: a
// template that says nothing gives the generic form, for which the tools are told in a message.
// Not here: parsing (answer_parser.h), grammars (call_grammar.h), conversations (tool_conversation.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace hearth::text {
class ChatTemplate;
class Tokenizer;
}  // namespace hearth::text

namespace hearth::text::tools {

// One way of writing calls. Without a mark a whole answer is calls or it is text.
struct CallForm {
  enum class Kind : uint8_t {
    kJson,        // an object with the name and the arguments
    kNamed,       // the name, name_end, the arguments as JSON
    kParameters,  // the name, name_end, each argument as <parameter=NAME> VALUE </parameter>
  };
  Kind kind = Kind::kJson;
  std::string mark;                   // what tells a call from text: the beginning of section_begin + call_begin
  std::string section_begin;          // before the first call and
  std::string section_end;            // behind the last
  bool is_list = false;               // kJson: all calls are one JSON list
  std::string call_begin;             // around each call
  std::string call_end;
  std::string separator;              // between calls; of kJson lists always a comma
  std::string name_end;               // kNamed, kParameters
  std::string name_key = "name";      // kJson
  std::string arguments_key = "arguments";
  std::string id_key;                 // kJson: behind the arguments comes an id; empty: none
  std::string id_begin;               // kNamed: before name_end comes an id of nine letters and digits behind this; empty: none
};

using FormKind = CallForm::Kind;

struct ReasoningForm {
  std::string begin, end;             // empty: the model does not reason
  std::string switch_name;            // template variable that turns it on (true) and off (false); empty: none
  bool takes_effort = false;          // template variable reasoning_effort

  bool exists() const { return !end.empty(); }
};

struct AnswerFormat {
  std::string family;                 // for people: "hermes", "llama3", ..., "generic"
  CallForm calls;                     // what is asked for and constrained
  std::vector<CallForm> others;       // that are understood, too; each has a mark
  ReasoningForm reasoning;

  // What the template does with the parts of a conversation. Whatever it does not do is done in plain messages.
  bool tells_tools = false;           // writes the list `tools`
  bool writes_calls = false;          // writes an assistant message's tool_calls
  bool writes_results = false;        // takes messages of role "tool"
  bool arguments_as_text = false;     // wants a call's arguments as JSON text, not as an object
  bool calls_without_content = false; // loses calls of a message whose content is not null
  bool single_calls = false;          // takes one call a message only
  bool has_system_role = true;        // takes a system message
  bool wants_tools = false;           // fails without the list `tools`, which may be empty
  bool wants_descriptions = false;    // fails at a parameter without a description

  // Control tokens that are part of calls or reasoning, sorted: they have to be shown, may be written and end no answer.
  std::vector<int32_t> shown_tokens;

  // All marks between which calls and reasoning stand.
  std::vector<std::string> marks() const;
};

// Null template: a model without one. Null tokenizer: shown_tokens stays empty.
AnswerFormat detect_format(const ChatTemplate* chat_template, const Tokenizer* tokenizer);

}  // namespace hearth::text::tools
