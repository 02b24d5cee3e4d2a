// Templates that try to exhaust time, memory or stack: each must end in an error that names a limit.
//
// The limits (limits.h) bound the work, so no clock is read here. Not here: what templates should do
// (template_test.cpp).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "text/jinja/limits.h"
#include "text/jinja/template.h"

namespace hearth::text::jinja {
namespace {

std::string repeat(const std::string& text, int count) {
  std::string result;
  for (int i = 0; i < count; ++i) result += text;
  return result;
}

Result<std::string> render(const std::string& source) {
  auto compiled = Template::compile(source);
  if (!compiled) return compiled.error();
  const nlohmann::ordered_json variables = {
      {"text", std::string(1 << 16, 'a')}, {"items", {3, 1, 2}}, {"n", 1000000000}};
  return (*compiled)->render(variables);
}

// Each of these wants more than any limit allows.
const std::vector<std::string> kResourceTemplates = {
    "{{ 'a' * 1000000000 }}",
    "{{ 'a' * n * n * n }}",
    "{{ [0] * n }}",
    "{{ (1, 2) * n }}",
    "{{ n * 'ab' }}",
    "{{ 'a'.center(n) }}",
    "{{ 'a' | center(n) }}",
    "{{ 'a'.ljust(n) }}",
    "{{ 'a'.rjust(n, 'é') }}",
    "{{ '7'.zfill(n) }}",
    "{{ '\\t'.expandtabs(n) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ '%.1000000000f' % 1.5 }}",
    "{{ '%*d' % (n, 1) }}",
    "{{ '{:1000000000}'.format(1) }}",
    "{{ '{:.1000000000f}'.format(1.5) }}",
    "{{ '{:{w}}'.format(1, w=n) }}",
    "{{ 'a\\nb' | indent(n) }}",
    "{{ [[1]] | tojson(indent=n) }}",
    "{{ [1] | batch(n, 'x') | list }}",
    "{% for i in range(100000) %}{% for j in range(100000) %}{% endfor %}{% endfor %}",
    "{% for i in range(100000) %}{% for j in range(100000) %}x{% endfor %}{% endfor %}",
    "{% for i in range(100000) %}{{ text }}{% endfor %}",
    "{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "{% set ns = namespace(l=[1]) %}{% for i in range(64) %}{% set ns.l = ns.l + ns.l %}{% endfor %}",
    "{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ns.s.replace('a', 'aab') %}{% endfor %}",
    "{% set ns = namespace(s='ab') %}{% for i in range(64) %}{% set ns.s = ns.s | replace('', 'xyz') %}{% endfor %}",
    "{% set ns = namespace(s='<') %}{% for i in range(64) %}{% set ns.s = ns.s | forceescape %}{% endfor %}{{ ns.s * "
    "1000000 }}",
    "{% set ns = namespace(s='é') %}{% for i in range(64) %}{% set ns.s = ns.s | urlencode %}{% endfor %}{{ ns.s * "
    "9999999 }}",
    "{% set ns = namespace(s='\"') %}{% for i in range(64) %}{% set ns.s = ns.s | tojson %}{% endfor %}",
    "{% set ns = namespace(s='a') %}{% for i in range(64) %}{% set ns.s = '%s%s' % (ns.s, ns.s) %}{% endfor %}",
    "{% set ns = namespace(s='a') %}{% for i in range(64) %}{% set ns.s = '{0}{0}'.format(ns.s) %}{% endfor %}",
    "{% set ns = namespace(s='a') %}{% for i in range(64) %}{% set ns.s = [ns.s, ns.s] | join %}{% endfor %}",
    "{% set ns = namespace(s='a') %}{% for i in range(64) %}{% set ns.s %}{{ ns.s }}{{ ns.s }}{% endset %}{% endfor %}",
    "{% set ns = namespace(s='a') %}{% for i in range(64) %}{% set ns.s = ns.s.join(ns.s ~ 'xx') %}{% endfor %}",
    "{% set ns = namespace(l=[1]) %}{% for i in range(40) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}",
    "{% set ns = namespace(l=[1]) %}{% for i in range(40) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l | tojson "
    "}}",
    "{% set ns = namespace(l=[1]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}",
    "{% set ns = namespace(l=[1]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l | tojson }}",
    "{% set ns = namespace(l={}) %}{% for i in range(100000) %}{% set ns.l = {'a': ns.l} %}{% endfor %}{{ ns.l | "
    "string }}",
    "{% set a = namespace(l=[1]) %}{% set b = namespace(l=[1]) %}{% for i in range(100000) %}{% set a.l = [a.l] %}"
    "{% set b.l = [b.l] %}{% endfor %}{{ a.l == b.l }}",
    "{% set a = namespace(l=(1,)) %}{% for i in range(100000) %}{% set a.l = (a.l,) %}{% endfor %}{{ {a.l: 1} }}",
    "{% set a = namespace(l=[1]) %}{% set b = namespace(l=[1]) %}{% for i in range(60) %}{% set a.l = [a.l, a.l] %}"
    "{% set b.l = [b.l, b.l] %}{% endfor %}{{ a.l == b.l }}",
    "{% set a = namespace(l=(1,)) %}{% for i in range(60) %}{% set a.l = (a.l, a.l) %}{% endfor %}{{ {a.l: 1} }}",
    "{{ ('a ' * 9999999).split() }}",
    "{{ ('a\n' * 9999999).splitlines() }}",
    "{{ ('a' * 9999999).split('a') }}",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
    "{% macro f(n) %}{{ f(n + 1) }}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}",
    "{% macro f() %}{% call g() %}{% endcall %}{% endmacro %}{% macro g() %}{{ caller() }}{{ f() }}{% endmacro %}{{ "
    "f() }}",
    "{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "{% for i in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}",
    "{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
    "{% set ns = namespace(it=[1]) %}{% for i in range(100000) %}{% set ns.it = ns.it | map('string') %}{% endfor %}{{ "
    "ns.it | list }}",
    "{% set ns = namespace(it=[1]) %}{% for i in range(100000) %}{% set ns.it = ns.it | select %}{% endfor %}{{ ns.it "
    "| first }}",
    "{% set ns = namespace(it=[1]) %}{% for i in range(100000) %}{% set ns.it = ns.it | unique %}{% endfor %}{% for x "
    "in ns.it %}{% endfor %}",
    "{% for i in range(100000) %}{{ range(100000) | sum }}{% endfor %}",
    "{% for i in range(100000) %}{{ range(100000) | list | length }}{% endfor %}",
    "{% for i in range(100000) %}{{ range(100000) | sort | first }}{% endfor %}",
    "{% for i in range(100000) %}{{ 'zz' in text * 100 }}{% endfor %}",
    "{% for i in range(100000) %}{{ (text * 64) | upper | length }}{% endfor %}",
    "{% for i in range(100000) %}{{ (text * 64) | length }}{% endfor %}",
    "{% for i in range(100000) %}{{ text[::-1] | length }}{% endfor %}",
    "{% for i in range(100000) %}{{ ('é' * 100000)[99999] }}{% endfor %}",
    "{% for i in range(100000) %}{{ text.split('a') | length }}{% endfor %}",
    "{% for i in range(100000) %}{{ text.count('a') }}{{ text.find('b') }}{{ text.strip('ab') | length }}{% endfor %}",
    "{% for i in range(100000) %}{{ text | wordcount }}{{ text | title | length }}{{ text | striptags | length }}{% "
    "endfor %}",
    "{% set d = namespace(x={}) %}{% for i in range(100000) %}{% set d.x = dict(d.x, **{i | string: i}) %}{% endfor %}",
    "{% set x = range(100000) | list %}{% for i in x %}{% if i in x %}{% endif %}{% endfor %}",
    "{% set ns = namespace(s=[]) %}{% for i in range(100000) %}{% set ns.s = ns.s + [text * 8] %}{% endfor %}",
    "{{ [[[0] * 1000] * 1000] * 1000 }}",
    "{{ ([text] * 100000) | join }}",
    "{{ ([text] * 100000) | join(text) }}",
    "{{ ([text] * 100000) | tojson }}",
    "{{ ([text] * 100000) | string }}",
    "{{ ([text] * 100000) | map('upper') | list }}",
    "{% for x in range(100000) | map('string') | batch(2) %}{% for y in range(100000) %}{% endfor %}{% endfor %}",
    "{{ strftime_now('%c' * 100000) }}",
};

TEST(Hostile, EndsAtALimit) {
  ASSERT_GE(kResourceTemplates.size(), 60u);
  for (const std::string& source : kResourceTemplates) {
    const auto text = render(source);
    ASSERT_FALSE(text.ok()) << source << "\nrendered " << text->size() << " bytes";
    EXPECT_EQ(text.error().code, ErrorCode::kResource) << source << "\n" << text.error().message;
    EXPECT_NE(text.error().message.find("chat template"), std::string::npos) << text.error().message;
  }
}

// Refused for another reason, or harmless; either way nothing grows.
TEST(Hostile, StaysSmall) {
  const std::vector<std::string> templates = {
      "{{ range(1000000000) }}",
      "{{ range(-9223372036854775807, 9223372036854775807) | length }}",
      "{{ 9 ** 999999999 }}",
      "{{ 2 ** 2 ** 2 ** 2 ** 2 ** 2 }}",
      "{{ 170141183460469231731687303715884105727 + 1 }}",
      "{{ 99999999999999999999999999999999999999999999 }}",
      "{{ -170141183460469231731687303715884105727 - 1 // -1 }}",
      "{{ '' * n }}",
      "{{ [] * n }}",
      "{{ 'a' * -n }}",
      "{{ text[n:] }}{{ text[-n:n:n] | length }}",
      "{{ items[n] }}{{ items[-n] }}",
      "{{ 'abc'.split('') }}",
      "{{ 1e308 * 1e308 }}",
      "{{ 1.5 | round(n) }}{{ 1.5 | round(-n) }}{{ 5 | round(-n) }}",
      "{% set ns = namespace(l=[1]) %}{% for i in range(100000) %}{% set ns.l = [ns.l] %}{% endfor %}deep",
      "{% set ns = namespace() %}{% set ns.x = ns %}{% set ns.y = [ns] %}circle",
      "{% macro f() %}{% endmacro %}{% set ns = namespace(f=f) %}{% set ns.g = [f, ns] %}circle",
      "{{ (text * 100) | truncate(n) | length }}",
      "{{ lipsum(n) }}",
      "{{ items | slice(n) | first }}",
      "{{ ''.join(items | map('string')) | int(base=n) }}",
  };
  for (const std::string& source : templates) {
    const auto text = render(source);
    if (text.ok()) {
      EXPECT_LT(text->size(), 1000u) << source;
    } else {
      EXPECT_FALSE(text.error().message.empty()) << source;
    }
  }
}

TEST(Hostile, DeepNestingIsRefused) {
  const int deep = 100000;
  for (const std::string& source : {
           "{{ " + repeat("(", deep) + "1" + repeat(")", deep) + " }}",
           "{{ " + repeat("[", deep) + repeat("]", deep) + " }}",
           "{{ " + repeat("{1:", deep) + "1" + repeat("}", deep) + " }}",
           "{{ " + repeat("-", deep) + "1 }}",
           "{{ " + repeat("not ", deep) + "1 }}",
           "{{ x" + repeat(".a", deep) + " }}",
           "{{ x" + repeat("[0]", deep) + " }}",
           "{{ x" + repeat("()", deep) + " }}",
           "{{ x" + repeat("|list", deep) + " }}",
           "{{ x" + repeat(" is none", deep) + " }}",
           "{{ 1" + repeat(" if 1 else 1", deep) + " }}",
           "{{ 1" + repeat(" if 1", deep) + " }}",
           "{{ f(" + repeat("f(", deep) + repeat(")", deep + 1) + " }}",
           repeat("{% if 1 %}", deep),
           repeat("{% for i in [1] %}", deep),
           repeat("{% macro m() %}", deep),
           repeat("{% set x %}", deep),
           repeat("{% filter upper %}", deep),
           repeat("{% call m() %}", deep),
           "{% set " + repeat("(", deep) + "a = 1 %}",
       }) {
    const auto compiled = Template::compile(source);
    ASSERT_FALSE(compiled.ok()) << source.substr(0, 40);
    EXPECT_FALSE(compiled.error().message.empty());
  }
}

TEST(Hostile, LongButFlatIsFine) {
  const int wide = 5000;
  EXPECT_EQ(*render("{{ 1" + repeat(" + 1", wide) + " }}"), std::to_string(wide + 1));
  EXPECT_EQ(render("{{ ''" + repeat(" ~ 'a'", wide) + " }}")->size(), static_cast<size_t>(wide));
  EXPECT_EQ(*render("{{ 0" + repeat(" or 0", wide) + " or 7 }}"), "7");
  EXPECT_EQ(*render("{{ 1" + repeat(" < 2 > 1", wide) + " }}"), "True");
  EXPECT_EQ(render("{% if 0 %}" + repeat("{% elif 0 %}", wide) + "{% else %}x{% endif %}").ok(), true);
  EXPECT_EQ(*render("{{ [" + repeat("1,", wide) + "] | length }}"), std::to_string(wide));
}

TEST(Hostile, LargeSourceIsRefused) {
  const auto compiled = Template::compile(std::string(kMaxSourceBytes + 1, 'x'));
  ASSERT_FALSE(compiled.ok());
  EXPECT_EQ(compiled.error().code, ErrorCode::kResource);
}

// A long conversation is no attack.
TEST(Hostile, LongConversationsRender) {
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  for (int i = 0; i < 1000; ++i) {
    messages.push_back({{"role", i % 2 == 0 ? "user" : "assistant"}, {"content", std::string(1000, 'x')}});
  }
  const auto compiled = Template::compile(
      "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
      "{{ '<|im_start|>' + m.role + '\\n' + m.content | trim + '<|im_end|>' + '\\n' }}{% endfor %}{{ ns.n }}");
  ASSERT_TRUE(compiled.ok());
  const auto text = (*compiled)->render({{"messages", messages}});
  ASSERT_TRUE(text.ok()) << text.error().message;
  EXPECT_GT(text->size(), 1'000'000u);
}

}  // namespace
}  // namespace hearth::text::jinja
