// libFuzzer: any bytes as a template, rendered over a small conversation.
//
// Contract: no signal, no sanitizer report, no exception out of compile() or render(); the limits end every run.
// Not here: what the text should be (template_test.cpp).
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "nlohmann/json.hpp"
#include "text/jinja/template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const nlohmann::ordered_json kVariables = {
      {"messages", {{{"role", "user"}, {"content", "h\xC3\xA9 <b>"}}, {{"role", "assistant"}, {"content", nullptr}}}},
      {"tools", {{{"name", "f"}, {"parameters", {{"x", 1.5}, {"y", {1, true, "z"}}}}}}},
      {"bos_token", "<s>"},
      {"add_generation_prompt", true},
      {"n", 7}};
  const std::string_view source(reinterpret_cast<const char*>(data), size);
  const auto compiled = hearth::text::jinja::Template::compile(source);
  if (compiled) (void)(*compiled)->render(kVariables);
  return 0;
}
