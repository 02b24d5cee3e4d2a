// Contract and exclusions: server/openai/response_items.h.
#include "server/openai/response_items.h"

#include "server/context.h"
#include "server/openai/chat_message.h"

namespace hearth::server::openai {

namespace {

using Kind = AnswerPart::Kind;

Json with(Json place, const char* name, Json value) {
  place[name] = std::move(value);
  return place;
}

}  // namespace

void ResponseItems::add_logprobs(Json entries) {
  for (Json& entry : entries) waiting_.push_back(std::move(entry));
}

Json ResponseItems::take_logprobs(size_t index) {
  if (logprobs_.size() <= index) logprobs_.resize(index + 1, Json::array());
  Json taken = std::move(waiting_);
  waiting_ = Json::array();
  for (const Json& entry : taken) logprobs_[index].push_back(entry);
  return taken;
}

std::string ResponseItems::id_of(size_t index, const AnswerPart& part) {
  if (ids_.size() <= index) ids_.resize(index + 1);
  if (ids_[index].empty()) {
    const bool custom = part.kind == Kind::kCall && tools_.is_custom(part.name);
    ids_[index] = new_id(part.kind == Kind::kReasoning ? "rs_" : custom ? "ctc_" : part.kind == Kind::kCall ? "fc_" : "msg_");
  }
  return ids_[index];
}

// A part of a message, or of reasoning.
Json ResponseItems::text_part(const AnswerPart& part, Json logprobs) const {
  if (part.kind == Kind::kReasoning) return {{"type", summarises_ ? "summary_text" : "reasoning_text"}, {"text", part.text}};
  return {{"type", "output_text"}, {"text", part.text}, {"annotations", Json::array()}, {"logprobs", std::move(logprobs)}};
}

Json ResponseItems::item_of(size_t index, const AnswerPart& part, const char* status) {
  const bool opening = std::string_view(status) == "in_progress";
  Json item = {{"id", id_of(index, part)}};
  if (part.kind == Kind::kCall) {
    const bool custom = tools_.is_custom(part.name);
    item["type"] = custom ? "custom_tool_call" : "function_call";
    if (!custom) item["status"] = part.broken ? "incomplete" : status;
    item["call_id"] = part.id;
    item["name"] = part.name;
    item[custom ? "input" : "arguments"] = opening ? "" : custom ? custom_input(part) : part.text;
    return item;
  }
  Json content = Json::array();
  if (!opening) {
    if (logprobs_.size() <= index) logprobs_.resize(index + 1, Json::array());
    content.push_back(text_part(part, logprobs_[index]));
  }
  if (part.kind == Kind::kReasoning) {
    item["type"] = "reasoning";
    item["status"] = status;
    item["summary"] = summarises_ ? content : Json::array();
    if (!summarises_) item["content"] = std::move(content);
    item["encrypted_content"] = nullptr;
    return item;
  }
  item["type"] = "message";
  item["status"] = status;
  item["role"] = "assistant";
  item["content"] = std::move(content);
  return item;
}

Json ResponseItems::place(size_t index, const AnswerPart& part, const char* inner) {
  Json place = {{"item_id", id_of(index, part)}, {"output_index", index}};
  if (inner) place[inner] = 0;
  return place;
}

void ResponseItems::send(const PartEvent& event, const AnswerPart& part, const char* status, const Send& send) {
  switch (event.kind) {
    case PartEvent::Kind::kBegin: return begin(event.part, part, send);
    case PartEvent::Kind::kMore: return more(event.part, part, event.more, send);
    case PartEvent::Kind::kEnd: return end(event.part, part, status, send);
  }
}

void ResponseItems::begin(size_t index, const AnswerPart& part, const Send& send) {
  send("response.output_item.added", {{"output_index", index}, {"item", item_of(index, part, "in_progress")}});
  if (part.kind == Kind::kCall) return;
  const bool summary = part.kind == Kind::kReasoning && summarises_;
  AnswerPart empty;
  empty.kind = part.kind;
  send(summary ? "response.reasoning_summary_part.added" : "response.content_part.added",
       with(place(index, part, summary ? "summary_index" : "content_index"), "part", text_part(empty, Json::array())));
}

void ResponseItems::more(size_t index, const AnswerPart& part, const std::string& text, const Send& send) {
  if (part.kind == Kind::kCall) {
    // A custom tool's text is known when the arguments that hold it are complete.
    if (!tools_.is_custom(part.name)) send("response.function_call_arguments.delta", with(place(index, part, nullptr), "delta", text));
  } else if (part.kind == Kind::kReasoning) {
    send(summarises_ ? "response.reasoning_summary_text.delta" : "response.reasoning_text.delta",
         with(place(index, part, summarises_ ? "summary_index" : "content_index"), "delta", text));
  } else {
    send("response.output_text.delta",
         with(with(place(index, part, "content_index"), "delta", text), "logprobs", take_logprobs(index)));
  }
}

void ResponseItems::send_logprobs(size_t index, const Send& send) { more(index, AnswerPart(), "", send); }

void ResponseItems::end(size_t index, const AnswerPart& part, const char* status, const Send& send) {
  const Json item = item_of(index, part, status);
  if (part.kind == Kind::kCall && tools_.is_custom(part.name)) {
    send("response.custom_tool_call_input.delta", with(place(index, part, nullptr), "delta", item["input"]));
    send("response.custom_tool_call_input.done", with(place(index, part, nullptr), "input", item["input"]));
  } else if (part.kind == Kind::kCall) {
    send("response.function_call_arguments.done",
         with(with(place(index, part, nullptr), "name", part.name), "arguments", part.text));
  } else if (part.kind == Kind::kReasoning) {
    const char* inner = summarises_ ? "summary_index" : "content_index";
    send(summarises_ ? "response.reasoning_summary_text.done" : "response.reasoning_text.done",
         with(place(index, part, inner), "text", part.text));
    send(summarises_ ? "response.reasoning_summary_part.done" : "response.content_part.done",
         with(place(index, part, inner), "part", text_part(part, Json::array())));
  } else {
    send("response.output_text.done",
         with(with(place(index, part, "content_index"), "text", part.text), "logprobs", item["content"][0]["logprobs"]));
    send("response.content_part.done", with(place(index, part, "content_index"), "part", item["content"][0]));
  }
  send("response.output_item.done", {{"output_index", index}, {"item", item}});
}

}  // namespace hearth::server::openai
