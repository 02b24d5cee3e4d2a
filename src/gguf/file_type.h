// The quantisation of a whole file in the field's words: "Q4_K_M", "Q8_0", "F16".
//
// Contract: what general.file_type says if its number is known; else the format that holds most of the file's tensor
// bytes; "unknown" for a file without tensors. Pure, thread-safe. Not here: the format of one tensor (quant/traits.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "gguf/view.h"

namespace hearth::gguf {

std::string quantisation_label(const View& view);

// The name of a general.file_type number; nullopt if it is unknown or was withdrawn.
std::optional<std::string_view> file_type_name(uint64_t file_type);

}  // namespace hearth::gguf
