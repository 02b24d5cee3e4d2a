// Templates in Ollama's form: what they render, what they refuse, and that one made from a chat template says the same.
#include "server/ollama/go_template.h"

#include <gtest/gtest.h>

#include "text/chat_template.h"

namespace hearth::server::ollama {
namespace {

std::string render(std::string_view source, const TemplateFields& fields) {
  const Result<GoTemplate> parsed = GoTemplate::parse(source);
  return parsed.ok() ? parsed->render_prompt(fields) : "error: " + parsed.error().message;
}

TEST(GoTemplate, RendersVariablesConditionsAndTrims) {
  const TemplateFields fields{"S", "P", "", ""};
  EXPECT_EQ(render("{{ .System }}-{{.Prompt}}-{{ .Suffix }}", fields), "S-P-");
  EXPECT_EQ(render("a {{- if .System -}}  x  {{- end -}} b", fields), "axb");
  EXPECT_EQ(render("{{ if .Suffix }}fim{{ else if eq .Prompt \"P\" }}chat{{ else }}none{{ end }}!", fields), "chat!");
  EXPECT_EQ(render("{{ if and .System (not .Suffix) }}1{{ end }}{{ if or .Suffix .Response }}2{{ end }}", fields), "1");
  EXPECT_EQ(render("{{/* nothing */}}{{ \"a\" }}{{ `b` }}{{ if ne .Prompt `Q` }}c{{ end }}", fields), "abc");
  EXPECT_EQ(render("<u>{{ .Prompt }}<a>{{ .Response }}<end>", fields), "<u>P<a>");
  EXPECT_EQ(render("{{ if .System }}{{ if .Suffix }}x{{ else }}{{ .Response }}{{ end }}{{ end }}tail", fields), "");
}

TEST(GoTemplate, RefusesWhatItDoesNotKnow) {
  for (const char* source :
       {"{{ range .Messages }}{{ end }}", "{{ .Tools }}", "{{ if .System }}", "{{ end }}", "{{ else }}", "{{ .Prompt", "{{ eq .Prompt }}",
        "{{ if (.System }}x{{ end }}", "{{ $x := .Prompt }}", "{{ .Prompt | upper }}", "{{ if }}x{{ end }}", "{{ \"open }}"}) {
    EXPECT_FALSE(GoTemplate::parse(source).ok()) << source;
  }
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "{{ if .System }}";
  EXPECT_FALSE(GoTemplate::parse(deep).ok());
  EXPECT_FALSE(GoTemplate::parse("{{ if " + std::string(1000, '(') + " }}").ok());
  EXPECT_FALSE(GoTemplate::parse(std::string(1 << 20, 'x')).ok());
}

// The same text from the model's own template and from the one that was made of it.
void expect_same(const char* jinja) {
  const auto compiled = text::ChatTemplate::compile(jinja, "<s>", "</s>");
  ASSERT_TRUE(compiled.ok());
  const RenderChat chat = [&](const std::vector<PlainMessage>& messages) {
    std::vector<text::ChatMessage> list;
    for (const PlainMessage& message : messages) list.push_back({message.role, message.content});
    return (*compiled)->render(list, true);
  };
  const std::string made = template_like(chat);
  EXPECT_EQ(render(made, {"", "What is a hearth?", "", ""}), *chat({{"user", "What is a hearth?"}})) << made;
  EXPECT_EQ(render(made, {"Be brief.", "Hi", "", ""}), *chat({{"system", "Be brief."}, {"user", "Hi"}})) << made;
}

TEST(TemplateLike, GivesThePromptsOfTheChatTemplate) {
  expect_same("{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\n"
              "You help.<|im_end|>\\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' "
              "+ '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}");
  expect_same("{{ bos_token }}{% for m in messages %}[{{ m['role'] | upper }}] {{ m['content'] | trim }}\\n{% endfor %}[A]");
}

TEST(TemplateLike, FallsBackToThePromptAlone) {
  const auto fails = [](const std::vector<PlainMessage>&) -> Result<std::string> { return Error{ErrorCode::kInvalidArgument, "no"}; };
  EXPECT_EQ(template_like(fails), "{{ .Prompt }}");
  const auto twice = [](const std::vector<PlainMessage>& messages) -> Result<std::string> {
    return messages.back().content + messages.back().content;
  };
  EXPECT_EQ(template_like(twice), "{{ .Prompt }}");
}

}  // namespace
}  // namespace hearth::server::ollama
