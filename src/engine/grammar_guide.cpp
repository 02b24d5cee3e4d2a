// Contract and exclusions: engine/grammar_guide.h.
#include "engine/grammar_guide.h"

namespace hearth {

Result<void> GrammarGuide::take(int32_t token) {
  if (!TRY(matcher_.accept(token))) {
    return Error{ErrorCode::kInvalidArgument,
                 "the grammar leaves no token that may come next: logit_bias or the vocabulary rules out all that would fit"};
  }
  if (used_ < settled_.size()) ++used_;
  return used_ < settled_.size() ? Result<void>() : settle();
}

Result<void> GrammarGuide::settle() {
  complete_ = TRY(matcher_.must_end());
  used_ = 0;
  settled_.clear();
  if (!complete_) settled_ = TRY(matcher_.forced_tokens(tokenizer_));
  return {};
}

}  // namespace hearth
