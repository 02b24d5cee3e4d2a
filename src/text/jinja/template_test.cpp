// Templates against transformers and jinja2: tests/oracle/template_goldens.py made the expected texts.
//
// Where Python raises, only that an error comes back is expected: messages are our own.
// Not here: hostile templates (hostile_test.cpp).
#include "text/jinja/template.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "nlohmann/json.hpp"
#include "text/chat_template.h"

namespace hearth::text::jinja {
namespace {

using Json = nlohmann::ordered_json;

Json read_golden(const std::string& name) {
  std::ifstream file(std::string(HEARTH_SOURCE_DIR) + "/tests/goldens/templates/" + name);
  return Json::parse(file);
}

std::tm time_of(const Json& parts) {
  std::tm now{};
  now.tm_year = parts[0].get<int>() - 1900;
  now.tm_mon = parts[1].get<int>() - 1;
  now.tm_mday = parts[2].get<int>();
  now.tm_hour = parts[3].get<int>();
  now.tm_min = parts[4].get<int>();
  now.tm_sec = parts[5].get<int>();
  timegm(&now);  // fills in the day of the week
  return now;
}

// The text, or "error: ..." for comparison with what Python made of it.
Result<std::string> render(const std::string& source, const Json& variables, const std::tm& now) {
  auto compiled = Template::compile(source);
  if (!compiled) return compiled.error();
  return (*compiled)->render(variables, &now);
}

void expect_same(const Result<std::string>& text, const Json& expected, const std::string& what) {
  if (expected.is_null()) {
    EXPECT_FALSE(text.ok()) << what << "\nrendered: " << (text.ok() ? *text : "");
    if (text.ok()) return;
    EXPECT_FALSE(text.error().message.empty()) << what;
    return;
  }
  ASSERT_TRUE(text.ok()) << what << "\nerror: " << text.error().message;
  EXPECT_EQ(*text, expected.get<std::string>()) << what;
}

TEST(Template, LanguageCases) {
  const Json golden = read_golden("language.json");
  const std::tm now = time_of(golden["now"]);
  ASSERT_GE(golden["cases"].size(), 400u);
  for (const Json& entry : golden["cases"]) {
    const std::string source = entry[0].get<std::string>();
    expect_same(render(source, golden["variables"], now), entry[1], source);
  }
}

TEST(Template, ConversationsOfRealTemplates) {
  const Json golden = read_golden("conversations.json");
  const std::tm now = time_of(golden["now"]);
  size_t texts = 0;
  for (const auto& [name, source] : golden["templates"].items()) {
    auto compiled = ChatTemplate::compile(source.get<std::string>(), golden["tokens"]["bos_token"].get<std::string>(),
                                          golden["tokens"]["eos_token"].get<std::string>());
    ASSERT_TRUE(compiled.ok()) << name << ": " << compiled.error().message;
    const Json& rows = golden["results"][name];
    ASSERT_EQ(rows.size(), golden["conversations"].size());
    for (size_t i = 0; i < rows.size(); ++i) {
      const Json& conversation = golden["conversations"][i];
      Json variables = conversation["variables"];
      const std::string what = name + " over " + conversation["name"].get<std::string>();
      variables["add_generation_prompt"] = false;
      expect_same((*compiled)->render(variables, &now), rows[i][0], what);
      variables["add_generation_prompt"] = true;
      Json with_prompt = rows[i][1];
      if (with_prompt.is_object()) with_prompt = rows[i][0].get<std::string>() + with_prompt["adds"].get<std::string>();
      expect_same((*compiled)->render(variables, &now), with_prompt, what + ", with generation prompt");
      texts += with_prompt.is_string() ? 2 : 0;
    }
  }
  EXPECT_GT(texts, 500u);
}

TEST(Template, ErrorsNameLineAndReason) {
  const std::tm now{};
  const auto message = [&](const std::string& source) {
    const auto text = render(source, Json::object(), now);
    return text.ok() ? "rendered: " + *text : text.error().message;
  };
  EXPECT_EQ(message("a\nb\n{{ x.y }}"), "chat template line 3: 'x' is undefined");
  EXPECT_EQ(message("{% if a %}\n{% for %}"),
            "chat template line 2: Expected an expression, got 'end of statement block'");
  EXPECT_EQ(message("\n{{ 'a' | nope }}"), "chat template line 2: No filter named 'nope'.");
  EXPECT_EQ(message("\n\n{{ lipsum() }}"),
            "chat template line 3: lipsum() writes random text, which a chat template has no use for");
  EXPECT_EQ(message("{{ raise_exception('Roles must alternate') }}"), "Roles must alternate");
}

TEST(Template, ErrorCodes) {
  const std::tm now{};
  const auto code = [&](const std::string& source) { return render(source, Json::object(), now).error().code; };
  EXPECT_EQ(code("{% if %}"), ErrorCode::kCorrupt);
  EXPECT_EQ(code("\xff"), ErrorCode::kCorrupt);
  EXPECT_EQ(code("{{ raise_exception('x') }}"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code("{{ none + 1 }}"), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code("{% include 'x' %}"), ErrorCode::kUnsupported);
  EXPECT_EQ(code("{{ 'a' * 1000000000 }}"), ErrorCode::kResource);
}

TEST(ChatTemplate, RendersPlainMessages) {
  auto compiled = ChatTemplate::compile(
      "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}{{ eos_token }}{% endfor %}"
      "{% if add_generation_prompt %}<assistant>{% endif %}",
      "^", "$");
  ASSERT_TRUE(compiled.ok());
  EXPECT_EQ(*(*compiled)->render({{"user", "hi"}, {"assistant", "yo"}}, true), "^<user>hi$<assistant>yo$<assistant>");
  EXPECT_EQ(*(*compiled)->render(std::vector<ChatMessage>{}, false), "^");
}

TEST(ChatTemplate, KeepsInvalidBytesOfMessages) {
  auto compiled = ChatTemplate::compile("{{ messages[0].content[1:] | upper | trim }}", "", "");
  ASSERT_TRUE(compiled.ok());
  EXPECT_EQ(*(*compiled)->render({{"user", "xa\xff\x62 "}}, false), "A\xff\x42");
}

}  // namespace
}  // namespace hearth::text::jinja
