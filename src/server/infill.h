// Prompts whose answer fills the gap between a prefix and a suffix.
//
// Contract: with the model's own fill-in-the-middle tokens where it has them; prefix and suffix are plain text then. Else by
// asking: the model is shown the suffix and goes on from the prefix, and stop strings end the answer where the suffix would
// begin, so that nothing has to be cut out of it. Prefix and suffix are never shortened: what does not fit is refused. Extra
// files that do not fit are left out whole, the first ones first, and counted. Thread-safe.
// Not here: routes (native/infill.cpp, openai/completions.cpp).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/engine.h"
#include "server/api_error.h"

namespace hearth::server {

struct ExtraFile {
  std::string name;
  std::string text;
};

struct Gap {
  std::string prefix, suffix;
  std::vector<ExtraFile> extra;      // of the same project, the most telling ones last
  int64_t max_tokens = -1;           // of the answer; extra files leave room for it
};

struct GapPrompt {
  std::vector<int32_t> tokens;
  std::string text;                  // of the tokens, control tokens written out
  std::vector<std::string> stops;    // to be added to the request's own
  int64_t left_out = 0;              // extra files that did not fit
};

Checked<GapPrompt> gap_prompt(const Engine& engine, const Gap& gap);

// Whether a client has put together a fill-in-the-middle prompt itself: it goes to the model as it is, without a template.
bool holds_fim_tokens(const Engine& engine, std::string_view prompt);

}  // namespace hearth::server
