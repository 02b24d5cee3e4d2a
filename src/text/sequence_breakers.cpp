// Contract and exclusions: text/sequence_breakers.h.
#include "text/sequence_breakers.h"

#include <algorithm>
#include <bitset>
#include <string_view>

#include "text/tokenizer.h"

namespace hearth::text {

Result<void> SequenceBreakers::validate(std::span<const std::string> breakers) {
  if (breakers.size() > kMaxBreakers) {
    return Error{ErrorCode::kInvalidArgument, "there are " + std::to_string(breakers.size()) + " sequence breakers; at most " +
                                                  std::to_string(kMaxBreakers) + " are possible"};
  }
  for (const std::string& breaker : breakers) {
    if (breaker.size() <= kMaxBytes) continue;
    return Error{ErrorCode::kInvalidArgument, "a sequence breaker has " + std::to_string(breaker.size()) + " bytes; at most " +
                                                  std::to_string(kMaxBytes) + " are possible"};
  }
  return {};
}

// What `breaker` wants to follow a token with this text: nothing, or the rest of it in each way that the text begins it.
void SequenceBreakers::add(const Tokenizer& tokenizer, int32_t head, std::string_view text, std::string_view breaker) {
  if (text.find(breaker) != std::string_view::npos) {
    breakers_.push_back({head, {}});
    return;
  }
  for (size_t length = std::min(text.size(), breaker.size() - 1); length > 0; --length) {
    if (!text.ends_with(breaker.substr(0, length))) continue;
    breakers_.push_back({head, tokenizer.encode(breaker.substr(length), {.add_start = false, .parse_special = false})});
  }
}

std::shared_ptr<const SequenceBreakers> SequenceBreakers::find(const Tokenizer& tokenizer,
                                                               std::span<const std::string> breakers) {
  auto result = std::make_shared<SequenceBreakers>();
  std::bitset<256> begins;
  for (const std::string& breaker : breakers) {
    if (!breaker.empty()) begins.set(static_cast<unsigned char>(breaker[0]));
  }
  const auto begin_of = [&](std::string_view text) {
    return std::any_of(text.begin(), text.end(), [&](char c) { return begins.test(static_cast<unsigned char>(c)); });
  };
  for (int32_t id = 0; id < tokenizer.size(); ++id) {
    const std::string_view text = tokenizer.token_bytes(id, /*special=*/true);
    if (!begin_of(text)) continue;
    for (const std::string& breaker : breakers) {
      if (!breaker.empty()) result->add(tokenizer, id, text, breaker);
    }
  }
  return result;
}

std::shared_ptr<const SequenceBreakers> SequenceBreakers::of_tokens(const std::vector<std::vector<int32_t>>& breakers) {
  auto result = std::make_shared<SequenceBreakers>();
  for (const std::vector<int32_t>& breaker : breakers) {
    if (!breaker.empty()) result->breakers_.push_back({breaker[0], {breaker.begin() + 1, breaker.end()}});
  }
  std::stable_sort(result->breakers_.begin(), result->breakers_.end(),
                   [](const Breaker& a, const Breaker& b) { return a.head < b.head; });
  return result;
}

int64_t SequenceBreakers::match(std::span<const int32_t> tokens) const {
  const auto first = std::lower_bound(breakers_.begin(), breakers_.end(), tokens.front(),
                                      [](const Breaker& breaker, int32_t token) { return breaker.head < token; });
  int64_t longest = -1;
  for (auto it = first; it != breakers_.end() && it->head == tokens.front(); ++it) {
    const auto length = static_cast<int64_t>(it->tail.size());
    if (length <= longest || it->tail.size() >= tokens.size()) continue;
    if (std::equal(it->tail.begin(), it->tail.end(), tokens.begin() + 1)) longest = length;
  }
  return longest;
}

}  // namespace hearth::text
