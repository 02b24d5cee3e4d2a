// Compiles a list of choices.
//
// Contract: see choices.h.
// Not here: masks.
#include "text/grammar/choices.h"

#include "text/grammar/limits.h"

namespace hearth::text::grammar {

Result<Rules> compile_choices(const std::vector<std::string>& choices) {
  if (choices.empty()) return Error{ErrorCode::kInvalidArgument, "the list of choices is empty"};
  size_t bytes = 0;
  for (size_t i = 0; i < choices.size(); ++i) {
    if (choices[i].empty()) return Error{ErrorCode::kInvalidArgument, "choice " + std::to_string(i) + " is empty"};
    bytes += choices[i].size();
  }
  if (bytes > kMaxSourceBytes) {
    return Error{ErrorCode::kInvalidArgument, "the choices have " + std::to_string(bytes) + " bytes; at most " + std::to_string(kMaxSourceBytes)};
  }
  Rules rules;
  const RuleId root = rules.add_rule("choice");
  rules.define(root, rules.terminal(rules.regex().one_of(choices)));
  rules.set_root(root);
  TRY(rules.finish());
  return rules;
}

}  // namespace hearth::text::grammar
