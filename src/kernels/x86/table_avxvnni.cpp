// The AVX-VNNI table: 256-bit vpdpbusd for quantised weights, the AVX2 functions for all else. Laptops since 2021 that lack AVX-512.
#include "kernels/x86/elementwise_avx2.h"
#include "kernels/x86/table_body.h"

namespace hearth::kernels {
namespace {

DEFINE_LINEAR_TABLE(avxvnni)

constexpr KernelTable build() {
  KernelTable table{};
  table.name = "avxvnni";
  fill_linear(table.formats);
  avx2::fill_elementwise(table);
  return table;
}

}  // namespace

constinit const KernelTable kAvxVnniTable = build();

}  // namespace hearth::kernels
