// A chat template compiled once: source -> bound tree, rendered any number of times.
//
// Contract: immutable and thread-safe. Errors carry the line: "chat template line N: ...", except the template's own
// raise_exception, whose words stand alone. Not here: messages of a chat (text/chat_template.h).
#pragma once

#include <ctime>
#include <memory>
#include <string>
#include <string_view>

#include "hearth/error.h"
#include "nlohmann/json_fwd.hpp"

namespace hearth::text::jinja {

struct TemplateTree;

class Template {
 public:
  ~Template();
  static Result<std::unique_ptr<Template>> compile(std::string_view source);
  // `variables` is an object. `now` is what strftime_now() sees; null: the local time.
  Result<std::string> render(const nlohmann::ordered_json& variables, const std::tm* now = nullptr) const;

 private:
  Template();
  std::unique_ptr<TemplateTree> tree_;
};

}  // namespace hearth::text::jinja
