// See page_in.h.
#include "base/page_in.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace hearth {
namespace {

#ifndef MADV_POPULATE_READ
constexpr int MADV_POPULATE_READ = 22;
#endif

void advise(std::span<const std::byte> bytes, int advice) {
  if (bytes.empty()) return;
  static const uintptr_t page_mask = ~(static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE)) - 1);
  const auto begin = reinterpret_cast<uintptr_t>(bytes.data()) & page_mask;
  const uintptr_t end = reinterpret_cast<uintptr_t>(bytes.data()) + bytes.size();
  (void)::madvise(reinterpret_cast<void*>(begin), end - begin, advice);
}

}  // namespace

void start_reading(std::span<const std::byte> bytes) { advise(bytes, MADV_WILLNEED); }

// Linux before 5.14 does not know the advice; pages then come one by one, as they would without this call.
void make_present(std::span<const std::byte> bytes) { advise(bytes, MADV_POPULATE_READ); }

}  // namespace hearth
