// The tools that a request declares and what it says about calling them: what every dialect's fields come down to.
//
// Contract: plain values. check() finds what can be told without a model: names, doubles, parameters that are no schema of
// objects, a choice that names nothing. Whether a schema can be kept is found when it is compiled (call_grammar.h).
// Not here: fields of dialects (server/), the text that tells a model of its tools (tool_conversation.h).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/error.h"

namespace hearth::text::tools {

inline constexpr size_t kMaxTools = 1024;
inline constexpr size_t kMaxToolNameBytes = 256;
inline constexpr size_t kMaxToolBytes = size_t{4} << 20;  // of all definitions together

inline constexpr std::string_view kNoParameters = R"({"type":"object","properties":{},"additionalProperties":false})";

struct ToolDefinition {
  std::string name;
  std::string description;
  std::string parameters;  // JSON schema of the object of arguments; empty: it has none

  std::string_view schema() const { return parameters.empty() ? kNoParameters : parameters; }
};

enum class ToolChoice : uint8_t {
  kNone,      // nothing is called, and the model does not hear of the tools
  kAuto,      // text or calls, as the model likes
  kRequired,  // at least one call and nothing else
  kNamed,     // the tool `name` is called and nothing else
};

struct ToolRequest {
  std::vector<ToolDefinition> tools;
  ToolChoice choice = ToolChoice::kAuto;
  std::string name;        // of kNamed
  bool parallel = true;    // several calls in one answer may come

  // Calls can come at all.
  bool active() const { return choice != ToolChoice::kNone && !tools.empty(); }
  bool forced() const { return active() && choice != ToolChoice::kAuto; }
  const ToolDefinition* find(std::string_view tool) const;
};

// Errors: kInvalidArgument, naming the tool by name or number.
Result<void> check(const ToolRequest& request);

enum class ReasoningWish : uint8_t { kModelDefault, kOn, kOff };

struct ReasoningRequest {
  ReasoningWish wish = ReasoningWish::kModelDefault;
  int64_t budget = -1;     // tokens after which reasoning is ended; -1: none; 0 is as kOff
  std::string effort;      // "low", "medium", "high", for templates that take one; may be empty

  bool off() const { return wish == ReasoningWish::kOff || budget == 0; }
};

}  // namespace hearth::text::tools
