// Contract and exclusions: engine/answer_plan.h.
#include "engine/answer_plan.h"

#include "engine/prompt.h"
#include "nlohmann/json.hpp"
#include "text/tools/call_grammar.h"
#include "text/tools/tool_conversation.h"

namespace hearth {

namespace tools = text::tools;

namespace {

// Reasoning that the request does not want, or that cannot come before what it has begun itself, is closed.
bool may_reason(const tools::AnswerFormat& format, const AnswerWishes& wishes) {
  return format.reasoning.exists() && !wishes.reasoning.off() && wishes.begins_with.empty();
}

}  // namespace

Result<text::tools::ParserOptions> plan_answer(const Engine& engine, const AnswerWishes& wishes, std::string* rendered,
                                               GenerateOptions* options) {
  TRY(tools::check(wishes.tools));
  const tools::AnswerFormat& format = engine.answer_format();
  const bool reasons = may_reason(format, wishes);
  if (!reasons && format.reasoning.exists()) {
    // Where nothing was said of reasoning and the answer goes on from a beginning, only what is open has to be closed.
    if (wishes.reasoning.off() || tools::opens_reasoning(format, *rendered)) *rendered += tools::closed_reasoning(format, *rendered);
  }
  const bool begun = reasons && tools::opens_reasoning(format, *rendered);
  *rendered += wishes.begins_with;

  tools::ParserOptions parser;
  parser.format = format;
  parser.tools = wishes.tools;
  parser.begins_in_reasoning = begun;
  parser.splits_reasoning = wishes.splits_reasoning;

  AnswerShape shape = wishes.shape;
  if (wishes.tools.forced() && shape.kind != AnswerShape::Kind::kFree) {
    return Error{ErrorCode::kInvalidArgument, "the answer has to be a tool call and to have a form of its own: only one can be"};
  }
  const bool needs_around = wishes.tools.active() || (reasons && shape.kind != AnswerShape::Kind::kFree);
  if (needs_around) {
    auto around = std::make_shared<tools::AnswerGrammar>();
    around->format = format;
    around->tools = wishes.tools;
    around->reasons = reasons;
    around->begins_in_reasoning = begun;
    shape.around = std::move(around);
  }
  options->grammar = TRY(engine.grammars().get(shape));
  const bool shows = wishes.tools.active() || reasons;
  options->shown_tokens = shows ? format.shown_tokens : std::vector<int32_t>();
  options->reasoning = {};
  if (reasons) options->reasoning = {format.reasoning, begun, wishes.reasoning.budget};
  return parser;
}

Result<std::string> render_answer_prompt(const Engine& engine, const AnswerWishes& wishes, const nlohmann::ordered_json& messages,
                                         const nlohmann::ordered_json& variables) {
  const tools::AnswerFormat& format = engine.answer_format();
  nlohmann::ordered_json all = tools::template_variables(format, wishes.tools, wishes.reasoning);
  if (variables.is_object()) {
    for (auto entry = variables.begin(); entry != variables.end(); ++entry) all[entry.key()] = *entry;
  }
  all["messages"] = tools::fit_messages(format, wishes.tools, messages);
  if (!all.contains("add_generation_prompt")) all["add_generation_prompt"] = true;
  return render_chat(engine, all);
}

}  // namespace hearth
