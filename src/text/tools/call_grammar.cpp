// Reasoning, text and calls as rules. Contract and exclusions: call_grammar.h.
#include "text/tools/call_grammar.h"

#include <algorithm>

#include "text/grammar/code_points.h"
#include "text/grammar/json_value.h"
#include "text/grammar/pattern.h"
#include "text/grammar/schema.h"
#include "text/tools/parameter_grammar.h"

namespace hearth::text::tools {

namespace {

using grammar::ExpressionId;
using grammar::JsonValue;
using grammar::kNothing;
using grammar::kUnbounded;
using grammar::RegexId;
using grammar::Rules;

constexpr uint32_t kMostBlanksAfterReasoning = 4;
constexpr uint32_t kMostBlanksInCall = 20;
constexpr uint32_t kIdCharacters = 9;

std::string json_string(std::string_view text) { return grammar::write_json(JsonValue::string(std::string(text))); }

class AnswerRules {
 public:
  AnswerRules(const AnswerGrammar& answer, std::optional<Rules> content)
      : answer_(answer), has_content_(content.has_value()), rules_(content ? std::move(*content) : Rules()) {}

  Result<Rules> run() {
    const ExpressionId content = has_content_ ? rules_.reference(rules_.root()) : kNothing;
    if (answer_.tools.active()) TRY(add_tools());
    const ExpressionId body = answer_.tools.forced() ? blanks_before(section(answer_.format.calls, 0)) : free_body(content);
    const grammar::RuleId root = rules_.add_rule("answer");
    rules_.define(root, with_reasoning(body));
    rules_.set_root(root);
    TRY(rules_.finish());
    for (const Tool& tool : tools_) {
      if (rules_.min_length(tool.arguments) != kUnbounded) continue;
      return Error{ErrorCode::kInvalidArgument, "tool '" + tool.definition->name + "': no arguments can satisfy its parameters"};
    }
    return std::move(rules_);
  }

 private:
  struct Tool {
    const ToolDefinition* definition;
    ExpressionId arguments;   // JSON
    ExpressionId parameters;  // kParameters
  };

  grammar::RegexArena& regex() { return rules_.regex(); }
  bool several() const {
    return answer_.tools.parallel && !answer_.format.single_calls && answer_.tools.choice != ToolChoice::kNamed;
  }

  Result<void> add_tools() {
    for (const ToolDefinition& definition : answer_.tools.tools) {
      if (answer_.tools.choice == ToolChoice::kNamed && definition.name != answer_.tools.name) continue;
      const auto named = [&](const Error& error) {
        return Error{error.code, "tool '" + definition.name + "': " + error.message};
      };
      const std::string_view schema = definition.schema();
      Tool tool{&definition, grammar::kNever, grammar::kNever};
      const Result<ExpressionId> arguments = grammar::add_schema(&rules_, schema, {.only_object = true});
      if (!arguments.ok()) return named(arguments.error());
      tool.arguments = *arguments;
      if (answer_.format.calls.kind == FormKind::kParameters) {
        const Result<ExpressionId> parameters = add_parameters(&rules_, schema);
        if (!parameters.ok()) return named(parameters.error());
        tool.parameters = *parameters;
      }
      tools_.push_back(tool);
    }
    return {};
  }

  // One call without what is before its name.
  ExpressionId call_from_name(const CallForm& form) {
    std::vector<ExpressionId> choices;
    for (const Tool& tool : tools_) {
      const std::string& name = tool.definition->name;
      switch (form.kind) {
        case FormKind::kJson:
          choices.push_back(rules_.sequence({rules_.literal(name + "\", " + json_string(form.arguments_key) + ": "), tool.arguments}));
          break;
        case FormKind::kNamed:
          choices.push_back(rules_.sequence({rules_.literal(name), id_behind_name(form), rules_.literal(form.name_end), tool.arguments}));
          break;
        case FormKind::kParameters:
          choices.push_back(rules_.sequence({rules_.literal(name + form.name_end), tool.parameters}));
          break;
      }
    }
    const ExpressionId call = rules_.choice(std::move(choices));
    if (form.kind != FormKind::kJson) return rules_.sequence({call, rules_.literal(form.call_end)});
    return rules_.sequence({call, id_member(form), rules_.literal("}" + form.call_end)});
  }

  RegexId id_characters() {
    grammar::ByteSet set;
    for (int c = 0; c < 128; ++c) {
      if (std::isalnum(c) != 0) set.add(static_cast<uint8_t>(c));
    }
    return regex().repeat(regex().bytes(set), kIdCharacters, kIdCharacters);
  }
  ExpressionId id_behind_name(const CallForm& form) {
    if (form.id_begin.empty()) return kNothing;
    return rules_.terminal(regex().concat(regex().literal(form.id_begin), id_characters()));
  }
  ExpressionId id_member(const CallForm& form) {
    if (form.id_key.empty()) return kNothing;
    const RegexId before = regex().literal(", " + json_string(form.id_key) + ": \"");
    return rules_.terminal(regex().concat(std::vector<RegexId>{before, id_characters(), regex().literal("\"")}));
  }

  static std::string before_name(const CallForm& form) {
    return form.call_begin + (form.kind == FormKind::kJson ? "{" + json_string(form.name_key) + ": \"" : "");
  }

  // All calls of a form, without its first `skipped` bytes.
  ExpressionId section(const CallForm& form, size_t skipped) {
    const ExpressionId call = call_from_name(form);
    const std::string begin = form.section_begin + (form.is_list ? "[" : "") + before_name(form);
    const std::string again = (form.is_list ? ", " : form.separator) + before_name(form);
    ExpressionId more = several() ? rules_.repeat(rules_.sequence({rules_.literal(again), call}), 0, kUnbounded) : kNothing;
    // What stands between calls is no promise of another one: models end their lines.
    const bool ends_lines = !form.separator.empty() && !form.is_list && form.section_end.empty();
    if (several() && ends_lines) more = rules_.sequence({more, rules_.optional(rules_.literal(form.separator))});
    return rules_.sequence({rules_.literal(begin.substr(skipped)), call, more, rules_.literal((form.is_list ? "]" : "") + form.section_end)});
  }

  RegexId blank() {
    grammar::ByteSet set;
    for (const char c : {' ', '\n', '\t', '\r'}) set.add(static_cast<uint8_t>(c));
    return regex().bytes(set);
  }
  ExpressionId blanks_before(ExpressionId body) {
    if (!answer_.reasons) return body;
    return rules_.sequence({rules_.terminal(regex().repeat(blank(), 0, kMostBlanksAfterReasoning)), body});
  }

  RegexId any_byte() {
    grammar::ByteSet set;
    for (int byte = 0; byte < 256; ++byte) set.add(static_cast<uint8_t>(byte));
    return regex().bytes(set);
  }

  // Texts that end with the first of `marks` that is in them, which is `mark`.
  RegexId until(const std::string& mark, RegexId marks) {
    const RegexId anything = regex().anything();
    const RegexId goes_on = regex().concat(std::vector<RegexId>{anything, marks, any_byte(), anything});
    return regex().both(regex().concat(anything, regex().literal(mark)), regex().complement(goes_on));
  }

  ExpressionId with_reasoning(ExpressionId body) {
    const ReasoningForm& form = answer_.format.reasoning;
    if (!answer_.reasons || !form.exists()) return body;
    const ExpressionId reasoning = rules_.terminal(until(form.end, regex().literal(form.end)));
    const ExpressionId rest = rules_.sequence({reasoning, blanks_before(body)});
    if (answer_.begins_in_reasoning) return rest;
    return rules_.choice({body, rules_.sequence({rules_.literal(form.begin), rest})});
  }

  // `{"name": "N", "arguments": ` with white space as models put it, for all tools or for one.
  RegexId bare_beginning(const Tool* only) {
    const RegexId space = regex().repeat(blank(), 0, kMostBlanksInCall);
    std::vector<std::string> names;
    for (const Tool& tool : tools_) {
      if (only == nullptr || only == &tool) names.push_back(json_string(tool.definition->name));
    }
    std::vector<std::string> keys{"\"arguments\"", "\"parameters\""};
    return regex().concat(std::vector<RegexId>{regex().literal("{"), space, regex().literal("\"name\""), space, regex().literal(":"), space,
                                               regex().one_of(std::move(names)), space, regex().literal(","), space,
                                               regex().one_of(std::move(keys)), space, regex().literal(":"), space});
  }

  RegexId fence() { return regex().one_of({"```json\n", "```\n"}); }

  // A whole answer that is a call in JSON, which small models write whatever their template says.
  ExpressionId bare_call() {
    std::vector<ExpressionId> choices;
    for (const Tool& tool : tools_) choices.push_back(rules_.sequence({rules_.terminal(bare_beginning(&tool)), tool.arguments}));
    const RegexId space = regex().repeat(blank(), 0, kMostBlanksInCall);
    const ExpressionId call = rules_.sequence({rules_.choice(std::move(choices)), rules_.terminal(regex().concat(space, regex().literal("}")))});
    const ExpressionId leading = rules_.terminal(regex().star(blank()));
    const ExpressionId fenced = rules_.sequence({rules_.terminal(fence()), call, rules_.terminal(regex().concat(space, regex().literal("```")))});
    return rules_.sequence({leading, rules_.choice({call, fenced})});
  }

  // Auto: text or what `content` says, and calls from their marks on.
  ExpressionId free_body(ExpressionId content) {
    if (!answer_.tools.active()) return has_content_ ? blanks_before(content) : rules_.terminal(regex().anything());
    std::vector<const CallForm*> forms;
    std::vector<std::string> marks;
    if (!answer_.format.calls.mark.empty()) forms.push_back(&answer_.format.calls);
    for (const CallForm& form : answer_.format.others) forms.push_back(&form);
    for (const CallForm* form : forms) marks.push_back(form->mark);
    const RegexId any_mark = regex().one_of(marks);
    const RegexId anything = regex().anything();
    const RegexId begins_call = regex().concat(std::vector<RegexId>{
        regex().star(blank()), regex().optional(fence()), bare_beginning(nullptr), anything});
    const RegexId no_call = regex().complement(begins_call);
    std::vector<ExpressionId> choices{bare_call()};
    if (has_content_) {
      choices.push_back(blanks_before(content));
    } else if (marks.empty()) {
      choices.push_back(rules_.terminal(no_call));
    } else {
      const RegexId marked = regex().concat(std::vector<RegexId>{anything, any_mark, anything});
      choices.push_back(rules_.terminal(regex().both(no_call, regex().complement(marked))));
    }
    for (const CallForm* form : forms) {
      // Where the answer has a form of its own, no text comes before a call.
      const std::string begin = form->section_begin + form->call_begin;
      const size_t skipped = begin.find(form->mark) + form->mark.size();
      const RegexId before = has_content_ ? regex().literal(form->mark) : regex().both(until(form->mark, any_mark), no_call);
      choices.push_back(rules_.sequence({rules_.terminal(before), section(*form, skipped)}));
    }
    return rules_.choice(std::move(choices));
  }

  const AnswerGrammar& answer_;
  const bool has_content_;
  Rules rules_;
  std::vector<Tool> tools_;
};

}  // namespace

Result<Rules> compile_answer(const AnswerGrammar& answer, std::optional<Rules> content) {
  TRY(check(answer.tools));
  return AnswerRules(answer, std::move(content)).run();
}

}  // namespace hearth::text::tools
