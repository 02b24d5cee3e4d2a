// The order of preference of the kernel tables, and the float environment that all of them assume.
#include "kernels/select.h"

#include <string>

#include "base/cpu_features.h"
#include "kernels/table.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace hearth::kernels {
namespace {

struct Candidate {
  const KernelTable* table;
  bool runnable;
};

// Slowest first.
std::vector<Candidate> candidates() {
  return {
      {&kRefTable, true},
#if defined(__x86_64__)
      {&kAvx2Table, cpu_features().avx2},
      {&kAvxVnniTable, cpu_features().avxvnni},
      {&kAvx512Table, cpu_features().avx512},
#endif
  };
}

}  // namespace

const KernelTable& best_table() { return *runnable_tables().back(); }

Result<const KernelTable*> table_by_name(std::string_view name) {
  std::string known;
  for (const Candidate& candidate : candidates()) {
    if (name == candidate.table->name) {
      if (candidate.runnable) return candidate.table;
      return Error{ErrorCode::kUnsupported, "this processor cannot run the '" + std::string(name) + "' kernels"};
    }
    known += (known.empty() ? "" : ", ") + std::string(candidate.table->name);
  }
  return Error{ErrorCode::kInvalidArgument, "no kernels named '" + std::string(name) + "'; there are: " + known};
}

std::vector<const KernelTable*> runnable_tables() {
  std::vector<const KernelTable*> tables;
  for (const Candidate& candidate : candidates()) {
    if (candidate.runnable) tables.push_back(candidate.table);
  }
  return tables;
}

void set_float_environment() {
#if defined(__x86_64__)
  _mm_setcsr(0x1F80);  // round to nearest even, denormals kept, all exceptions masked
#elif defined(__aarch64__)
  __asm__ volatile("msr fpcr, %0" : : "r"(uint64_t{0}));
#endif
}

}  // namespace hearth::kernels
