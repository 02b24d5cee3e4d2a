// Contract and exclusions: server/anthropic/blocks.h.
#include "server/anthropic/blocks.h"

#include "base/sha256.h"

namespace hearth::server::anthropic {

namespace {

using Kind = AnswerPart::Kind;

Json text_block(std::string_view text) { return {{"type", "text"}, {"text", text}, {"citations", nullptr}}; }

std::string signature_of(const AnswerPart& part) { return to_hex(sha256_of(part.text)); }

Json block_of(const AnswerPart& part) {
  if (part.kind == Kind::kReasoning) return {{"type", "thinking"}, {"thinking", part.text}, {"signature", signature_of(part)}};
  if (part.kind != Kind::kCall) return text_block(part.text);
  if (part.broken) return text_block(part.raw);
  return {{"type", "tool_use"}, {"id", part.id}, {"name", part.name}, {"input", call_arguments(part)}};
}

}  // namespace

Json content_of(const AnswerParts& parts) {
  Json content = Json::array();
  for (const AnswerPart& part : parts.parts()) content.push_back(block_of(part));
  if (content.empty()) content.push_back(text_block(""));
  return content;
}

Json empty_block(const AnswerPart& part) {
  if (part.kind == Kind::kReasoning) return {{"type", "thinking"}, {"thinking", ""}, {"signature", ""}};
  if (part.kind == Kind::kCall) return {{"type", "tool_use"}, {"id", part.id}, {"name", part.name}, {"input", Json::object()}};
  return text_block("");
}

Json delta_of(const AnswerPart& part, const std::string& more) {
  if (part.kind == Kind::kReasoning) return {{"type", "thinking_delta"}, {"thinking", more}};
  if (part.kind == Kind::kCall) return {{"type", "input_json_delta"}, {"partial_json", more}};
  return {{"type", "text_delta"}, {"text", more}};
}

Json signature_delta(const AnswerPart& part) { return {{"type", "signature_delta"}, {"signature", signature_of(part)}}; }

}  // namespace hearth::server::anthropic
