// Contract and exclusions: cli/bench/process_memory.h.
#include "cli/bench/process_memory.h"

#include <charconv>
#include <fstream>
#include <string>

namespace hearth::cli {

ProcessMemory process_memory() {
  ProcessMemory memory;
  const std::pair<const char*, double*> fields[] = {
      {"RssAnon:", &memory.anonymous_mb}, {"RssFile:", &memory.file_mb}, {"VmHWM:", &memory.peak_mb}};
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    for (const auto& [name, megabytes] : fields) {
      if (!line.starts_with(name)) continue;
      const size_t digits = line.find_first_of("0123456789");
      int64_t kibibytes = 0;
      if (digits != std::string::npos) std::from_chars(line.data() + digits, line.data() + line.size(), kibibytes);
      *megabytes = static_cast<double>(kibibytes) * 1024 / 1e6;
    }
  }
  return memory;
}

}  // namespace hearth::cli
