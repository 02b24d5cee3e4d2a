// The AVX2 table: AVX2, FMA and F16C, as most x86-64 processors since 2013 have them.
#include "kernels/x86/elementwise_avx2.h"
#include "kernels/x86/linear.h"
#include "kernels/x86/panel_avx2.h"

namespace hearth::kernels {
namespace {

constexpr void fill_linear(FormatKernels* formats) {
  using namespace avx2;
  using quant::Format;
  auto set = [formats](Format format, size_t bytes, Convert* convert, Multiply* multiply, Decode* decode) {
    formats[static_cast<uint32_t>(format)] = {bytes, convert, multiply, decode};
  };
  constexpr size_t kFloatBytes = sizeof(float) * kBlock * kPanelRows;
  set(Format::kF32, kFloatBytes, convert_f32, multiply_float, nullptr);
  set(Format::kF16, kFloatBytes, convert_f16, multiply_float, nullptr);
  set(Format::kBF16, kFloatBytes, convert_bf16, multiply_float, nullptr);
  set(Format::kQ4_0, sizeof(PanelBlock<ShapeQ4Offset>), convert_q4_0, multiply_q4_offset, decode_q4_0);
  set(Format::kQ4_1, sizeof(PanelBlock<ShapeQ4Minimum>), convert_q4_1, multiply_q4_minimum, decode_q4_1);
  set(Format::kQ5_0, sizeof(PanelBlock<ShapeQ5Offset>), convert_q5_0, multiply_q5_offset, decode_q5_0);
  set(Format::kQ5_1, sizeof(PanelBlock<ShapeQ5Minimum>), convert_q5_1, multiply_q5_minimum, decode_q5_1);
  set(Format::kQ8_0, sizeof(PanelBlock<ShapeSigned>), convert_q8_0, multiply_signed, decode_q8_0);
  set(Format::kQ2_K, sizeof(PanelBlock<ShapeQ2K>), convert_q2_k, multiply_q2_k, decode_q2_k);
  set(Format::kQ3_K, sizeof(PanelBlock<ShapeQ3K>), convert_q3_k, multiply_q3_k, decode_q3_k);
  set(Format::kQ4_K, sizeof(PanelBlock<ShapeQ4Minimum>), convert_q4_k, multiply_q4_minimum, decode_q4_k);
  set(Format::kQ5_K, sizeof(PanelBlock<ShapeQ5Minimum>), convert_q5_k, multiply_q5_minimum, decode_q5_k);
  set(Format::kQ6_K, sizeof(PanelBlock<ShapeQ6K>), convert_q6_k, multiply_q6_k, decode_q6_k);
  set(Format::kIQ4_NL, sizeof(PanelBlock<ShapeSigned>), convert_iq4_nl, multiply_signed, decode_iq4_nl);
  set(Format::kIQ4_XS, sizeof(PanelBlock<ShapeSigned>), convert_iq4_xs, multiply_signed, decode_iq4_xs);
}

constexpr KernelTable build() {
  KernelTable table{};
  table.name = "avx2";
  fill_linear(table.formats);
  avx2::fill_elementwise(table);
  return table;
}

}  // namespace

constinit const KernelTable kAvx2Table = build();

}  // namespace hearth::kernels
