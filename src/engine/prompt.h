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
#include "nlohmann/json_fwd.hpp"
#include "text/chat_template.h"

namespace hearth {

// Plain text to be continued. `parse_special`: control tokens written out in the text become their ids.
std::vector<int32_t> text_prompt(const Engine& engine, std::string_view text, bool parse_special = true);

// A text that is read as a whole, as for an embedding: with the model's start and end tokens. Never empty unless the model has
// neither.
std::vector<int32_t> whole_text(const Engine& engine, std::string_view text);

// What the chat template makes of `variables` (messages, add_generation_prompt, and any further names). Error kUnsupported if
// the model has no chat template, else what the template reports.
Result<std::string> render_chat(const Engine& engine, const nlohmann::ordered_json& variables);
// The tokens of a rendered conversation.
std::vector<int32_t> rendered_prompt(const Engine& engine, std::string_view rendered);
// Both in one; the answer's turn is opened.
Result<std::vector<int32_t>> chat_prompt(const Engine& engine, const std::vector<text::ChatMessage>& messages);

}  // namespace hearth
