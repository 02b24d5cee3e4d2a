// The objects of one render: what they cost, and freeing them all at the end.
//
// Contract: charge() fails at kMaxHeapBytes before the memory is taken. Freeing is iterative, so no depth of nesting
// can exhaust the stack; objects that hold each other in a circle are freed by the destructor. One thread. Not here:
// the kinds of objects (value.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace hearth::text::jinja {

class Heap;

class Object {
 public:
  Object() = default;
  virtual ~Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  virtual void clear() {}  // lets go of every value it holds

 private:
  friend class Heap;
  friend inline void retain(Object* object);
  friend inline void release(Object* object);
  Heap* heap_ = nullptr;  // null: a constant, neither counted nor freed here
  uint64_t references_ = 0;
  size_t charge_ = 0;
  Object* previous_ = nullptr;
  Object* next_ = nullptr;
};

class Heap {
 public:
  Heap() = default;
  ~Heap();
  Heap(const Heap&) = delete;
  Heap& operator=(const Heap&) = delete;

  void charge(size_t bytes);  // fails when the limit is passed
  void discharge(size_t bytes) { used_ -= bytes; }
  void ensure(size_t bytes) const;  // fails if so many more would pass the limit
  size_t used() const { return used_; }

  // Takes ownership of a new object that holds `payload` bytes beside itself.
  template <class T, class... Args>
  T* make(size_t payload, Args&&... args) {
    charge(sizeof(T) + payload);
    T* object = nullptr;
    try {
      object = new T(std::forward<Args>(args)...);
    } catch (...) {
      discharge(sizeof(T) + payload);
      throw;
    }
    adopt(object, sizeof(T) + payload);
    return object;
  }
  void add_charge(Object* object, size_t bytes);  // the object has grown

 private:
  friend inline void release(Object* object);
  void adopt(Object* object, size_t charge);
  void free(Object* object);
  void destroy(Object* object);
  size_t used_ = 0;
  Object* first_ = nullptr;
  std::vector<Object*> dead_;
  bool freeing_ = false;
};

inline void retain(Object* object) {
  if (object->heap_ != nullptr) ++object->references_;
}
inline void release(Object* object) {
  if (object->heap_ != nullptr && --object->references_ == 0) object->heap_->free(object);
}

// Bytes of something that grows outside any object; given back at the end of the scope.
class Reservation {
 public:
  explicit Reservation(Heap& heap) : heap_(heap) {}
  ~Reservation() { heap_.discharge(bytes_); }
  Reservation(const Reservation&) = delete;
  Reservation& operator=(const Reservation&) = delete;
  void grow(size_t bytes) {
    heap_.charge(bytes);
    bytes_ += bytes;
  }

 private:
  Heap& heap_;
  size_t bytes_ = 0;
};

}  // namespace hearth::text::jinja
