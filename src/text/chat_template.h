// A model's chat template: Jinja source compiled once, rendered over messages.
//
// Contract: output is byte-identical to Python's jinja2 set up as transformers does it. Rendering is bounded: steps,
// output bytes, memory, depth and time each have a named limit (text/jinja/limits.h). Immutable, thread-safe.
// Not here: tokenizing the result.
#pragma once

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/error.h"
#include "nlohmann/json_fwd.hpp"

namespace hearth::text {

struct ChatMessage {
  std::string role;
  std::string content;
};

class ChatTemplate {
 public:
  ~ChatTemplate();
  // Error kCorrupt names line and reason. bos/eos are the texts of the start and end tokens.
  static Result<std::unique_ptr<ChatTemplate>> compile(std::string_view source, std::string bos, std::string eos);
  // `variables` is an object: messages, tools, documents, add_generation_prompt, and any further names. `now` is the
  // time that strftime_now() tells; null: the local time.
  Result<std::string> render(const nlohmann::ordered_json& variables, const std::tm* now = nullptr) const;
  Result<std::string> render(const std::vector<ChatMessage>& messages, bool add_generation_prompt) const;
  const std::string& source() const;

 private:
  ChatTemplate();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace hearth::text
