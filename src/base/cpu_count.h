// How many CPUs this process may really use.
//
// Contract: the smaller of the scheduler affinity mask and the control group quota (v1 or v2, rounded up), at least 1.
// Files that are absent or malformed mean "no limit". Not here: CPU features (kernels/select.h).
#pragma once

#include <string>

namespace hearth {

int usable_cpus();

// The quota that the groups of `proc_cgroup` (the text of /proc/self/cgroup) set below `mount` (/sys/fs/cgroup), in whole
// CPUs; 0 if there is none. Separate so that it can be tested on made-up trees.
int cgroup_cpu_limit(const std::string& proc_cgroup, const std::string& mount);

}  // namespace hearth
