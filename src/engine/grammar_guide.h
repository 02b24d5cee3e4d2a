// GrammarGuide: follows one answer through a grammar: what may come next, and what comes without a choice.
//
// Contract: a function of the grammar and the tokens so far, so that guessing ahead and other answers cannot be seen in it.
// Where the grammar leaves one text only, its tokens as the tokenizer writes them are settled() and are taken unasked; else
// the mask says what may be drawn. Errors (kResource) leave it as it was.
// Not here: grammars (text/grammar/), drawing (text/sampler.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "text/grammar/grammar.h"
#include "text/tokenizer.h"

namespace hearth {

class GrammarGuide {
 public:
  GrammarGuide(std::shared_ptr<text::grammar::Grammar> grammar, const text::Tokenizer& tokenizer)
      : matcher_(std::move(grammar)), tokenizer_(tokenizer) {}

  // Before the first token.
  Result<void> begin() { return settle(); }
  // Tokens that come next whatever is drawn.
  std::span<const int32_t> settled() const { return std::span(settled_).subspan(used_); }
  // Where nothing is settled: bit t of word t / 64 says whether token t may come.
  Result<std::shared_ptr<const text::grammar::TokenMask>> mask() { return matcher_.mask(); }
  // The next token of the answer. Error kInvalidArgument if it may not come.
  Result<void> take(int32_t token);
  // Nothing but the end may come.
  bool complete() const { return complete_; }

 private:
  Result<void> settle();

  text::grammar::Matcher matcher_;
  const text::Tokenizer& tokenizer_;
  std::vector<int32_t> settled_;
  size_t used_ = 0;       // of settled_
  bool complete_ = false;
};

}  // namespace hearth
