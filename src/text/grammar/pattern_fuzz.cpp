// Fuzz target: patterns out of arbitrary bytes, as UTF-8 and as JSON strings, and a walk through what comes about.
//
// Contract: nothing may crash, hang or read outside; an allowed token can be accepted, and an end can be reached.
// Not here: schemas.
#include "text/grammar/fuzz_walk.h"
#include "text/grammar/pattern.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace hearth::text::grammar;
  if (size == 0 || size > 512) return 0;
  Rules rules;
  const Spelling spelling = data[0] & 1 ? Spelling::kUtf8 : Spelling::kJsonString;
  auto language = pattern_language(&rules.regex(), {reinterpret_cast<const char*>(data) + 1, size - 1}, spelling);
  if (!language.ok()) return 0;
  const RuleId root = rules.add_rule("root");
  rules.define(root, rules.terminal(language->regex));
  rules.set_root(root);
  if (rules.finish().ok()) fuzz_walk(std::move(rules), size);
  return 0;
}
