// GuardedRange: memory backed by a file whose pages may vanish while they are read, because the file is cut short or its
// disk fails.
//
// Contract: while a GuardedRange lives, reading a vanished page in it gives zeros instead of ending the program with
// SIGBUS, and first_lost() tells whoever synchronises with the reader afterwards. All of the range from that page on is
// zeros then, for good. A SIGBUS elsewhere does what it did before. Thread-safe.
// Not here: noticing losses that no page fault shows (base/mapped_file), unmapping.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace hearth {

class GuardedRange {
 public:
  // `data` is page-aligned; `name` is for the message if not even zeros can be mapped.
  GuardedRange(const void* data, size_t bytes, std::string_view name);
  GuardedRange(const GuardedRange&) = delete;
  GuardedRange& operator=(const GuardedRange&) = delete;
  ~GuardedRange();  // before the memory is unmapped
  std::optional<size_t> first_lost() const;  // offset of the first vanished byte that was read

  struct Slot;

 private:
  Slot* slot_;
};

}  // namespace hearth
