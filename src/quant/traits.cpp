// The table of block formats and the names of all GGUF tensor types.
//
// Contract: see traits.h. A format is supported if and only if it has a row in kTable.
// Not here: the functions themselves (one file per format).
#include "quant/traits.h"

#include <array>

#include "hearth/error.h"
#include "quant/formats.h"

namespace hearth::quant {
namespace {

constexpr FormatTraits kTable[] = {
    {Format::kF32, "F32", 4, 1, decode_f32, encode_f32},
    {Format::kF16, "F16", 2, 1, decode_f16, encode_f16},
    {Format::kQ4_0, "Q4_0", sizeof(BlockQ4_0), kSmallBlock, decode_q4_0, encode_q4_0},
    {Format::kQ4_1, "Q4_1", sizeof(BlockQ4_1), kSmallBlock, decode_q4_1, encode_q4_1},
    {Format::kQ5_0, "Q5_0", sizeof(BlockQ5_0), kSmallBlock, decode_q5_0, encode_q5_0},
    {Format::kQ5_1, "Q5_1", sizeof(BlockQ5_1), kSmallBlock, decode_q5_1, encode_q5_1},
    {Format::kQ8_0, "Q8_0", sizeof(BlockQ8_0), kSmallBlock, decode_q8_0, encode_q8_0},
    {Format::kQ2_K, "Q2_K", sizeof(BlockQ2_K), kSuperBlock, decode_q2_k, nullptr},
    {Format::kQ3_K, "Q3_K", sizeof(BlockQ3_K), kSuperBlock, decode_q3_k, nullptr},
    {Format::kQ4_K, "Q4_K", sizeof(BlockQ4_K), kSuperBlock, decode_q4_k, encode_q4_k},
    {Format::kQ5_K, "Q5_K", sizeof(BlockQ5_K), kSuperBlock, decode_q5_k, encode_q5_k},
    {Format::kQ6_K, "Q6_K", sizeof(BlockQ6_K), kSuperBlock, decode_q6_k, encode_q6_k},
    {Format::kIQ4_NL, "IQ4_NL", sizeof(BlockIQ4_NL), kSmallBlock, decode_iq4_nl, nullptr},
    {Format::kIQ4_XS, "IQ4_XS", sizeof(BlockIQ4_XS), kSuperBlock, decode_iq4_xs, nullptr},
    {Format::kBF16, "BF16", 2, 1, decode_bf16, encode_bf16},
};

// From the type number to the row.
constexpr std::array<const FormatTraits*, kFormatLimit> kByNumber = [] {
  std::array<const FormatTraits*, kFormatLimit> result{};
  for (const FormatTraits& row : kTable) result[static_cast<uint32_t>(row.format)] = &row;
  return result;
}();

// Names by type number, as the GGUF specification gives them; empty where a number was withdrawn.
constexpr std::string_view kNames[] = {
    "F32",   "F16",    "Q4_0",  "Q4_1", "",     "",        "Q5_0",   "Q5_1",    "Q8_0",  "Q8_1",   "Q2_K",
    "Q3_K",  "Q4_K",   "Q5_K",  "Q6_K", "Q8_K", "IQ2_XXS", "IQ2_XS", "IQ3_XXS", "IQ1_S", "IQ4_NL", "IQ3_S",
    "IQ2_S", "IQ4_XS", "I8",    "I16",  "I32",  "I64",     "F64",    "IQ1_M",   "BF16",  "",       "",
    "",      "TQ1_0",  "TQ2_0", "",     "",     "",        "MXFP4",  "NVFP4",   "Q1_0",
};
static_assert(std::size(kNames) == 42);

}  // namespace

const FormatTraits* traits(uint32_t gguf_type) {
  return gguf_type < kFormatLimit ? kByNumber[gguf_type] : nullptr;
}

const FormatTraits& traits(Format format) {
  const FormatTraits* row = traits(static_cast<uint32_t>(format));
  CHECK(row != nullptr);
  return *row;
}

std::optional<std::string_view> gguf_type_name(uint32_t gguf_type) {
  if (gguf_type >= std::size(kNames) || kNames[gguf_type].empty()) return std::nullopt;
  return kNames[gguf_type];
}

}  // namespace hearth::quant
