// Fuzz target: GBNF out of arbitrary bytes, and a walk through what comes about.
//
// Contract: nothing may crash, hang or read outside; an allowed token can be accepted, and an end can be reached.
// Not here: schemas.
#include "text/grammar/fuzz_walk.h"
#include "text/grammar/gbnf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 2048) return 0;
  auto rules = hearth::text::grammar::compile_gbnf({reinterpret_cast<const char*>(data), size});
  if (rules.ok()) hearth::text::grammar::fuzz_walk(std::move(rules).value(), size);
  return 0;
}
