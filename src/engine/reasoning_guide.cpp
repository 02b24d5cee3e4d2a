// Contract and exclusions: engine/reasoning_guide.h.
#include "engine/reasoning_guide.h"

#include "text/tools/json_scanner.h"

namespace hearth {

ReasoningGuide::ReasoningGuide(const ReasoningLimit& limit, const text::Tokenizer& tokenizer)
    : limit_(limit), tokenizer_(tokenizer),
      state_(!limit.form.exists() ? State::kOver : limit.begun ? State::kInside : State::kBefore) {
  if (limit_.begun && limit_.budget == 0) watch_end("");
}

void ReasoningGuide::watch_begin(std::string_view bytes) {
  seen_ += bytes;
  ++tokens_;
  std::string_view seen = seen_;
  while (!seen.empty() && text::tools::is_blank(seen.front())) seen.remove_prefix(1);
  const std::string_view begin = limit_.form.begin;
  if (seen.size() >= begin.size() && seen.starts_with(begin)) {
    state_ = State::kInside;
    const std::string rest(seen.substr(begin.size()));
    seen_.clear();
    if (!rest.empty() || limit_.budget == 0) watch_end(rest);
  } else if (!begin.starts_with(seen)) {
    state_ = State::kOver;
    tokens_ = 0;
    seen_.clear();
  }
}

void ReasoningGuide::watch_end(std::string_view bytes) {
  const std::string& end = limit_.form.end;
  seen_ += bytes;
  if (seen_.find(end) != std::string::npos) {
    state_ = State::kOver;
    return;
  }
  if (limit_.budget >= 0 && inside_ >= limit_.budget && settled_.empty()) {
    settle();
  }
  if (seen_.size() >= end.size()) seen_.erase(0, seen_.size() - end.size() + 1);
}

// A tokenizer that puts a space before its text writes it as a token of its own before a line end.
void ReasoningGuide::settle() {
  const bool spaced = tokenizer_.strips_first_space();
  const bool at_line_start = !spaced && (seen_.empty() || seen_.back() == '\n');
  settled_ = tokenizer_.encode((at_line_start ? "" : "\n") + limit_.form.end + "\n\n", {.add_start = false, .parse_special = true});
  if (spaced && !settled_.empty() && tokenizer_.token_bytes(settled_.front()) == " ") settled_.erase(settled_.begin());
}

void ReasoningGuide::take(int32_t token) {
  if (used_ < settled_.size()) ++used_;
  if (state_ == State::kOver) return;
  const std::string_view bytes = tokenizer_.token_bytes(token, /*special=*/true);
  if (state_ == State::kBefore) return watch_begin(bytes);
  ++tokens_;
  ++inside_;
  watch_end(bytes);
}

}  // namespace hearth
