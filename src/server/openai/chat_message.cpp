// Contract and exclusions: server/openai/chat_message.h.
#include "server/openai/chat_message.h"

namespace hearth::server::openai {

namespace {

using Kind = AnswerPart::Kind;

Json function_of(const AnswerPart& call) { return {{"name", call.name}, {"arguments", call.text}}; }

Json call_of(const AnswerPart& call, const ToolWishes& tools) {
  if (tools.is_custom(call.name)) {
    return {{"id", call.id}, {"type", "custom"}, {"custom", {{"name", call.name}, {"input", custom_input(call)}}}};
  }
  return {{"id", call.id}, {"type", "function"}, {"function", function_of(call)}};
}

Json reasoning_members(std::string_view text) { return {{"reasoning_content", text}, {"reasoning", text}}; }

}  // namespace

std::string custom_input(const AnswerPart& call) {
  const Json arguments = call_arguments(call);
  const Json* input = find_member(arguments, kCustomInput);
  return input && input->is_string() ? input->get<std::string>() : call.text;
}

Json chat_message(const AnswerParts& parts, const ToolWishes& tools) {
  Json calls = Json::array(), function;
  for (const AnswerPart& part : parts.parts()) {
    if (part.kind != Kind::kCall) continue;
    if (function.is_null()) function = function_of(part);
    calls.push_back(call_of(part, tools));
  }
  const std::string text = parts.text_of(Kind::kText), reasoning = parts.text_of(Kind::kReasoning);
  Json message = {{"role", "assistant"}, {"content", text.empty() && !calls.empty() ? Json() : Json(text)}};
  if (!reasoning.empty()) message.update(reasoning_members(reasoning));
  message["refusal"] = nullptr;
  if (calls.empty()) return message;
  if (tools.functions) {
    message["function_call"] = std::move(function);
  } else {
    message["tool_calls"] = std::move(calls);
  }
  return message;
}

std::optional<Json> ChatDeltas::delta_of(const PartEvent& event, const AnswerPart& part) {
  if (part.kind == Kind::kCall) return call_delta(event, part);
  if (event.kind != PartEvent::Kind::kMore) return std::nullopt;
  if (part.kind == Kind::kReasoning) return reasoning_members(event.more);
  return Json{{"content", event.more}};
}

// The first delta of a call has its id and name, the others have pieces of its arguments. A custom tool's text comes at once:
// it is known when the arguments that hold it are complete.
std::optional<Json> ChatDeltas::call_delta(const PartEvent& event, const AnswerPart& part) {
  const bool begins = event.kind == PartEvent::Kind::kBegin, ends = event.kind == PartEvent::Kind::kEnd;
  const bool custom = tools_.is_custom(part.name);
  if (begins) ++calls_;
  if (custom ? !begins && !ends : ends) return std::nullopt;
  if (tools_.functions) {
    if (begins) return Json{{"function_call", {{"name", part.name}, {"arguments", ""}}}};
    return Json{{"function_call", {{"arguments", event.more}}}};
  }
  Json call = {{"index", calls_ - 1}};
  if (begins) call["id"] = part.id, call["type"] = custom ? "custom" : "function";
  Json inner = Json::object();
  if (begins) inner["name"] = part.name;
  inner[custom ? "input" : "arguments"] = custom && ends ? custom_input(part) : event.more;
  call[custom ? "custom" : "function"] = std::move(inner);
  return Json{{"tool_calls", Json::array({std::move(call)})}};
}

const char* chat_finish_reason(const GenerateResult& result, const AnswerParts& parts, const ToolWishes& tools) {
  if (result.finish_reason != FinishReason::kStop) return "length";
  if (!parts.calls()) return "stop";
  return tools.functions ? "function_call" : "tool_calls";
}

}  // namespace hearth::server::openai
