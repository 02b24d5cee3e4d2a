// The AVX2 table: AVX2, FMA and F16C, as most x86-64 processors since 2013 have them.
#include "kernels/x86/elementwise_avx2.h"
#include "kernels/x86/table_body.h"

namespace hearth::kernels {
namespace {

DEFINE_LINEAR_TABLE(avx2)

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
