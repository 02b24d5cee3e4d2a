// Reads the affinity mask and the control group quotas; see cpu_count.h.
#include "base/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <sstream>
#include <vector>

namespace hearth {

namespace {

constexpr int kMaxCpus = 4096;

std::string read_text(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  return text.str();
}

// ceil(quota / period); 0 for no limit.
int whole_cpus(const std::string& quota_text, const std::string& period_text) {
  char* quota_end = nullptr;
  char* period_end = nullptr;
  const long long quota = std::strtoll(quota_text.c_str(), &quota_end, 10);
  const long long period = std::strtoll(period_text.c_str(), &period_end, 10);
  if (quota_end == quota_text.c_str() || period_end == period_text.c_str() || quota <= 0 || period <= 0) return 0;
  const long long cpus = quota / period + (quota % period != 0 ? 1 : 0);
  return static_cast<int>(std::min<long long>(cpus, kMaxCpus));
}

int limit_v2(const std::string& folder) {
  std::istringstream text(read_text(folder + "/cpu.max"));  // "max 100000" or "150000 100000"
  std::string quota, period;
  text >> quota >> period;
  return whole_cpus(quota, period);
}

int limit_v1(const std::string& folder) {
  return whole_cpus(read_text(folder + "/cpu.cfs_quota_us"), read_text(folder + "/cpu.cfs_period_us"));
}

// The smallest limit on the way from `group` up to the root of its hierarchy. A group that is not visible below the mount
// (a container sees the host's path) leaves the mount itself, which is then the container's own group.
int smallest_limit(const std::string& mount, std::string group, int (*limit_of)(const std::string&)) {
  int smallest = 0;
  for (;;) {
    while (!group.empty() && group.back() == '/') group.pop_back();
    const int limit = limit_of(mount + group);
    if (limit > 0) smallest = smallest == 0 ? limit : std::min(smallest, limit);
    const size_t slash = group.rfind('/');
    if (slash == std::string::npos) return smallest;
    group.resize(slash);
  }
}

bool names_cpu(const std::string& controllers) {
  std::istringstream list(controllers);
  for (std::string name; std::getline(list, name, ',');) {
    if (name == "cpu") return true;
  }
  return false;
}

int affinity_cpus() {
  for (int cpus = 1024; cpus <= kMaxCpus * 16; cpus *= 2) {  // the kernel refuses masks smaller than its own
    std::vector<unsigned long> mask(static_cast<size_t>(cpus) / (8 * sizeof(unsigned long)));
    const size_t bytes = mask.size() * sizeof(unsigned long);
    if (sched_getaffinity(0, bytes, reinterpret_cast<cpu_set_t*>(mask.data())) == 0) {
      return std::max(1, CPU_COUNT_S(bytes, reinterpret_cast<cpu_set_t*>(mask.data())));
    }
  }
  return 1;
}

}  // namespace

int cgroup_cpu_limit(const std::string& proc_cgroup, const std::string& mount) {
  int smallest = 0;
  std::istringstream lines(proc_cgroup);
  for (std::string line; std::getline(lines, line);) {  // "id:controllers:path"
    const size_t first = line.find(':');
    const size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const std::string group = line.substr(second + 1);
    int limit = 0;
    if (controllers.empty()) {
      limit = smallest_limit(mount, group, limit_v2);
    } else if (names_cpu(controllers)) {
      limit = smallest_limit(mount + "/" + controllers, group, limit_v1);
      if (limit == 0) limit = smallest_limit(mount + "/cpu", group, limit_v1);
    }
    if (limit > 0) smallest = smallest == 0 ? limit : std::min(smallest, limit);
  }
  return smallest;
}

int usable_cpus() {
  const int allowed = affinity_cpus();
  const int quota = cgroup_cpu_limit(read_text("/proc/self/cgroup"), "/sys/fs/cgroup");
  return quota > 0 ? std::min(allowed, quota) : allowed;
}

}  // namespace hearth
