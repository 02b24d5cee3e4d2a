// Stable sorting by keys that are template values, as Python's sorted().
//
// Contract: comparisons count as steps; keys that have no order fail. With `reverse` equal items keep their order too.
#pragma once

#include <algorithm>
#include <vector>

#include "text/jinja/operators.h"

namespace hearth::text::jinja {

// A hand-written merge sort: a comparison may throw, and NaN gives no strict order, which std::stable_sort may not
// meet.
template <class T, class Key>
void stable_sort_values(Interpreter& interpreter, std::vector<T>* items, Key key, bool reverse) {
  std::vector<T> merged(items->size());
  interpreter.heap().ensure(items->size() * sizeof(T));
  const auto precedes = [&](const T& a, const T& b) {
    interpreter.step();
    return (reverse ? order(interpreter, key(b), key(a), "<") : order(interpreter, key(a), key(b), "<")) < 0;
  };
  for (size_t width = 1; width < items->size(); width *= 2) {
    for (size_t start = 0; start < items->size(); start += 2 * width) {
      const size_t middle = std::min(start + width, items->size());
      const size_t end = std::min(start + 2 * width, items->size());
      size_t left = start, right = middle;
      for (size_t out = start; out < end; ++out) {
        const bool take_right = left == middle || (right < end && precedes((*items)[right], (*items)[left]));
        merged[out] = (*items)[take_right ? right++ : left++];
      }
    }
    items->swap(merged);
  }
}

}  // namespace hearth::text::jinja
