// The AVX-512 table: F, BW, VL, DQ and VNNI. Weights are converted by the AVX2 functions, whose panels fit vpdpbusd too.
#include "kernels/x86/elementwise_avx512.h"
#include "kernels/x86/linear.h"
#include "kernels/x86/panel_avx2.h"

namespace hearth::kernels {
namespace {

constexpr void fill_linear(FormatKernels* formats) {
  using namespace avx512;
  using quant::Format;
  auto set = [formats](Format format, size_t bytes, Convert* convert, Multiply* multiply, Decode* decode) {
    formats[static_cast<uint32_t>(format)] = {bytes, convert, multiply, decode};
  };
  constexpr size_t kFloatBytes = sizeof(float) * kBlock * kPanelRows;
  set(Format::kF32, kFloatBytes, avx2::convert_f32, multiply_float, nullptr);
  set(Format::kF16, kFloatBytes, avx2::convert_f16, multiply_float, nullptr);
  set(Format::kBF16, kFloatBytes, avx2::convert_bf16, multiply_float, nullptr);
  set(Format::kQ4_0, sizeof(avx2::PanelBlock<avx2::ShapeQ4Offset>), avx2::convert_q4_0, multiply_q4_offset, decode_q4_0);
  set(Format::kQ4_1, sizeof(avx2::PanelBlock<avx2::ShapeQ4Minimum>), avx2::convert_q4_1, multiply_q4_minimum, decode_q4_1);
  set(Format::kQ5_0, sizeof(avx2::PanelBlock<avx2::ShapeQ5Offset>), avx2::convert_q5_0, multiply_q5_offset, decode_q5_0);
  set(Format::kQ5_1, sizeof(avx2::PanelBlock<avx2::ShapeQ5Minimum>), avx2::convert_q5_1, multiply_q5_minimum, decode_q5_1);
  set(Format::kQ8_0, sizeof(avx2::PanelBlock<avx2::ShapeSigned>), avx2::convert_q8_0, multiply_signed, decode_q8_0);
  set(Format::kQ2_K, sizeof(avx2::PanelBlock<avx2::ShapeQ2K>), avx2::convert_q2_k, multiply_q2_k, decode_q2_k);
  set(Format::kQ3_K, sizeof(avx2::PanelBlock<avx2::ShapeQ3K>), avx2::convert_q3_k, multiply_q3_k, decode_q3_k);
  set(Format::kQ4_K, sizeof(avx2::PanelBlock<avx2::ShapeQ4Minimum>), avx2::convert_q4_k, multiply_q4_minimum, decode_q4_k);
  set(Format::kQ5_K, sizeof(avx2::PanelBlock<avx2::ShapeQ5Minimum>), avx2::convert_q5_k, multiply_q5_minimum, decode_q5_k);
  set(Format::kQ6_K, sizeof(avx2::PanelBlock<avx2::ShapeQ6K>), avx2::convert_q6_k, multiply_q6_k, decode_q6_k);
  set(Format::kIQ4_NL, sizeof(avx2::PanelBlock<avx2::ShapeSigned>), avx2::convert_iq4_nl, multiply_signed, decode_iq4_nl);
  set(Format::kIQ4_XS, sizeof(avx2::PanelBlock<avx2::ShapeSigned>), avx2::convert_iq4_xs, multiply_signed, decode_iq4_xs);
}

constexpr KernelTable build() {
  KernelTable table{};
  table.name = "avx512";
  fill_linear(table.formats);
  avx512::fill_elementwise(table);
  return table;
}

}  // namespace

constinit const KernelTable kAvx512Table = build();

}  // namespace hearth::kernels
