// Names of control tokens that end an answer, whatever a file's keys say.
//
// Contract: pure look-up.
// Not here: the keys of a file.
#pragma once

#include <string_view>

namespace hearth::text {

// Many files name only one end token though their models use several.
inline bool is_stop_name(std::string_view text) {
  constexpr std::string_view kNames[] = {
      "<|im_end|>",     "<|endoftext|>",   "<|end_of_text|>", "<end_of_turn>", "<|eot_id|>",
      "<|eom_id|>",     "<|end|>",         "</s>",            "<EOT>",         "_<EOT>",
      "<|EOT|>",        "< EOT >",         "<eos>",           "<|endofturn|>", "<|end_of_turn|>",
      "<|return|>",     "<|call|>",        "<｜end▁of▁sentence｜>",            "<|END_OF_TURN_TOKEN|>",
      "<|fim_pad|>",    "<|repo_name|>",   "<|file_sep|>",    "<end_of_utterance>",
  };
  for (const std::string_view name : kNames) {
    if (text == name) return true;
  }
  return false;
}

}  // namespace hearth::text
