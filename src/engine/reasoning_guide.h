// ReasoningGuide: watches whether an answer reasons, counts the tokens of that, and closes it when they are used up.
//
// Contract: a function of the tokens so far, so that guessing ahead cannot be seen in it. What closes the reasoning (a line end,
// its mark, an empty line) is settled like the tokens that a grammar leaves.
// Not here: grammars (grammar_guide.h), taking the text apart (text/tools/answer_parser.h).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/generate.h"
#include "text/tokenizer.h"

namespace hearth {

class ReasoningGuide {
 public:
  ReasoningGuide(const ReasoningLimit& limit, const text::Tokenizer& tokenizer);

  // Tokens that come next whatever is drawn.
  std::span<const int32_t> settled() const { return std::span(settled_).subspan(used_); }
  void take(int32_t token);
  int64_t tokens() const { return tokens_; }  // of reasoning, with its marks

 private:
  enum class State : uint8_t { kBefore, kInside, kOver };
  void watch_begin(std::string_view bytes);
  void watch_end(std::string_view bytes);
  void settle();

  const ReasoningLimit limit_;
  const text::Tokenizer& tokenizer_;
  State state_;
  std::string seen_;              // kBefore: the answer so far; kInside: its last bytes
  std::vector<int32_t> settled_;
  size_t used_ = 0;               // of settled_
  int64_t tokens_ = 0, inside_ = 0;
};

}  // namespace hearth
