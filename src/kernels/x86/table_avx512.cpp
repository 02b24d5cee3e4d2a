// The AVX-512 table: F, BW, VL, DQ and VNNI. Weights are converted by the AVX2 functions, whose panels fit vpdpbusd too.
#include "kernels/x86/elementwise_avx512.h"
#include "kernels/x86/table_body.h"

namespace hearth::kernels {
namespace {

DEFINE_LINEAR_TABLE(avx512)

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
