// Text and conversations -> prompt tokens, with the model's start token exactly once.
//
// Contract: a conversation goes through the model's chat template; what the template writes is tokenized with control
// tokens, and the start token is added only if the model wants one and the template did not write it. Thread-safe.
// Not here: rendering (text/chat_template.h), running the prompt (engine/generate.h).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "hearth/engine.h"
#include "text/chat_template.h"

namespace hearth {

// Plain text to be continued. `parse_special`: control tokens written out in the text become their ids.
std::vector<int32_t> text_prompt(const Engine& engine, std::string_view text, bool parse_special = true);

// Error kUnsupported if the model has no chat template, else what the template reports.
Result<std::vector<int32_t>> chat_prompt(const Engine& engine, const std::vector<text::ChatMessage>& messages);

}  // namespace hearth
