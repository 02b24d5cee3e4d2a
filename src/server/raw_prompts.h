// Prompts that go to the model as they are: text, token ids, both mixed, or several of them.
//
// Contract: no chat template. Control tokens written out in a text are tokenized as such, so that prompts which clients
// have put together themselves (fill-in-the-middle, whole chats) arrive whole. An empty prompt is the model's start token.
// Every prompt fits the context, or the request is refused.
// Not here: conversations (server/messages.h), prompts with a gap (server/infill.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "hearth/engine.h"
#include "server/api_error.h"
#include "server/json.h"

namespace hearth::server {

inline constexpr size_t kMaxPrompts = 128;  // in one request

struct RawPrompt {
  std::vector<int32_t> tokens;
  std::string text;                  // as it was written; of token ids, what they stand for
};

// What prompts may be.
struct RawPromptRules {
  size_t most = kMaxPrompts;
  bool whole = false;                // read as a whole, not gone on with: never empty, and text gets the end token if the model wants it
};

// "text", [1, 2, 3], ["text", 4, 5] and {"prompt_string": "text"} are one prompt; a list of texts, lists or objects is several.
Checked<std::vector<RawPrompt>> read_prompts(const Engine& engine, const Json& body, const char* field = "prompt",
                                             const RawPromptRules& rules = {});

}  // namespace hearth::server
