// Replaces operator new by one that counts, for tests that prove that a loop does not allocate.
//
// Contract: included by exactly one file of a test program, which holds nothing else (the compiler must not see new and
// delete through each other). Other files declare `namespace hearth { int64_t allocation_count(); }`. Counts all threads.
// Not here: malloc called directly; none of our code does.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace hearth {

static std::atomic<int64_t> counted_allocations{0};

int64_t allocation_count() { return counted_allocations.load(); }

static void* counted_allocation(size_t size, size_t alignment) {
  counted_allocations.fetch_add(1, std::memory_order_relaxed);
  void* memory = alignment <= alignof(std::max_align_t)
                     ? std::malloc(size > 0 ? size : 1)
                     : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace hearth

void* operator new(size_t size) { return hearth::counted_allocation(size, 1); }
void* operator new(size_t size, std::align_val_t alignment) {
  return hearth::counted_allocation(size, static_cast<size_t>(alignment));
}
// A sanitizer's own form of these would be paired with the delete below.
void* operator new(size_t size, const std::nothrow_t&) noexcept {
  try {
    return hearth::counted_allocation(size, 1);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void* operator new(size_t size, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  try {
    return hearth::counted_allocation(size, static_cast<size_t>(alignment));
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
