// Chooses the kernel table for this machine, once.
#pragma once

#include <string_view>
#include <vector>

#include "hearth/error.h"
#include "kernels/table.h"

namespace hearth::kernels {

// The fastest table this CPU can run.
const KernelTable& best_table();
// By name ("ref", "avx2", "avxvnni", "avx512"); kUnsupported if this CPU cannot run it, kInvalidArgument if there is none so named.
Result<const KernelTable*> table_by_name(std::string_view name);
// All tables this CPU can run, ref first.
std::vector<const KernelTable*> runnable_tables();

// Every compute thread calls this first: MXCSR 0x1F80 (FPCR 0 on Arm), so denormals and rounding are the same everywhere.
void set_float_environment();

}  // namespace hearth::kernels
