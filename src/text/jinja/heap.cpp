// Counting and freeing of a render's objects; see heap.h.
#include "text/jinja/heap.h"

#include "text/jinja/limits.h"
#include "text/jinja/template_error.h"

namespace hearth::text::jinja {

void Heap::ensure(size_t bytes) const {
  if (bytes > kMaxHeapBytes || used_ > kMaxHeapBytes - bytes) {
    fail_limit("the template needs more than " + std::to_string(kMaxHeapBytes >> 20) + " MiB of memory");
  }
}

void Heap::charge(size_t bytes) {
  ensure(bytes);
  used_ += bytes;
}

void Heap::add_charge(Object* object, size_t bytes) {
  charge(bytes);
  object->charge_ += bytes;
}

void Heap::adopt(Object* object, size_t charge) {
  object->heap_ = this;
  object->charge_ = charge;
  object->next_ = first_;
  if (first_ != nullptr) first_->previous_ = object;
  first_ = object;
}

void Heap::destroy(Object* object) {
  if (object->previous_ != nullptr) object->previous_->next_ = object->next_;
  if (object->next_ != nullptr) object->next_->previous_ = object->previous_;
  if (first_ == object) first_ = object->next_;
  used_ -= object->charge_;
  delete object;
}

// Deleting an object releases what it holds, which may bring further objects here: they wait in dead_.
void Heap::free(Object* object) {
  dead_.push_back(object);
  if (freeing_) return;
  freeing_ = true;
  while (!dead_.empty()) {
    Object* next = dead_.back();
    dead_.pop_back();
    destroy(next);
  }
  freeing_ = false;
}

Heap::~Heap() {
  // With one reference more, nothing is freed while the circles are opened.
  for (Object* object = first_; object != nullptr; object = object->next_) ++object->references_;
  for (Object* object = first_; object != nullptr; object = object->next_) object->clear();
  while (first_ != nullptr) destroy(first_);
}

}  // namespace hearth::text::jinja
