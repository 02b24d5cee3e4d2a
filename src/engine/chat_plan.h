// A plain conversation, as `hearth run` has it, to the prompt and the options of its answer.
//
// Contract: through the model's template with what it says about tools and reasoning (answer_plan.h); a model without one goes on
// from the last text. The same for this process and for a running server, so that answers are the same bits.
// Not here: conversations with tool calls of the past (server/messages.h).
#pragma once

#include <cstdint>
#include <vector>

#include "engine/answer_plan.h"
#include "text/chat_template.h"

namespace hearth {

struct ChatPlan {
  std::vector<int32_t> prompt;
  text::tools::ParserOptions parser;  // takes the answer apart
  GenerateOptions options;            // as given, with what the wishes demand
};

Result<ChatPlan> plan_chat(const Engine& engine, const AnswerWishes& wishes, const std::vector<text::ChatMessage>& messages,
                           const GenerateOptions& options);
// A text that is gone on with as it is.
Result<ChatPlan> plan_text(const Engine& engine, const AnswerShape& shape, std::string_view text, const GenerateOptions& options);

}  // namespace hearth
