// What this process has resident, its own memory apart from pages of files.
//
// Contract: reads /proc/self/status; a line that is absent counts as 0. Megabytes are 10^6 bytes.
// Not here: what may be used (engine/memory.h).
#pragma once

namespace hearth::cli {

struct ProcessMemory {
  double anonymous_mb = 0;  // RssAnon: keys and values, scratch, tables; no one else can have it
  double file_mb = 0;       // RssFile: pages of the model file (and the program), which the kernel may take back
  double peak_mb = 0;       // VmHWM: the most that was ever resident, both together
};

ProcessMemory process_memory();

}  // namespace hearth::cli
