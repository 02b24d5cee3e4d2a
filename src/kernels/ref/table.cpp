// The scalar table: the specification of every kernel, and the one that any machine can run.
#include "kernels/ref/elementwise.h"
#include "kernels/ref/linear.h"

namespace hearth::kernels {
namespace {

constexpr KernelTable build() {
  KernelTable table{};
  table.name = "ref";
  ref::fill_linear(table.formats);
  ref::fill_elementwise(table);
  return table;
}

}  // namespace

constinit const KernelTable kRefTable = build();

}  // namespace hearth::kernels
