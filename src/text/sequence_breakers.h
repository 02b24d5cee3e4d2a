// Texts that break a sequence, found in a vocabulary: what the sampler's "dry" stage looks for in the tokens of the past.
//
// Contract: a token breaks if its text holds a breaker, or ends with the beginning of one and the rest of it follows. Immutable
// once made. Not here: the penalty (text/dry.h).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hearth/error.h"

namespace hearth::text {

class Tokenizer;

class SequenceBreakers {
 public:
  static constexpr size_t kMaxBreakers = 32, kMaxBytes = 128;

  // Checks number and length; the error names the limit.
  static Result<void> validate(std::span<const std::string> breakers);
  // Looks through the whole vocabulary: milliseconds. Blank breakers are left out.
  static std::shared_ptr<const SequenceBreakers> find(const Tokenizer& tokenizer, std::span<const std::string> breakers);
  // From tokens: each breaker is a token and what must follow it.
  static std::shared_ptr<const SequenceBreakers> of_tokens(const std::vector<std::vector<int32_t>>& breakers);

  // If `tokens` (not empty) begin with a breaker: how many tokens of it follow the first, the most if several do. Else -1.
  int64_t match(std::span<const int32_t> tokens) const;
  // A token that breaks by itself.
  bool breaks_alone(int32_t token) const { return match({&token, 1}) == 0; }

 private:
  struct Breaker {
    int32_t head;
    std::vector<int32_t> tail;
  };

  void add(const Tokenizer& tokenizer, int32_t head, std::string_view text, std::string_view breaker);

  std::vector<Breaker> breakers_;  // by head
};

}  // namespace hearth::text
