// File type numbers to names, and the majority format where there is no number.
//
// Contract: see file_type.h.
// Not here: choosing formats when a model is quantised.
#include "gguf/file_type.h"

#include <algorithm>
#include <array>

namespace hearth::gguf {
namespace {

// By number, as general.file_type has them; empty where a number was withdrawn.
constexpr std::string_view kNames[] = {
    "F32",    "F16",     "Q4_0",   "Q4_1",   "",       "",          "",       "Q8_0",  "Q5_0",    "Q5_1",   "Q2_K",
    "Q3_K_S", "Q3_K_M",  "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_S",    "Q5_K_M", "Q6_K",  "IQ2_XXS", "IQ2_XS", "Q2_K_S",
    "IQ3_XS", "IQ3_XXS", "IQ1_S",  "IQ4_NL", "IQ3_S",  "IQ3_M",     "IQ2_S",  "IQ2_M", "IQ4_XS",  "IQ1_M",  "BF16",
    "",       "",        "",       "TQ1_0",  "TQ2_0",  "MXFP4_MOE", "NVFP4",  "Q1_0",
};
static_assert(std::size(kNames) == 41);
constexpr uint64_t kGuessed = 1024;  // flag: the number was derived from the tensors, not chosen

}  // namespace

std::optional<std::string_view> file_type_name(uint64_t file_type) {
  file_type &= ~kGuessed;
  if (file_type >= std::size(kNames) || kNames[file_type].empty()) return std::nullopt;
  return kNames[file_type];
}

std::string quantisation_label(const View& view) {
  if (const std::optional<uint64_t> number = view.get_u64("general.file_type")) {
    if (const std::optional<std::string_view> name = file_type_name(*number)) return std::string(*name);
  }
  if (view.tensors().empty()) return "unknown";
  std::array<uint64_t, quant::kFormatLimit> bytes{};
  for (const TensorInfo& tensor : view.tensors()) bytes[static_cast<uint32_t>(tensor.format)] += tensor.bytes;
  const auto largest = std::max_element(bytes.begin(), bytes.end());
  return quant::traits(static_cast<quant::Format>(largest - bytes.begin())).name;
}

}  // namespace hearth::gguf
