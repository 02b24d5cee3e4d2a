// Bringing mapped bytes into memory before they are used.
//
// Contract: hints about bytes of a file mapping, widened to whole pages; failure, also of a file that was cut short, changes
// nothing but speed. Thread-safe.
// Not here: mapping (base/mapped_file.h), order and amount (the caller).
#pragma once

#include <cstddef>
#include <span>

namespace hearth {

// Asks the system to read the bytes from disk, without waiting.
void start_reading(std::span<const std::byte> bytes);

// Reads what is not in memory, waiting for it, and maps all of it, so that first uses cost no page fault.
void make_present(std::span<const std::byte> bytes);

}  // namespace hearth
