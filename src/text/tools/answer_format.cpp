// Forms by the marks in a template's source, and probes of what it does. Contract and exclusions: answer_format.h.
#include "text/tools/answer_format.h"

#include <algorithm>
#include <array>

#include "nlohmann/json.hpp"
#include "text/chat_template.h"
#include "text/tokenizer.h"

namespace hearth::text::tools {

namespace {

using Json = nlohmann::ordered_json;

#define DEEPSEEK_CALL "<｜tool▁call▁begin｜>"
#define DEEPSEEK_SEPARATOR "<｜tool▁sep｜>"
#define DEEPSEEK_CALL_END "<｜tool▁call▁end｜>"
#define DEEPSEEK_SECTION "<｜tool▁calls▁begin｜>"
#define DEEPSEEK_SECTION_END "<｜tool▁calls▁end｜>"

CallForm json_form(const char* mark, const char* begin, const char* end) {
  CallForm form;
  form.mark = mark;
  form.call_begin = begin;
  form.call_end = end;
  form.separator = "\n";
  return form;
}

CallForm list_form(const char* mark, const char* begin, const char* end) {
  CallForm form;
  form.mark = mark;
  form.section_begin = begin;
  form.section_end = end;
  form.is_list = true;
  return form;
}

CallForm named_form(FormKind kind, const char* mark, const char* begin, const char* name_end, const char* end) {
  CallForm form;
  form.kind = kind;
  form.mark = mark;
  form.call_begin = begin;
  form.name_end = name_end;
  form.call_end = end;
  form.separator = "\n";
  return form;
}

CallForm with_keys(CallForm form, const char* name, const char* arguments) {
  form.name_key = name;
  form.arguments_key = arguments;
  return form;
}

CallForm function_tag() { return named_form(FormKind::kNamed, "<function=", "<function=", ">", "</function>"); }

void set_llama(AnswerFormat* format) {
  format->family = "llama3";
  format->calls = with_keys(json_form("", "", ""), "name", "parameters");
  format->others = {with_keys(json_form("<|python_tag|>", "<|python_tag|>", ""), "name", "parameters"), function_tag()};
}

void set_mistral(std::string_view source, AnswerFormat* format) {
  format->family = "mistral";
  if (source.find("[ARGS]") == std::string_view::npos) {
    format->calls = list_form("[TOOL_CALLS]", "[TOOL_CALLS]", "");
    format->calls.id_key = "id";
    return;
  }
  format->calls = named_form(FormKind::kNamed, "[TOOL_CALLS]", "[TOOL_CALLS]", "[ARGS]", "");
  format->calls.separator = "";
  if (source.find("[CALL_ID]") != std::string_view::npos) format->calls.id_begin = "[CALL_ID]";
}

// The older versions write the word "function" and a fence around the arguments.
void set_deepseek(std::string_view source, AnswerFormat* format) {
  format->family = "deepseek";
  const bool fenced = source.find("```json") != std::string_view::npos;
  CallForm single = fenced ? named_form(FormKind::kNamed, DEEPSEEK_CALL, DEEPSEEK_CALL "function" DEEPSEEK_SEPARATOR, "\n```json\n",
                                        "\n```" DEEPSEEK_CALL_END)
                           : named_form(FormKind::kNamed, DEEPSEEK_CALL, DEEPSEEK_CALL, DEEPSEEK_SEPARATOR, DEEPSEEK_CALL_END);
  if (!fenced) single.separator = "";
  format->calls = single;
  format->calls.mark = DEEPSEEK_SECTION;
  format->calls.section_begin = DEEPSEEK_SECTION;
  format->calls.section_end = DEEPSEEK_SECTION_END;
  format->others = {std::move(single)};
}

void set_calls(std::string_view source, AnswerFormat* format) {
  const auto has = [&](std::string_view mark) { return source.find(mark) != std::string_view::npos; };
  if (has("<tool_call>") && has("<function=") && has("<parameter=")) {
    format->family = "qwen3-coder";
    format->calls = named_form(FormKind::kParameters, "<tool_call>", "<tool_call>\n<function=", ">\n", "</function>\n</tool_call>");
  } else if (has("<tool_call>")) {
    format->family = "hermes";
    format->calls = json_form("<tool_call>", "<tool_call>\n", "\n</tool_call>");
  } else if (has(DEEPSEEK_CALL)) {
    set_deepseek(source, format);
  } else if (has("[TOOL_CALLS]")) {
    set_mistral(source, format);
  } else if (has("<|START_ACTION|>")) {
    format->family = "command-r7b";
    format->calls = with_keys(list_form("<|START_ACTION|>", "<|START_ACTION|>", "<|END_ACTION|>"), "tool_name", "parameters");
  } else if (has("Action:") && has("tool_name")) {
    format->family = "command-r";
    format->calls = with_keys(list_form("Action:", "Action:\n```json\n", "\n```"), "tool_name", "parameters");
  } else if (has("<|tool_call|>")) {
    format->family = "granite";
    format->calls = list_form("<|tool_call|>", "<|tool_call|>", has("<|/tool_call|>") ? "<|/tool_call|>" : "");
  } else if (has("functools[")) {
    format->family = "firefunction";
    format->calls = list_form("functools", " functools", "");
  } else if (has("<function=")) {
    format->family = "function-tag";
    format->calls = function_tag();
    format->calls.separator = "";
  } else if (has("<|start_header_id|>") && has("ipython")) {
    set_llama(format);
  } else {
    format->family = "generic";
    format->calls = json_form("", "", "");
  }
}

void set_reasoning(std::string_view source, ReasoningForm* form) {
  constexpr std::array<std::array<const char*, 2>, 4> kMarks = {{{"<think>", "</think>"},
                                                                 {"<|START_THINKING|>", "<|END_THINKING|>"},
                                                                 {"[THINK]", "[/THINK]"},
                                                                 {"<seed:think>", "</seed:think>"}}};
  const auto has = [&](std::string_view text) { return source.find(text) != std::string_view::npos; };
  form->takes_effort = has("reasoning_effort");
  for (const auto& [begin, end] : kMarks) {
    if (!has(end)) continue;
    form->begin = begin;
    form->end = end;
    break;
  }
  if (has("enable_thinking")) {
    form->switch_name = "enable_thinking";
  } else if (has("if thinking") || has("thinking is defined") || has("not thinking")) {
    form->switch_name = "thinking";
  }
}

// Renders small conversations.
class TemplateProbe {
 public:
  explicit TemplateProbe(const ChatTemplate& chat_template) : template_(chat_template) {}

  void run(AnswerFormat* format) {
    const Json question = Json::array({user()});
    format->wants_tools = !renders(question, "probe", Json()) && renders(question, "probe", Json::array());
    nothing_ = format->wants_tools ? Json::array() : Json();
    const bool plainly = renders(question, "needle_tool", tools(false));
    format->tells_tools = plainly || renders(question, "needle_tool", tools(true));
    format->wants_descriptions = format->tells_tools && !plainly;
    told_ = format->tells_tools ? tools(true) : nothing_;
    format->has_system_role = renders({{{"role", "system"}, {"content", "needle_system"}}, user()}, "needle_system", nothing_);
    for (const bool as_text : {false, true}) {
      for (const bool without_content : {false, true}) {
        if (format->writes_calls || !renders({user(), calls(1, as_text, without_content), result()}, written_argument(*format), told_)) continue;
        format->writes_calls = true;
        format->arguments_as_text = as_text;
        format->calls_without_content = without_content;
      }
    }
    if (!format->writes_calls) return;
    const Json one = calls(1, format->arguments_as_text, format->calls_without_content);
    format->writes_results = renders({user(), one, result()}, "needle_result", told_);
    const Json two = calls(2, format->arguments_as_text, format->calls_without_content);
    format->single_calls = !renders({user(), two, result(), result()}, written_argument(*format), told_);
  }

 private:
  static Json user() { return {{"role", "user"}, {"content", "probe"}}; }
  static Json result() {
    return {{"role", "tool"}, {"tool_call_id", "needle001"}, {"name", "needle_tool"}, {"content", "needle_result"}};
  }
  static Json calls(int count, bool as_text, bool without_content) {
    const Json arguments = {{"needle_key", "needle_value"}};
    Json list = Json::array();
    for (int i = 0; i < count; ++i) {
      Json function = {{"name", "needle_tool"}, {"arguments", as_text ? Json(arguments.dump()) : arguments}};
      list.push_back({{"id", "needle001"}, {"type", "function"}, {"function", std::move(function)}});
    }
    return {{"role", "assistant"}, {"content", without_content ? Json() : Json("")}, {"tool_calls", std::move(list)}};
  }
  static Json tools(bool described) {
    Json property = {{"type", "string"}};
    if (described) property["description"] = "x";
    const Json schema = {{"type", "object"}, {"properties", {{"needle_key", property}}}, {"required", Json::array({"needle_key"})}};
    const Json function = {{"name", "needle_tool"}, {"description", "x"}, {"parameters", schema}};
    return Json::array({Json{{"type", "function"}, {"function", function}}});
  }
  static std::string written_argument(const AnswerFormat& format) {
    return format.calls.kind == FormKind::kParameters ? "<parameter=needle_key>needle_value" : "\"needle_key\":\"needle_value\"";
  }

  bool renders(const Json& messages, std::string_view expected, const Json& tools) {
    Json variables = {{"messages", messages}, {"add_generation_prompt", true}};
    if (!tools.is_null()) variables["tools"] = tools;
    const Result<std::string> text = template_.render(variables);
    if (!text.ok()) return false;
    std::string dense;
    for (const char c : *text) {
      if (c != ' ' && c != '\n') dense.push_back(c);
    }
    return dense.find(expected) != std::string::npos;
  }

  const ChatTemplate& template_;
  Json nothing_, told_;  // the list of tools where none is told, and where some are
};

// The tokens that a mark may be: what is between brackets.
void add_tokens(std::string_view text, std::vector<std::string>* tokens) {
  for (size_t begin = 0; begin < text.size(); ++begin) {
    if (text[begin] != '<' && text[begin] != '[') continue;
    const size_t end = text.find(text[begin] == '<' ? '>' : ']', begin);
    if (end == std::string_view::npos) continue;
    tokens->emplace_back(text.substr(begin, end + 1 - begin));
  }
}

}  // namespace

std::vector<std::string> AnswerFormat::marks() const {
  std::vector<std::string> found;
  const auto add_form = [&](const CallForm& form) {
    for (const std::string* text : {&form.section_begin, &form.section_end, &form.call_begin, &form.call_end, &form.name_end, &form.id_begin}) {
      add_tokens(*text, &found);
    }
  };
  add_form(calls);
  for (const CallForm& form : others) add_form(form);
  add_tokens(reasoning.begin, &found);
  add_tokens(reasoning.end, &found);
  std::sort(found.begin(), found.end());
  found.erase(std::unique(found.begin(), found.end()), found.end());
  return found;
}

AnswerFormat detect_format(const ChatTemplate* chat_template, const Tokenizer* tokenizer) {
  AnswerFormat format;
  const std::string_view source = chat_template != nullptr ? std::string_view(chat_template->source()) : std::string_view();
  set_calls(source, &format);
  set_reasoning(source, &format.reasoning);
  if (chat_template != nullptr) TemplateProbe(*chat_template).run(&format);
  if (tokenizer != nullptr) {
    for (const std::string& mark : format.marks()) {
      const int32_t id = tokenizer->find(mark);
      if (id >= 0 && tokenizer->is_control(id)) format.shown_tokens.push_back(id);
    }
    std::sort(format.shown_tokens.begin(), format.shown_tokens.end());
  }
  return format;
}

}  // namespace hearth::text::tools
