// Memory for the tokenizers' hash tables: uninitialised, on huge pages where the system gives them.
//
// Contract: owns `size` trivial elements. Random access to tables of megabytes otherwise costs a page fault and then an
// address translation for nearly every look-up.
// Not here: the tables.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>
#include <type_traits>

namespace hearth::text {

template <class T>
class LargeArray {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);

 public:
  LargeArray() = default;
  explicit LargeArray(size_t size) {
    constexpr size_t kHugePage = size_t{1} << 21;
    const size_t bytes = size * sizeof(T);
    void* memory = nullptr;
    if (bytes >= kHugePage) {
      const size_t rounded = (bytes + kHugePage - 1) / kHugePage * kHugePage;
      memory = std::aligned_alloc(kHugePage, rounded);
      if (memory != nullptr) madvise(memory, rounded, MADV_HUGEPAGE);  // a hint: refusal changes nothing
    } else {
      memory = std::malloc(bytes == 0 ? 1 : bytes);
    }
    if (memory == nullptr) throw std::bad_alloc();
    data_.reset(static_cast<T*>(memory));
  }
  T& operator[](size_t i) { return data_.get()[i]; }
  const T& operator[](size_t i) const { return data_.get()[i]; }

 private:
  struct Free {
    void operator()(T* memory) const { std::free(memory); }
  };
  std::unique_ptr<T, Free> data_;
};

}  // namespace hearth::text
