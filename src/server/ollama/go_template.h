// Templates as Ollama writes them, as far as one prompt and one answer need them.
//
// Contract: variables .System, .Prompt, .Suffix and .Response; if, else, else if, end; and, or, not, eq, ne, parentheses,
// strings; comments and trim marks. Anything else is an error that names it. Bounded in size and depth; pure.
// Not here: messages, loops and tools, which the model's own chat template (text/chat_template.h) has.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "hearth/error.h"

namespace hearth::server::ollama {

struct TemplateFields {
  std::string system, prompt, suffix, response;
};

class GoTemplate {
 public:
  static Result<GoTemplate> parse(std::string_view source);
  // The text up to where the answer begins (.Response), or all of it.
  std::string render_prompt(const TemplateFields& fields) const;

  struct Node;

 private:
  std::shared_ptr<const Node> root_;
};

// A template that gives the same prompts as a chat template does for a system text (or none) and one question. `render` is
// that chat template, of messages as (role, content). "{{ .Prompt }}" if it does something that no such template says.
struct PlainMessage {
  std::string role, content;
};
using RenderChat = std::function<Result<std::string>(const std::vector<PlainMessage>& messages)>;
std::string template_like(const RenderChat& render);

}  // namespace hearth::server::ollama
