// Contract and exclusions: engine/chat_plan.h.
#include "engine/chat_plan.h"

#include "engine/prompt.h"
#include "nlohmann/json.hpp"

namespace hearth {

Result<ChatPlan> plan_chat(const Engine& engine, const AnswerWishes& wishes, const std::vector<text::ChatMessage>& messages,
                           const GenerateOptions& options) {
  if (engine.info().chat_template.empty()) return plan_text(engine, wishes.shape, messages.back().content, options);
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const text::ChatMessage& message : messages) list.push_back({{"role", message.role}, {"content", message.content}});
  ChatPlan plan{{}, {}, options};
  std::string text = TRY(render_answer_prompt(engine, wishes, list, {{"add_generation_prompt", true}}));
  plan.parser = TRY(plan_answer(engine, wishes, &text, &plan.options));
  plan.prompt = rendered_prompt(engine, text);
  return plan;
}

Result<ChatPlan> plan_text(const Engine& engine, const AnswerShape& shape, std::string_view text, const GenerateOptions& options) {
  ChatPlan plan{text_prompt(engine, text), {}, options};
  plan.options.grammar = TRY(engine.grammars().get(shape));
  return plan;
}

}  // namespace hearth
